"""How far a job is, on stderr: a bar that redraws itself on a terminal, a line for each picture elsewhere."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, TextIO

from studio.engine.events import JobStarted, ModelLoading, StepDone

if TYPE_CHECKING:
    from studio.engine.events import PictureDone

BAR = 24


class Progress:
    """Tells of steps and pictures."""

    def __init__(self, count: int, stream: TextIO | None = None) -> None:
        """Take the number of pictures, and where to write (None: stderr)."""
        self._count, self._stream = count, stream or sys.stderr
        self._live = self._stream.isatty()
        self._drawn = 0  # characters of the bar on the screen

    def tell(self, event: ModelLoading | JobStarted | StepDone) -> None:
        """Say that a model is read or a job begins, with its notes, or redraw the bar."""
        match event:
            case ModelLoading():
                self.say(f"Loading the model {event.model} ...")
            case JobStarted():
                self.say(f"{event.model_title} on {event.device}, {event.dtype}")
                for note in event.notes:
                    self.say(f"Note: {note}")
            case StepDone():
                self.step(event)

    def step(self, done: StepDone) -> None:
        """Redraw the bar, where there is one."""
        if not self._live:
            return
        filled = BAR * done.step // done.steps
        left = done.seconds / done.step * (done.steps - done.step)
        which = f"picture {done.image + 1} of {self._count}, " if self._count > 1 else ""
        line = f"[{'#' * filled}{'.' * (BAR - filled)}] {which}step {done.step} of {done.steps}, {left:.0f} s left"
        # Blanks and not an escape sequence: not every terminal of Windows knows one.
        shown = line[: shutil.get_terminal_size().columns - 1]
        self._write("\r" + shown.ljust(self._drawn))
        self._drawn = len(shown)

    def picture(self, done: PictureDone) -> None:
        """Say that a picture is done."""
        self.clear()
        which = f"picture {done.image + 1} of {self._count}: " if self._count > 1 else ""
        self.say(f"{which}seed {done.seed}, {done.model_calls} model calls, {done.seconds:.1f} s")

    def say(self, line: str) -> None:
        """Write a line of its own."""
        self.clear()
        self._write(line + "\n")

    def clear(self) -> None:
        """Take the bar away."""
        if self._drawn:
            self._write("\r" + " " * self._drawn + "\r")
            self._drawn = 0

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
