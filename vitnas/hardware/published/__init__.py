"""Published latencies: what devices are fitted to and compared with."""
