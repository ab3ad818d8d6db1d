"""One network scaled into a family."""
