"""What people use from Python: searches, runs, fronts, families and prices, in scripts and notebooks."""
