"""Predictions from labelled architectures."""
