"""Model files: cards, weights, and where they lie."""
