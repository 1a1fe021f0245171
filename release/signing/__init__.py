"""Signatures and attestations of a release, in the formats that cosign reads."""
