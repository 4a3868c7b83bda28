"""Model families: how each is recognised, its networks, conditioning, noise levels and defaults."""
