"""Requests to the engine: frozen, validated values. Importable without torch."""
