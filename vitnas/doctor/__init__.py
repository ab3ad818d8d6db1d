"""Whether searches can run here."""
