"""Optuna studies: what other tools, such as optuna-dashboard, read of a run."""
