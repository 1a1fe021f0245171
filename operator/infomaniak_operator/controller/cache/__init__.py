"""What the operator knows of the objects in Kubernetes: watched, listed again, kept, and filtered by predicates."""
