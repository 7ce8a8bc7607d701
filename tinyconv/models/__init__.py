"""Floor 5: the architectures, what they consist of (summary, receptive fields), and their weights on disk."""
