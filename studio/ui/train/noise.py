"""The forward process for the Noise tab: one picture at time t with two noise schedules and the same noise.

The schedules are computed here without torch; `studio.diffusion.schedules` builds the same ones with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.ui.core.background import Background
from studio.ui.core.images import to_image
from studio.ui.language import tr
from studio.ui.train.data import read_square

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtGui import QImage

    from studio.errors import StudioError


T = 1000
"""The number of times; the noisiest is T - 1."""

_BETA_START, _BETA_END = 1e-4, 0.02
_OFFSET = 0.008
_MAX_BETA = 0.999


@dataclass(frozen=True, kw_only=True)
class NoiseLevel:
    """The noise level of a state x_t = alpha x_0 + sigma eps.

    Attributes:
        alpha_bar: the fraction of the variance that is signal.
    """

    alpha_bar: float

    @property
    def alpha(self) -> float:
        return math.sqrt(self.alpha_bar)

    @property
    def sigma(self) -> float:
        return math.sqrt(1 - self.alpha_bar)

    @property
    def log_snr(self) -> float:
        """The natural logarithm of the signal-to-noise ratio."""
        return math.log(self.alpha_bar / (1 - self.alpha_bar))


def level(schedule: str, t: int) -> NoiseLevel:
    """Return the noise level at time ``t``, 0 to `T` - 1, with a schedule of `FORWARD_SCHEDULES`."""
    return NoiseLevel(alpha_bar=alpha_bars(schedule)[t])


@cache
def alpha_bars(schedule: str) -> tuple[float, ...]:
    """Return alpha_bar at all `T` times."""
    product, table = 1.0, []
    for beta in FORWARD_SCHEDULES[schedule]():
        product *= 1 - beta
        table.append(product)
    return tuple(table)


def _linear() -> list[float]:
    """Ho et al. 2020, "Denoising Diffusion Probabilistic Models", section 4, arXiv 2006.11239."""
    return [_BETA_START + (_BETA_END - _BETA_START) * t / (T - 1) for t in range(T)]


def _cosine() -> list[float]:
    """Nichol & Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models", equation 17, arXiv 2102.09672."""
    f = [math.cos((u / T + _OFFSET) / (1 + _OFFSET) * math.pi / 2) ** 2 for u in range(T + 1)]
    return [min(1 - f[t + 1] / f[t], _MAX_BETA) for t in range(T)]


FORWARD_SCHEDULES = {"linear": _linear, "cosine": _cosine}
"""The betas of each schedule, by name."""


MIDDLE = 400
"""The first time shown: clearly noisy, and still recognisable."""


class ForwardModel(QObject):
    """A picture, its noise and the time.

    Attributes:
        path: the file of the picture; None before one is chosen.
        t: the time, 0 to T - 1.
        fault: why the picture cannot be read, a translated sentence; "" if it can.

    Signals:
        changed: the picture or its error has changed.
        moved: the time, the noise or the picture has changed.
    """

    changed = Signal()
    moved = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
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
        """Width and height in pixels, as in training; 0 without a picture."""
        return 0 if self._clean is None else self._side

    def set_picture(self, path: Path, side: int) -> None:
        """Show another picture, cropped and resized to ``side`` pixels as in training."""
        if (path, side) == (self.path, self._side):
            return
        self.path, self._side = path, side
        self._background.do(
            partial(read_square, path, side), partial(self._on_read, path), self._on_failed, key="picture"
        )

    @Slot(float)
    def set_t(self, t: float) -> None:
        time = min(max(round(t), 0), T - 1)
        if time != self.t:
            self.t = time
            self.moved.emit()

    @Slot()
    def roll_noise(self) -> None:
        self._seed += 1
        self._noise = None
        self.moved.emit()

    def noised(self, schedule: str) -> QImage | None:
        """Return x_t = alpha x_0 + sigma eps as a picture; None without a picture."""
        if self._clean is None:
            return None
        import numpy as np  # noqa: PLC0415 - the window opens without numpy

        from studio.arrays import to_uint8  # noqa: PLC0415 - likewise

        if self._noise is None:
            drawn = np.random.default_rng(self._seed).standard_normal(self._clean.shape)
            self._noise = drawn.astype(np.float32)
        now = level(schedule, self.t)
        state = np.float32(now.alpha) * self._clean + np.float32(now.sigma) * self._noise
        return to_image(to_uint8(state.transpose(2, 0, 1)))

    def close(self) -> None:
        """Stop reading, and wait for it."""
        self._background.close()

    def _on_read(self, path: Path, pixels: NDArray[np.uint8]) -> None:
        from studio.arrays import from_uint8  # noqa: PLC0415 - it imports numpy

        if path != self.path:
            return
        self._clean = from_uint8(pixels)
        self._noise, self.fault = None, ""
        self.changed.emit()
        self.moved.emit()

    def _on_failed(self, error: StudioError) -> None:
        self._clean, self.fault = None, tr(error.message)
        self.changed.emit()
        self.moved.emit()
