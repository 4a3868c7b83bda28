"""Learning to denoise: objective, data, loop."""
