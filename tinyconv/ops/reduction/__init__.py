"""What is computed from the elements along dimensions: sums, spreads, extremes, order, counts."""
