"""Curves over the steps of a run (noise level, change of x0_hat, guidance, time), each against its own maximum."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRect, QSize, Qt, Slot
from PySide6.QtGui import QBrush, QLinearGradient, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.messages import message
from studio.ui.language import tr
from studio.ui.theme.metrics import CARD_RADIUS, GAP, INSET
from studio.ui.widgets.labels import set_tip
from studio.ui.widgets.painting import fill_rounded
from studio.ui.widgets.scrubber import EDGE, DragAlong

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QPaintEvent

    from studio.engine.events import StepDone
    from studio.runs.memory import PictureRecord
    from studio.ui.run.model import RunModel
    from studio.ui.run.timeline_model import ScrubbingModel
    from studio.ui.theme.theme import Theme


@dataclass(frozen=True)
class Curve:
    """One curve.

    Attributes:
        name: for people.
        points: (step, value), by step.
        shown: how a value is written, for `str.format`.
    """

    name: str
    points: tuple[tuple[int, float], ...]
    shown: str

    @cached_property
    def most(self) -> float:
        """The largest value."""
        return max((value for _, value in self.points), default=0.0)

    def at(self, step: int) -> float | None:
        """Return the value at a step; None where there is none."""
        return next((value for place, value in reversed(self.points) if place == step), None)


def curves_of(picture: PictureRecord | None) -> tuple[Curve, ...]:
    """Return the curves of a picture's steps so far; those without a point are left out."""
    if picture is None:
        return ()
    steps = list(picture.steps)
    every = steps if picture.start is None else [picture.start, *steps]
    made = (
        Curve(message("noise level"), tuple((done.step, done.sigma) for done in every), "{:.2f}"),
        Curve(message("change of x0"), _points(steps, [done.change for done in steps]), "{:.3f}"),
        Curve(message("guidance"), _points(steps, [done.guidance for done in steps]), "{:.3f}"),
        Curve(message("time a step"), _times(every), "{:.0f} ms"),
    )
    return tuple(curve for curve in made if curve.points)


def words_at(curves: Sequence[Curve], step: int) -> str:
    """Return the values at a step in one line."""
    said = [(curve, curve.at(step)) for curve in curves]
    return ", ".join(
        f"{tr(curve.name)} {curve.shown.format(value)}" for curve, value in said if value is not None
    )


def _points(steps: Sequence[StepDone], values: Sequence[float | None]) -> tuple[tuple[int, float], ...]:
    return tuple((done.step, value) for done, value in zip(steps, values, strict=True) if value is not None)


def _times(steps: Sequence[StepDone]) -> tuple[tuple[int, float], ...]:
    """Return milliseconds a step; where steps are not kept, the mean of those between."""
    return tuple(
        (after.step, 1000 * (after.seconds - before.seconds) / (after.step - before.step))
        for before, after in pairwise(steps)
        if after.step > before.step and after.seconds >= before.seconds
    )


HEIGHT: Final = 76
_HEAD: Final = 22
_ROLES: Final = {"change of x0": "text", "guidance": "good", "time a step": "faint"}
_LEVELS: Final = 5  # stops of the noise level's own colours
TIP = message(
    "Noise level; how far x0_hat moved at each step; how far the two sides of guidance are apart; time a step. "
    "Each against its own largest value."
)


class CurvesView(QWidget):
    """A card of curves; a click or a drag looks at a step."""

    def __init__(
        self, theme: Theme, run: RunModel, scrubbing: ScrubbingModel, parent: QWidget | None = None
    ) -> None:
        """Show the steps of ``run`` at the places of ``scrubbing``."""
        super().__init__(parent)
        self._theme, self._run, self._scrubbing = theme, run, scrubbing
        self._curves: tuple[Curve, ...] = ()
        DragAlong(self, self._go_to)
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Curves of this run"))
        set_tip(self, tr(TIP))
        scrubbing.changed.connect(self._on_changed)
        theme.changed.connect(self.update)
        self._on_changed()

    @property
    def curves(self) -> tuple[Curve, ...]:
        """What is drawn."""
        return self._curves

    @property
    def words(self) -> str:
        """The values at the step that is looked at."""
        model = self._scrubbing
        return words_at(self._curves, model.step_at(model.place)) if model.reached else ""

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(320, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the card, the curves, their names with the values at the cursor, and the cursor."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill_rounded(painter, self.rect(), CARD_RADIUS, self._theme.colour("panel"))
        model = self._scrubbing
        if not model.reached:
            return
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for curve in reversed(self._curves):
            painter.setPen(QPen(self._ink(curve), 1.75, j=Qt.PenJoinStyle.RoundJoin))
            painter.drawPolyline(QPolygonF([self._place(curve, *point) for point in curve.points]))
        x = self._x(model.step_at(model.place))
        painter.setPen(QPen(self._theme.colour("dim"), 1))
        painter.drawLine(QPointF(x, _HEAD), QPointF(x, self.height() - 4))
        self._paint_names(painter, model.step_at(model.place))

    def _paint_names(self, painter: QPainter, step: int) -> None:
        painter.setFont(self._theme.font("label"))
        metrics, left = painter.fontMetrics(), INSET
        for curve in self._curves:
            value = curve.at(step)
            text = tr(curve.name) if value is None else f"{tr(curve.name)} {curve.shown.format(value)}"
            # Room for the widest figure, so that nothing moves while steps pass.
            width = metrics.horizontalAdvance(f"{tr(curve.name)} {curve.shown.format(curve.most)}") + GAP
            if left + width > self.width() - INSET:
                break
            painter.setPen(QPen(self._ink(curve), 1))
            dot = QPointF(left + 3, _HEAD / 2 + 1)
            painter.setBrush(self._ink(curve))
            painter.drawEllipse(dot, 2.5, 2.5)
            painter.setPen(self._theme.colour("dim"))
            area = QRect(left + 10, 2, width, _HEAD)
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
            left += width + 2 * GAP

    def _ink(self, curve: Curve) -> QBrush:
        role = _ROLES.get(curve.name)
        if role is not None:
            return QBrush(self._theme.colour(role))
        gradient = QLinearGradient(0, _HEAD, 0, self.height())
        for stop in range(_LEVELS):
            share = stop / (_LEVELS - 1)
            gradient.setColorAt(share, self._theme.noise(1 - share))
        return QBrush(gradient)

    def _place(self, curve: Curve, step: int, value: float) -> QPointF:
        room = self.height() - _HEAD - GAP
        share = value / curve.most if curve.most > 0 else 0.0
        return QPointF(self._x(step), self.height() - GAP + 2 - share * room)

    def _x(self, step: int) -> float:
        return EDGE + self._scrubbing.position_of(step) * (self.width() - 2 * EDGE)

    def _go_to(self, x: float) -> None:
        model = self._scrubbing
        step = model.nearest((x - EDGE) / max(self.width() - 2 * EDGE, 1.0))
        model.go_to(min(max(step - model.first, 0), model.reached - 1))

    @Slot()
    def _on_changed(self) -> None:
        self._curves = curves_of(self._run.picture)
        self.setAccessibleDescription(self.words)
        self.update()
