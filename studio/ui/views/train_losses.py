"""The curves of a training: the loss, and beside it the error of each band of the noise level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QWidget

from studio.ui.core.training_losses import smoothed
from studio.ui.theme.metrics import PADDING
from studio.ui.views import train_run_words as words
from studio.ui.widgets.chart import Chart, Line, log_axis, shown

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from studio.ui.core.training_losses import Points
    from studio.ui.models.train_run import TrainRun
    from studio.ui.theme.theme import Theme

REDRAW_MS = 250
"""How often curves are drawn anew while steps pass."""
_LEVELS = (0.1, 0.4, 0.7, 1.0)
"""The noise level that each band is coloured by."""


class LossView(QWidget):
    """Shows the losses of a `TrainRun`; while it is hidden it rests."""

    def __init__(self, theme: Theme, run: TrainRun, parent: QWidget | None = None) -> None:
        """Build both charts."""
        super().__init__(parent)
        self._theme, self._run = theme, run
        self.loss = Chart(theme, "Loss")
        self.bands = Chart(theme, "Error by noise level")
        self.loss.set_hint("The curve begins with the first steps.")
        self.bands.set_hint("How well each strength of noise is undone, once the model learns to denoise.")
        self._waiting = QTimer(self, singleShot=True, interval=REDRAW_MS)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(PADDING)
        row.addWidget(self.loss, 3)
        row.addWidget(self.bands, 2)
        self._waiting.timeout.connect(self._redraw)
        run.stepped.connect(self._on_stepped)
        run.changed.connect(self._redraw)
        theme.changed.connect(self._redraw)

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up."""
        super().showEvent(event)
        self._redraw()

    @Slot()
    def _on_stepped(self) -> None:
        if self.isVisible() and not self._waiting.isActive():
            self._waiting.start()

    @Slot()
    def _redraw(self) -> None:
        run = self._run
        if not self.isVisible() or run.training is None:
            return
        losses = run.training.losses
        stage = run.newest.stage if run.newest is not None else ""
        curves = losses.curves(stage)
        first, last = losses.ends(stage)
        ends = (float(first), float(max(last, first + 1)))
        foot = (f"step {first:,}", f"{last:,}")
        self.loss.set_title(words.loss_title(stage) if stage else "Loss")
        self._draw(self.loss, self._loss_lines(curves[0]) if curves else [], ends, foot)
        self._draw(self.bands, self._band_lines(curves[1:]), ends, foot)

    def _draw(
        self, chart: Chart, lines: list[Line], ends: tuple[float, float], foot: tuple[str, str]
    ) -> None:
        values = [value for line in lines for _, value in line.points]
        axis = log_axis(min(values), max(values)) if values else log_axis(0.1, 1.0)
        chart.set_lines(lines, axis, ends, foot)

    def _loss_lines(self, points: Points) -> list[Line]:
        colour = self._theme.colour("text")
        faint = QColor(colour)
        faint.setAlphaF(0.22)
        smooth = smoothed(points)
        return [
            Line(name="smoothed", points=smooth, colour=colour, value=shown(smooth[-1][1]) if smooth else ""),
            Line(name="", points=points, colour=faint, width=1.0),
        ]

    def _band_lines(self, curves: tuple[Points, ...]) -> list[Line]:
        """Return a line for each band, the noisiest first."""
        made = []
        for place, points in reversed(list(enumerate(curves))):
            smooth = smoothed(points)
            value = shown(smooth[-1][1]) if smooth else ""
            colour = self._theme.noise(_LEVELS[place % len(_LEVELS)])
            made.append(Line(name=words.BANDS[place % 4], points=smooth, colour=colour, value=value))
        return made
