"""Models whose networks are built from the configurations in their folder, which are read strictly."""
