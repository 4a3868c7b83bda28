"""From request to events: the headless heart of the program."""
