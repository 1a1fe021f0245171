"""``diff``: specs against the cloud, field by field, and what the operator would do."""
