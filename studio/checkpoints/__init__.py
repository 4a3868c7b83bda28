"""Model files: cards, weights, and their folders."""
