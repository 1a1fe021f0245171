"""The main job, shown: a real cloud and a real Kubernetes on this machine, the operator between them."""
