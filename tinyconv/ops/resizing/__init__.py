"""More pixels, fewer pixels, and pixels exchanged with channels."""
