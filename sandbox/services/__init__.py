"""What runs inside OpenStack's own environment: the services, with faults, an access log and settlers."""
