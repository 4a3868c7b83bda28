"""The base of every feature of the window: the engine thread, frames, settings, background work."""
