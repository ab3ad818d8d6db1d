"""Profiles transferred to a related device by a few measurements."""
