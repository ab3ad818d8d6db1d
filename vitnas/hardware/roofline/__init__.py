"""The fitted latency model."""
