"""One credential's project in OpenStack: its collections, and lists that a resync shares."""
