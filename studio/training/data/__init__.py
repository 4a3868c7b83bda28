"""Pictures and captions to learn from, and their latents."""
