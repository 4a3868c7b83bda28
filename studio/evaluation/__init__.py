"""The measurements of ``stepwise evaluate``."""
