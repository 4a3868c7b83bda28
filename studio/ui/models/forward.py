"""A picture on its way into noise: what training shows a model at time t, under two schedules with the same noise."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.ui.core.background import Background
from studio.ui.core.images import to_image
from studio.ui.models.forward_schedules import T, level
from studio.ui.models.train_reading import read_square

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtGui import QImage

    from studio.errors import StudioError

MIDDLE = 400
"""The time that is looked at first: much is gone, and not yet all."""


class ForwardModel(QObject):
    """One picture, one noise, one time.

    Attributes:
        path: the picture's file; None before one was chosen.
        t: the time, 0 to T - 1.
        fault: why the picture cannot be shown, a sentence; "" where it can.

    Signals:
        changed: another picture, or it is known why there is none.
        moved: another time, another noise, or another picture.
    """

    changed = Signal()
    moved = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        """Begin without a picture."""
        super().__init__(parent)
        self.path: Path | None = None
        self.t = MIDDLE
        self.fault = ""
        self._background = Background(self)
        self._side = 0
        self._seed = 0
        self._clean: NDArray[np.float32] | None = None
        self._noise: NDArray[np.float32] | None = None

    @property
    def size(self) -> int:
        """Pixels of a side, as training sees it; 0 where there is no picture."""
        return 0 if self._clean is None else self._side

    def look_at(self, path: Path, side: int) -> None:
        """Take another picture, cut and reduced to ``side`` pixels as training does it."""
        if (path, side) == (self.path, self._side):
            return
        self.path, self._side = path, side
        self._background.do(
            partial(read_square, path, side), partial(self._on_read, path), self._on_failed, key="picture"
        )

    @Slot(float)
    def set_t(self, t: float) -> None:
        """Look at another time."""
        time = min(max(round(t), 0), T - 1)
        if time != self.t:
            self.t = time
            self.moved.emit()

    @Slot()
    def roll_noise(self) -> None:
        """Draw another noise."""
        self._seed += 1
        self._noise = None
        self.moved.emit()

    def noised(self, schedule: str) -> QImage | None:
        """Return x_t = alpha x_0 + sigma eps as a picture; None where there is none."""
        if self._clean is None:
            return None
        import numpy as np  # noqa: PLC0415 - not before there is a picture: the window opens without

        if self._noise is None:
            drawn = np.random.default_rng(self._seed).standard_normal(self._clean.shape)
            self._noise = drawn.astype(np.float32)
        held = level(schedule, self.t)
        state = np.float32(held.alpha) * self._clean + np.float32(held.sigma) * self._noise
        pixels = np.rint((state + 1) * 127.5).clip(0, 255).astype(np.uint8)
        pixels.flags.writeable = False
        return to_image(pixels)

    def close(self) -> None:
        """Return once nothing is read any more."""
        self._background.close()

    def _on_read(self, path: Path, pixels: NDArray[np.uint8]) -> None:
        import numpy as np  # noqa: PLC0415 - as above

        if path != self.path:
            return
        self._clean = pixels.astype(np.float32) / np.float32(127.5) - 1
        self._noise, self.fault = None, ""
        self.changed.emit()
        self.moved.emit()

    def _on_failed(self, error: StudioError) -> None:
        self._clean, self.fault = None, str(error)
        self.changed.emit()
        self.moved.emit()
