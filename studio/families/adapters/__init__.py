"""What changes a model without being one: which of its layers a LoRA changes. Needs neither torch nor NumPy."""
