"""Infomaniak Public Cloud networking: a Kubernetes operator and a Python client in one package."""

__version__ = "0.2.0"
