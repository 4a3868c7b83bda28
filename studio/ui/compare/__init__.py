"""Runs side by side, in lockstep or from the disk."""
