"""Whose a resource in the cloud is, and the guard on creates."""
