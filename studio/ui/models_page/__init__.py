"""The page that lists the installed models."""
