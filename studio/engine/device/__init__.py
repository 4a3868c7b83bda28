"""Devices, and the fastest precision of each."""
