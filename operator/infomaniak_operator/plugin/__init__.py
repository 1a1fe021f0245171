"""``kubectl infomaniak``: what is wrong with objects of this API, and what to do. It asks Kubernetes, not the cloud."""
