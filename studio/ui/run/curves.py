"""Curves over the steps of a run: noise level, change of x0_hat, guidance and time, each scaled to its own maximum."""

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
from studio.ui.run import text
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
    from studio.ui.run.timeline_model import TimelineModel
    from studio.ui.theme.theme import Theme


@dataclass(frozen=True)
class Curve:
    """One curve.

    Attributes:
        name: its name; translated when it is shown.
        points: pairs of a step and its value, by step.
        template: the name and a value as they are shown, translated with ``value`` filled in.
    """

    name: str
    points: tuple[tuple[int, float], ...]
    template: str

    @cached_property
    def maximum(self) -> float:
        return max((value for _, value in self.points), default=0.0)

    def at(self, step: int) -> float | None:
        """Return the value at a step; None if it has none."""
        return next((value for place, value in reversed(self.points) if place == step), None)

    def label(self, value: float | None) -> str:
        """Return the name, and the value if there is one, translated."""
        return tr(self.name) if value is None else tr(self.template, value=value)


def curves_of(picture: PictureRecord | None) -> tuple[Curve, ...]:
    """Return the curves of a picture's steps so far; a curve without a point is left out."""
    if picture is None:
        return ()
    steps = list(picture.steps)
    every = steps if picture.start is None else [picture.start, *steps]
    levels = tuple((done.step, done.level) for done in every)
    changes = _points(steps, [done.change for done in steps])
    guidance = _points(steps, [done.guidance for done in steps])
    made = (
        Curve(message("noise level"), levels, message("noise level {value:.2f}")),
        Curve(message("change of x0"), changes, message("change of x0 {value:.3f}")),
        Curve(message("guidance"), guidance, message("guidance {value:.3f}")),
        _curve_of_times(_times(every)),
    )
    return tuple(curve for curve in made if curve.points)


def values_at(curves: Sequence[Curve], step: int) -> str:
    """Return the names and values at a step, translated, in one line."""
    found = [(curve, curve.at(step)) for curve in curves]
    return ", ".join(curve.label(value) for curve, value in found if value is not None)


def _points(steps: Sequence[StepDone], values: Sequence[float | None]) -> tuple[tuple[int, float], ...]:
    return tuple((done.step, value) for done, value in zip(steps, values, strict=True) if value is not None)


def _curve_of_times(seconds: tuple[tuple[int, float], ...]) -> Curve:
    """Return the curve of the steps' times, in milliseconds unless a step takes several seconds."""
    name = message("time per step")
    if any(value >= _SLOW_S for _, value in seconds):
        return Curve(name, seconds, message("time per step {value:.1f} s"))
    milliseconds = tuple((step, 1000 * value) for step, value in seconds)
    return Curve(name, milliseconds, message("time per step {value:.0f} ms"))


def _times(steps: Sequence[StepDone]) -> tuple[tuple[int, float], ...]:
    """Return the seconds of each step; across steps that were not kept, their mean."""
    return tuple(
        (after.step, (after.seconds - before.seconds) / (after.step - before.step))
        for before, after in pairwise(steps)
        if after.step > before.step and after.seconds >= before.seconds
    )


_SLOW_S: Final = 5
HEIGHT: Final = 76
_HEAD: Final = 22
_ROLES: Final = {"change of x0": "text", "guidance": "good", "time per step": "faint"}
_LEVELS: Final = 5  # stops of the noise level's own colours


class CurvesView(QWidget):
    """A card of curves; a click or a drag shows a step."""

    def __init__(
        self, theme: Theme, run: RunModel, timeline: TimelineModel, parent: QWidget | None = None
    ) -> None:
        """Show the steps of ``run`` at the places of ``timeline``."""
        super().__init__(parent)
        self._theme, self._run, self._timeline = theme, run, timeline
        self._curves: tuple[Curve, ...] = ()
        DragAlong(self, self._go_to)
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Curves of this run"))
        set_tip(self, text.curves_tip())
        timeline.changed.connect(self._on_changed)
        theme.changed.connect(self.update)
        self._on_changed()

    @property
    def curves(self) -> tuple[Curve, ...]:
        return self._curves

    @property
    def description(self) -> str:
        """The values at the shown step, translated."""
        model = self._timeline
        return values_at(self._curves, model.step_at(model.place)) if model.reached else ""

    def sizeHint(self) -> QSize:
        return QSize(320, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill_rounded(painter, self.rect(), CARD_RADIUS, self._theme.colour("panel"))
        model = self._timeline
        if not model.reached:
            return
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for curve in reversed(self._curves):
            painter.setPen(QPen(self._ink(curve), 1.75, j=Qt.PenJoinStyle.RoundJoin))
            painter.drawPolyline(self._polyline(curve))
        x = self._x(model.step_at(model.place))
        painter.setPen(QPen(self._theme.colour("dim"), 1))
        painter.drawLine(QPointF(x, _HEAD), QPointF(x, self.height() - 4))
        self._paint_names(painter, model.step_at(model.place))

    def _paint_names(self, painter: QPainter, step: int) -> None:
        painter.setFont(self._theme.font("label"))
        metrics, left = painter.fontMetrics(), INSET
        for curve in self._curves:
            value = curve.at(step)
            # Room for the widest value, so that nothing moves while steps pass.
            width = metrics.horizontalAdvance(curve.label(curve.maximum)) + GAP
            if left + width > self.width() - INSET:
                break
            painter.setPen(QPen(self._ink(curve), 1))
            dot = QPointF(left + 3, _HEAD / 2 + 1)
            painter.setBrush(self._ink(curve))
            painter.drawEllipse(dot, 2.5, 2.5)
            painter.setPen(self._theme.colour("dim"))
            area = QRect(left + 10, 2, width, _HEAD)
            painter.drawText(
                area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, curve.label(value)
            )
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

    def _polyline(self, curve: Curve) -> QPolygonF:
        per_step = self._x(1) - EDGE  # once: the curves are painted at every step
        per_value = (self.height() - _HEAD - GAP) / curve.maximum if curve.maximum > 0 else 0.0
        bottom = self.height() - GAP + 2
        return QPolygonF(
            [QPointF(EDGE + per_step * step, bottom - per_value * value) for step, value in curve.points]
        )

    def _x(self, step: int) -> float:
        return EDGE + self._timeline.position_of(step) * (self.width() - 2 * EDGE)

    def _go_to(self, x: float) -> None:
        model = self._timeline
        step = model.nearest((x - EDGE) / max(self.width() - 2 * EDGE, 1.0))
        model.go_to(min(max(step - model.first, 0), model.reached - 1))

    @Slot()
    def _on_changed(self) -> None:
        self._curves = curves_of(self._run.picture)
        self.setAccessibleDescription(self.description)
        self.update()
