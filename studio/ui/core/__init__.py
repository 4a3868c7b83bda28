"""What every feature of the window stands on: the engine thread, frames, settings, background work."""
