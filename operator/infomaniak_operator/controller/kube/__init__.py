"""What the operator writes to Kubernetes: status, conditions, the finalizer and Events."""
