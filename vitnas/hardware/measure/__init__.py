"""Latencies of this machine: blocks and whole networks, timed in a real runtime."""
