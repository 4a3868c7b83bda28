"""Durations, sizes and counts as people read them, in one place for the command line and the window.

Each function returns a `Message`: plain English as a ``str``, and translatable in the window. Units keep
their symbols (s, min, h, MiB, GiB); sizes are binary, as file managers and graphics drivers count memory. Imports
nothing but `studio.messages`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from studio.messages import message

if TYPE_CHECKING:
    from studio.messages import Message

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_MIB: Final = 2**20
_GIB: Final = 2**30


def duration(seconds: float) -> Message:
    """Return a measured time in the unit that suits it: "12 s", "3 min", "1.5 h", "2.0 days"."""
    if seconds < 1:
        return message("under 1 s")
    if seconds < 1.5 * _MINUTE:
        return message("{seconds:.0f} s", seconds=seconds)
    if seconds < 1.5 * _HOUR:
        return message("{minutes:.0f} min", minutes=seconds / _MINUTE)
    if seconds < 1.5 * _DAY:
        return message("{hours:.1f} h", hours=seconds / _HOUR)
    return message("{days:.1f} days", days=seconds / _DAY)


def estimate(seconds: float) -> Message:
    """Return an estimated time, no more exact than an estimate is: "about 5 s", "about 20 s", "about 3 min"."""
    if seconds < 1:
        return message("under 1 s")
    if seconds < 9.5:
        return message("about {seconds:.0f} s", seconds=seconds)
    if seconds < 1.5 * _MINUTE:
        return message("about {seconds:.0f} s", seconds=5 * round(seconds / 5))
    if seconds < 1.5 * _HOUR:
        return message("about {minutes:.0f} min", minutes=seconds / _MINUTE)
    if seconds < 1.5 * _DAY:
        return message("about {hours:.0f} h", hours=seconds / _HOUR)
    return message("about {days:.0f} days", days=seconds / _DAY)


def time_left(seconds: float) -> Message:
    """Return a time that counts down, always as wide: "4.2 s left", "2 min 05 s left", "1 h 02 min left"."""
    if seconds < _MINUTE:
        return message("{seconds:.1f} s left", seconds=seconds)
    minutes, rest = divmod(round(seconds), _MINUTE)
    if minutes < _MINUTE:
        return message("{minutes} min {seconds:02d} s left", minutes=minutes, seconds=rest)
    hours, minutes = divmod(minutes, _MINUTE)
    return message("{hours} h {minutes:02d} min left", hours=hours, minutes=minutes)


def size(count: int) -> Message:
    """Return a number of bytes: "0 MiB", "under 1 MiB", "214 MiB", "1.5 GiB"."""
    if 0 < count < _MIB:
        return message("under 1 MiB")
    if count < _GIB:
        return message("{mebibytes:.0f} MiB", mebibytes=count / _MIB)
    return message("{gibibytes:.1f} GiB", gibibytes=count / _GIB)


def parameters(count: int) -> Message:
    """Return a network's number of parameters: "812 parameters", "14.2 million parameters"."""
    if count >= 10**9:
        return message("{billions:.1f} billion parameters", billions=count / 10**9)
    if count >= 10**5:
        return message("{millions:.1f} million parameters", millions=count / 10**6)
    return message("{count:,} parameters", count=count)


def pixels(width: int, height: int) -> Message:
    """Return the size of a picture: "64 px" for a square, else "64 × 96 px"."""
    if width == height:
        return message("{side} px", side=width)
    return message("{width} × {height} px", width=width, height=height)
