"""Floor 7: why a network decided as it did, and what its units look for."""
