"""What a training loop calls: helpers that no search needs."""
