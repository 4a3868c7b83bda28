"""Whether a window can be opened. Qt ends the process if not, so this is checked before Qt is started.

Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import sys

INSTEAD = 'pictures can be made without a window: stepwise generate "a red apple"'
_PLUGIN_LIBRARY = "libxcb-cursor.so.0"  # the one that Qt's window plugin for X needs and many systems lack


def display_fault() -> str | None:
    """Return a sentence on why no window can be opened, and what works instead; None if one can."""
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return None
    if os.environ.get("WAYLAND_DISPLAY"):
        return None
    name = os.environ.get("DISPLAY")
    if not name:
        return f"No window can be opened, because there is no display here; {INSTEAD}."
    if not _answers(name):
        return f"No window can be opened, because the display {name!r} does not answer; {INSTEAD}."
    if not _loads(_PLUGIN_LIBRARY):
        return (
            f"No window can be opened, because the system library {_PLUGIN_LIBRARY} is missing "
            f"(on Debian and Ubuntu: apt-get install libxcb-cursor0); {INSTEAD}."
        )
    return None


def _answers(name: str) -> bool:
    """Whether the X display accepts a connection with the current credentials; True if that cannot be determined."""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(name.encode(errors="surrogateescape"), None)
    try:
        return not xcb.xcb_connection_has_error(connection)
    finally:
        xcb.xcb_disconnect(connection)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
