"""Scores compared with known accuracies."""
