"""The kinds of Neutron: networks, routers, security groups, floating IPs."""
