"""Text output of the commands: lines on stderr, a status line that redraws itself on a terminal, and tables."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, TextIO

from studio.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Sequence


class StatusLine:
    """Lines on a stream, and on a terminal a last line that can be redrawn.

    Attributes:
        is_terminal: whether the stream is one.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to ``stream`` (None: stderr)."""
        self._stream = stream or sys.stderr
        self.is_terminal = self._stream.isatty()
        self._drawn = 0  # characters of the status line on the screen

    def draw(self, line: str) -> None:
        """Redraw the status line, cut to the width of the terminal; nothing elsewhere."""
        if not self.is_terminal:
            return
        # Spaces and not an escape sequence, which not every terminal on Windows supports.
        shown = line[: shutil.get_terminal_size().columns - 1]
        self._write("\r" + shown.ljust(self._drawn))
        self._drawn = len(shown)

    def say(self, line: str) -> None:
        """Write a line that stays."""
        self.clear()
        self._write(line + "\n")

    def clear(self) -> None:
        if self._drawn:
            self._write("\r" + " " * self._drawn + "\r")
            self._drawn = 0

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def table(rows: Sequence[Sequence[str]], widest: int = 40) -> list[str]:
    """Return rows of cells as lines with aligned columns; longer cells are cut to ``widest`` characters."""
    cut = [[shorten(cell, widest) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cut) for column in range(len(cut[0]))]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cut
    ]
