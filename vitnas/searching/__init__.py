"""The search loop and all that it needs."""
