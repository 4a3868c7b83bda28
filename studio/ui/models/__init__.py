"""Observable state: what the views show. No widgets, no torch."""
