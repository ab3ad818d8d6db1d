"""Runtimes that latencies are measured in, one a file; see `vitnas.hardware.measure.runtime`."""
