"""HAProxy under Octavia, and nft under Neutron: run in the services' own processes, with their own code."""
