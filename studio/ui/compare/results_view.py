"""Results of a comparison: choosing the reference, each run's distance to it as curves, and the table of figures.

The curves show the root mean square of x0_hat minus the reference's final x0_hat over the model calls; the table shows
PSNR, SSIM, model calls, seconds and the batching error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from PySide6.QtCore import QPoint, Qt, Slot
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from studio.engine.requests.compare import MAX_PANES
from studio.errors import shorten
from studio.metrics import score
from studio.ui.compare import text as words
from studio.ui.compare.reference import LONG, A
from studio.ui.compare.text import unfinished
from studio.ui.language import tr, trn
from studio.ui.theme.metrics import CARD_RADIUS, GAP, GRID, INSET
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.chart import Chart, Line, line_colour, linear_axis
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.labels import PlainLabel, set_tip
from studio.ui.widgets.painting import fill_rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PySide6.QtGui import QColor, QPaintEvent

    from studio.engine.events import PictureDone, StepDone
    from studio.errors import StudioError
    from studio.metrics import Score
    from studio.ui.compare.model import ComparedRun, CompareModel
    from studio.ui.compare.reference import BatchingErrorModel, Reference, ReferenceModel
    from studio.ui.theme.theme import Theme


MAX_POINTS = 200
"""The most points of a curve; of a longer run, evenly spaced steps are drawn."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One step on a curve.

    Attributes:
        calls: the model calls up to the step.
        distance: the root mean square of the difference from the reference, in units of the latents.
        level: the noise level after the step.
    """

    calls: int
    distance: float
    level: float


class Curves:
    """Distances to one reference, each computed once."""

    def __init__(self) -> None:
        self._reference: NDArray[np.float32] | None = None
        self._known: dict[StepDone, float] = {}

    def of(self, steps: Sequence[StepDone], reference: NDArray[np.float32]) -> tuple[Point, ...]:
        """Return the distance of each step's x0_hat from the reference; steps of another shape are left out."""
        if reference is not self._reference:
            self._reference = reference
            self._known.clear()
        stride = max(math.ceil(len(steps) / MAX_POINTS), 1)
        chosen = [done for place, done in enumerate(steps) if place % stride == 0 or done is steps[-1]]
        return tuple(
            Point(calls=done.model_calls, distance=self._distance(done, done.x0_hat), level=done.level)
            for done in chosen
            if done.x0_hat is not None and done.x0_hat.shape == reference.shape
        )

    def _distance(self, done: StepDone, x0_hat: NDArray[np.float32]) -> float:
        if done not in self._known:
            assert self._reference is not None, "set by the only caller"
            difference = x0_hat.astype(np.float64) - self._reference
            self._known[done] = math.sqrt(float(np.mean(difference * difference)))
        return self._known[done]


_NAME_PX, _COLUMN_PX = 112, 62
Row = tuple[str, tuple[str, str, str, str, str]]
"""A run's name and its figures."""


class TableView(QWidget):
    """A row for each run, and a note below."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        theme.changed.connect(self.update)
        self.setAccessibleName(tr("Figures of the finished pictures"))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        grid = QGridLayout()
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(GRID)
        grid.setColumnStretch(0, 1)
        grid.setColumnMinimumWidth(0, _NAME_PX)
        self._heads: list[PlainLabel] = []
        self._shown: tuple[Row, ...] = ()
        for column, (head, tip) in enumerate(words.columns(), start=1):
            label = PlainLabel(theme, head, kind="label", role="dim", tip=tip)
            label.setAlignment(right)
            label.setMinimumWidth(_COLUMN_PX)
            grid.addWidget(label, 0, column)
            self._heads.append(label)
        self._rows: list[list[PlainLabel]] = []
        for row in range(1, MAX_PANES + 2):
            labels = [PlainLabel(theme, elide=True)]
            for _ in self._heads:
                label = PlainLabel(theme, role="dim")
                label.setAlignment(right)
                labels.append(label)
            for column, label in enumerate(labels):
                grid.addWidget(label, row, column)
            self._rows.append(labels)
        self._note = PlainLabel(theme, kind="label", role="dim", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(INSET, GAP, INSET, GAP)
        layout.setSpacing(GAP)
        layout.addLayout(grid)
        layout.addStretch()
        layout.addWidget(self._note)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill_rounded(painter, self.rect(), CARD_RADIUS, self._theme.colour("panel"))

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show each run's name and figures; the last column is hidden while it is empty."""
        if tuple(rows) == self._shown:  # most of the time: the figures do not change while scrubbing
            return
        self._shown = tuple(rows)
        measured = any(figures[-1] for _, figures in rows)
        self._heads[-1].setVisible(measured)
        for place, labels in enumerate(self._rows):
            there = place < len(rows)
            texts = [rows[place][0], *rows[place][1]] if there else [""] * len(labels)
            for label, text in zip(labels, texts, strict=True):
                label.setText(text)
                label.setVisible(there)
            labels[-1].setVisible(there and measured)

    def set_note(self, sentence: str) -> None:
        if sentence != self._note.text():
            self._note.setText(sentence)

    @property
    def texts(self) -> list[list[str]]:
        return [[label.text() for label in labels] for labels in self._rows if labels[0].text()]

    @property
    def note(self) -> str:
        return self._note.text()


_CHOICE_PX = 200


class ReferenceBar(QWidget):
    """Edits a `ReferenceModel`, and shows and starts the measurement of a `BatchingErrorModel`."""

    def __init__(
        self,
        theme: Theme,
        reference: ReferenceModel,
        batching_error: BatchingErrorModel,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._reference, self._batching_error = reference, batching_error
        self._names: tuple[str, ...] = ()
        self.choice = ChoiceField(theme, "")
        self.choice.box.setAccessibleName(tr("Measured against"))
        self.choice.setFixedWidth(_CHOICE_PX)
        self.make = TextButton(theme, "", icon="plus")
        set_tip(self.make, words.reference_tip())
        self._menu = QMenu(self)
        self.status = PlainLabel(theme, role="dim", elide=True)
        self.status.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.measure = TextButton(theme, tr("Measure"))
        set_tip(self.measure, words.batching_tip())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(PlainLabel(theme, tr("Measured against"), role="dim"))
        row.addWidget(self.choice)
        row.addWidget(self.make)
        row.addWidget(self.status, 1)
        row.addWidget(self.measure)
        self.choice.edited.connect(reference.choose)
        self.make.clicked.connect(self._on_make)
        self.measure.clicked.connect(self._on_measure)
        reference.changed.connect(self.synchronise)
        batching_error.changed.connect(self.synchronise)

    def show_runs(self, names: Sequence[str]) -> None:
        """Offer these runs as references."""
        self._names = tuple(names)
        self.synchronise()

    @Slot()
    def synchronise(self) -> None:
        """Show the state of both models."""
        reference, error = self._reference, self._batching_error.current
        items = [
            (A, tr("A"), "", ""),
            *((str(place), name, "", "") for place, name in enumerate(self._names)),
        ]
        if reference.made and reference.job_state is not None:
            items.append((LONG, words.long_name(reference.job_state.request), "", ""))
        self.choice.set_items(items)
        self.choice.set_value(reference.key)
        offers = reference.offers()
        self.make.setVisible(bool(offers))
        self.make.setText(words.making(reference.job_state) if reference.making else words.offer(offers))
        self.make.set_icon("x" if reference.making else "plus")
        sentence, bad = words.batching_error(error)
        if reference.fault:
            sentence, bad = reference.fault, True
        self.status.setText(sentence)
        self.status.set_role("warn" if bad else "dim")
        self.measure.setVisible(error.status in ("unknown", "measuring", "failed"))
        self.measure.setText(tr("Stop") if error.status == "measuring" else tr("Measure"))

    @Slot()
    def _on_make(self) -> None:
        reference, offers = self._reference, self._reference.offers()
        if reference.making:
            reference.stop()
        elif len(offers) == 1:
            reference.make(offers[0])
        elif offers:
            self._menu.clear()
            for request in offers:
                self._menu.addAction(words.long_name(request)).triggered.connect(
                    partial(self._on_offer_chosen, request)
                )
            self._menu.popup(self.make.mapToGlobal(QPoint(0, self.make.height())))

    def _on_offer_chosen(self, request: object, *_: object) -> None:
        found = next((offer for offer in self._reference.offers() if offer == request), None)
        if found is not None:
            self._reference.make(found)

    @Slot()
    def _on_measure(self) -> None:
        if self._batching_error.current.status == "measuring":
            self._batching_error.stop()
        else:
            self._batching_error.measure()


_MAX_SCORES: Final = 64
_LEGEND_NAME: Final = 32
"""The most characters of a name in the legend, whose lines take their height from the chart."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """One run's distances to the reference.

    Attributes:
        name: the run's name.
        points: from the first step to the last.
        at: the model calls at the step that is shown, or None.
    """

    name: str
    points: tuple[Point, ...]
    at: int | None


class DistancePlot(Chart):
    """A chart of each run's distance to the reference over model calls."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, tr("Distance to the finished picture"), parent)
        self._curves: tuple[Curve, ...] = ()
        theme.changed.connect(self._draw)

    @property
    def curves(self) -> tuple[Curve, ...]:
        return self._curves

    def set_curves(self, title: str, curves: Sequence[Curve], hint: str = "") -> None:
        """Draw these curves; ``hint`` says why there are none."""
        self._curves = tuple(curves)
        self.set_title(title)
        self.set_hint(hint)
        self._draw()

    def colour(self, place: int) -> QColor:
        return line_colour(self._theme, place)

    @Slot()
    def _draw(self) -> None:
        points = [point for curve in self._curves for point in curve.points]
        calls = max((point.calls for point in points), default=1)
        lines = [
            Line(
                name=shorten(curve.name, _LEGEND_NAME),
                points=tuple((point.calls, point.distance) for point in curve.points),
                colour=self.colour(place),
                mark=curve.at,
                description=tr(
                    "{run} ends at {distance:.3f}", run=curve.name, distance=curve.points[-1].distance
                )
                if curve.points
                else curve.name,
            )
            for place, curve in enumerate(self._curves)
        ]
        axis = linear_axis(max((point.distance for point in points), default=1.0))
        end = trn("{calls} model call", "{calls} model calls", calls, calls=f"{calls:,}")
        self.set_lines(lines, axis, (0.0, float(calls)), ("0", end))


class ResultsView(QWidget):
    """The reference bar above the chart and the table."""

    def __init__(
        self,
        theme: Theme,
        model: CompareModel,
        reference: ReferenceModel,
        batching_error: BatchingErrorModel,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._model, self._curves = model, Curves()
        self._reference, self._batching_error = reference, batching_error
        self._scores: dict[tuple[PictureDone, PictureDone], Score | None] = {}
        self._shown: tuple[tuple[str, ...], tuple[ComparedRun, ...]] = (), ()
        self.bar = ReferenceBar(theme, reference, batching_error)
        self.plot, self.table = DistancePlot(theme), TableView(theme)
        row = QHBoxLayout()
        row.setSpacing(INSET)
        row.addWidget(self.plot, 7)
        row.addWidget(self.table, 5)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP)
        layout.addWidget(self.bar)
        layout.addLayout(row, 1)
        reference.changed.connect(self._on_changed)
        batching_error.changed.connect(self._on_changed)

    def show_runs(self, names: Sequence[str], runs: Sequence[ComparedRun]) -> None:
        """Show the results of these runs.

        Args:
            names: the runs' names.
            runs: the runs, at the steps that are shown.
        """
        if self._shown[0] != tuple(names):
            self.bar.show_runs(names)
        self._shown = tuple(names), tuple(runs)
        self._show_curves()
        self._show_figures()
        self.table.set_note(unfinished(runs))

    @Slot()
    def _on_changed(self) -> None:
        if self._shown[1] and self.isVisible():
            self._show_curves()
            self._show_figures()

    def _name_of(self, reference: Reference) -> str:
        names = self._shown[0]
        if reference.place is not None and reference.place < len(names):
            return names[reference.place]
        return words.long_name(reference.request)

    def _show_figures(self) -> None:
        names, runs = self._shown
        reference, errors = self._reference.current, self._batching_error.current.differences
        if reference is None or (reference.place or 0) >= len(runs):
            return  # a score that arrived after another comparison had started
        rows = []
        for run in runs:
            is_reference = run.place == reference.place
            score = None if is_reference else self._score(run.finished, reference.done)
            error = words.small(errors[run.place]) if len(errors) == len(runs) else ""
            row = words.figures(run, score, reference=is_reference)
            rows.append((names[run.place], (*row, error)))
        if reference.place is None and reference.done is not None:
            done = reference.done
            figures = (tr("reference"), "", f"{done.model_calls:,}", f"{done.seconds:.1f}", "")
            rows.append((self._name_of(reference), figures))
        self.table.set_rows(rows)

    def _show_curves(self) -> None:
        names, runs = self._shown
        reference = self._reference.current
        if reference is None:
            return
        name = self._name_of(reference)
        title = words.distance(name)
        if reference.x0_hat is None:
            self.plot.set_curves(title, (), words.no_curves(name))
            return
        curves = []
        for run in runs:
            record = self._model.record(run.place)
            points = self._curves.of(record.steps, reference.x0_hat) if record is not None else ()
            at = run.shown.model_calls if run.shown is not None else None
            curves.append(Curve(name=names[run.place], points=points, at=at))
        self.plot.set_curves(title, curves)

    def _score(self, done: PictureDone | None, reference: PictureDone | None) -> Score | None:
        """Return a picture's PSNR and SSIM; None while they are computed, or without two finished pictures."""
        if done is None or reference is None:
            return None
        key = (done, reference)
        if key not in self._scores:
            if len(self._scores) > _MAX_SCORES:  # most of them of earlier comparisons
                self._scores.clear()
            self._scores[key] = None
            work = partial(score, done.pixels, reference.pixels)
            self._model.background.do(work, partial(self._on_scored, key), _nothing)
        return self._scores[key]

    def _on_scored(self, key: tuple[PictureDone, PictureDone], found: Score) -> None:
        self._scores[key] = found
        self._show_figures()


def _nothing(error: StudioError) -> None:
    """Ignore an error; computing a score has none that the user could act on."""
    del error
