"""Device profiles: their schema and their files."""
