"""What runs inside OpenStack's own environment: the services under waitress, with faults, an access log and settlers."""
