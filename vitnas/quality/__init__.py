"""How good: qualities of genomes (by the million) and of built networks (one by one)."""
