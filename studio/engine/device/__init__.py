"""Where models run: devices, and the precision each is fastest in."""
