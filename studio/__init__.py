"""Stepwise Studio: make pictures with diffusion models and watch them form."""

__version__ = "0.1.0"
