"""Finished pictures: their files and metadata, the index and its search, exports."""
