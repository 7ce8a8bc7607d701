"""Floor 7: one HTML file that shows what a run learnt."""
