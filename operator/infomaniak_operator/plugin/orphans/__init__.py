"""``orphans``: what carries a mark of this cluster and has no owner."""
