"""A law of accuracy over published networks: what ImageNet top-1 a network may be expected to have."""
