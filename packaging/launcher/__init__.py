"""What ``launch.py`` needs on a first start, standard library only."""
