"""The main window around the features: pages, rail, status bar, notices, actions."""
