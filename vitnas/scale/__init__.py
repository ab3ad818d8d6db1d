"""Families from one network: rules over architectures, which neither measure nor write anything."""
