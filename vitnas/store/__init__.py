"""What is on disk: run folders, their log, locks."""
