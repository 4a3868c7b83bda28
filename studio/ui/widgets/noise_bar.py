"""A thin bar of progress, in the colour of the noise that is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QProgressBar, QSizePolicy

from studio.ui.theme.metrics import GRID
from studio.ui.widgets.painting import fill_rounded

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme

_PERCENT: Final = 100


class NoiseBar(QProgressBar):
    """How far a run has come; assistive technology reads it in per cent."""

    def __init__(self, theme: Theme, name: str = "Progress", parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self._theme, self._fraction, self._level = theme, 0.0, 1.0
        self.setRange(0, _PERCENT)
        self.setValue(0)
        self.setTextVisible(False)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    @property
    def fraction(self) -> float:
        """How far, 0 to 1."""
        return self._fraction

    def set_progress(self, fraction: float, level: float) -> None:
        """Show ``fraction`` done (0 to 1), at the noise ``level`` (1 all noise, 0 clean)."""
        fraction = min(max(fraction, 0.0), 1.0)
        if (fraction, level) != (self._fraction, self._level):
            self._fraction, self._level = fraction, level
            self.setValue(round(_PERCENT * fraction))
            self.update()

    def sizeHint(self) -> QSize:
        """Thin."""
        return QSize(GRID * 8, GRID)

    def minimumSizeHint(self) -> QSize:
        """Thin."""
        return QSize(GRID, GRID)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the track and what is done of it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        radius = self.height() / 2
        fill_rounded(painter, self.rect(), radius, self._theme.colour("line"))
        if self._fraction > 0:
            done = QRectF(0, 0, max(self._fraction * self.width(), self.height()), self.height())
            fill_rounded(painter, done, radius, self._theme.noise(self._level))
