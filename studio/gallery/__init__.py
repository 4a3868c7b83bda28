"""Finished pictures: files, metadata, catalogue."""
