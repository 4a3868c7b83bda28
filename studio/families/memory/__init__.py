"""What the networks of families take in memory, and how they take less."""
