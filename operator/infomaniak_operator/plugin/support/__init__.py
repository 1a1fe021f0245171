"""``kubectl infomaniak support-bundle``: what support needs to know, in one file without secrets."""
