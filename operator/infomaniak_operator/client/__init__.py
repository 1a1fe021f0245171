"""The cloud: sessions, credentials, errors and every operation. Knows nothing of Kubernetes."""
