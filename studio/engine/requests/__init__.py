"""What can be asked of the engine: frozen, validated values. Importable without torch."""
