"""One part of the window a file; each is given the models it shows."""
