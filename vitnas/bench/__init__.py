"""A network in, a durable line out."""
