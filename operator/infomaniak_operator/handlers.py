"""kopf handlers: events in, queue keys out."""
