"""Until the window's imports are moved: see `studio.storage`."""

from studio.storage import rename_new as give_name

__all__ = ["give_name"]
