"""What a model file is, from its header alone: names, shapes, dtypes and metadata. Needs neither torch nor NumPy."""
