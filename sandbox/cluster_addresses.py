"""The addresses of a cluster with a real node: of Services, Pods, the node itself, and what lies beside it."""

from __future__ import annotations

import ipaddress

API_RANGE = "10.96.0.0/16"
"""Of Services."""
RANGE = ipaddress.ip_network(API_RANGE)
API_SERVICE, DNS_SERVICE = str(RANGE[1]), str(RANGE[10])
"""Of the Service ``kubernetes``, and of the DNS: where kubeadm puts them. The API server gives out the first addresses
of the range only to Services that ask for one."""
PODS = ipaddress.ip_network("10.244.213.0/24")
GATEWAY = str(PODS[1])
"""The node, for its Pods."""
LINK = ipaddress.ip_network("10.244.212.0/30")
MACHINE, NODE_ADDRESS = str(LINK[1]), str(LINK[2])
"""The two ends of the way between the machine and the node. Pods reach nothing of the machine but its end."""
WORLDS = ipaddress.ip_network("10.244.214.0/24")
"""Of projects' network worlds, as the node sees them: an address each."""
EVERY = (RANGE, PODS, LINK, WORLDS)
"""Of which the machine may use none for something else."""
