"""The model files on this machine: scanned in place, remembered, and paired with the parts they lack. No torch."""
