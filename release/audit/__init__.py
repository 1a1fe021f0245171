"""``make audit``: what can be known of the packages that the lock files name."""
