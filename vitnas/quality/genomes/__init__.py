"""Qualities that rate genomes by the million."""
