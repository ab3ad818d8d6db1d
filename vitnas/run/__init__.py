"""From settings to files."""
