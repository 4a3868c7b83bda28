"""A grid of pictures over two settings."""
