"""The sides of a comparison: tinyconv and what it is held against. Each peer is optional."""
