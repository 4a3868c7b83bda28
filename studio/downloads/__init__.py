"""Downloading models from the Hugging Face Hub: only when asked, in a process of its own. No torch."""
