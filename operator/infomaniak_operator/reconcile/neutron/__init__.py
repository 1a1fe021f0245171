"""The kinds of Neutron: networks, routers, security groups, ports, floating IPs."""
