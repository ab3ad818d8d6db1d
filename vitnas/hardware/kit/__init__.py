"""Kits: folders with which somebody measures a phone without vitnas, and the import of what they measured."""
