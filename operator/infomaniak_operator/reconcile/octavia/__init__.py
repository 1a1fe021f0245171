"""The kinds of Octavia: load balancers, pools, health monitors. A load balancer and all under it are one tree."""
