"""Comparing several runs: made in lockstep, or recorded before."""
