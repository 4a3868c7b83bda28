"""Prompts as artists write them for Stable Diffusion: syntax, tokens, chunks and emphasis."""
