"""The Lease: one replica acts, the others wait."""
