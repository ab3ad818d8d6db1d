"""Files as they come from outside: one reader for each format, which refuses in one line."""
