"""What changes a model without being one: LoRAs and textual inversions."""
