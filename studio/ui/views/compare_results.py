"""How far the runs come: curves of their distance to one finished picture, and a table of what they are worth."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.ui.models.compare_curves import Curves, score
from studio.ui.theme.metrics import GAP, INSET
from studio.ui.views import compare_result_words as words
from studio.ui.views.compare_reference import ReferenceBar
from studio.ui.views.compare_table import TableView
from studio.ui.views.compare_words import unfinished
from studio.ui.widgets.plot import Curve, PlotView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.engine.events import PictureDone
    from studio.errors import StudioError
    from studio.ui.models.compare import CompareModel
    from studio.ui.models.compare_alone import AloneModel
    from studio.ui.models.compare_curves import Score
    from studio.ui.models.compare_pane import Pane
    from studio.ui.models.compare_reference import Reference, ReferenceModel
    from studio.ui.theme.theme import Theme


_MOST_SCORES: Final = 64


class ResultsView(QWidget):
    """The foot of the page of comparisons."""

    def __init__(
        self,
        theme: Theme,
        model: CompareModel,
        reference: ReferenceModel,
        alone: AloneModel,
        parent: QWidget | None = None,
    ) -> None:
        """Start empty."""
        super().__init__(parent)
        self._model, self._curves = model, Curves()
        self._reference, self._alone = reference, alone
        self._scores: dict[tuple[PictureDone, PictureDone], Score | None] = {}
        self._shown: tuple[tuple[str, ...], tuple[Pane, ...]] = (), ()
        self.bar = ReferenceBar(theme, reference, alone)
        self.plot, self.table = PlotView(theme), TableView(theme)
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
        alone.changed.connect(self._on_changed)

    def show_runs(self, names: Sequence[str], panes: Sequence[Pane]) -> None:
        """Show what is known of the runs.

        Args:
            names: of each.
            panes: each as it is shown.
        """
        if self._shown[0] != tuple(names):
            self.bar.show_runs(names)
        self._shown = tuple(names), tuple(panes)
        self._show_curves()
        self._show_figures()
        self.table.set_note(unfinished(panes))

    @Slot()
    def _on_changed(self) -> None:
        """Another reference, or more is known."""
        if self._shown[1] and self.isVisible():
            self._show_curves()
            self._show_figures()

    def _name_of(self, reference: Reference) -> str:
        names = self._shown[0]
        if reference.place is not None and reference.place < len(names):
            return names[reference.place]
        return words.long_name(reference.request)

    def _show_figures(self) -> None:
        names, panes = self._shown
        reference, alone = self._reference.current, self._alone.current.differences
        if reference is None or (reference.place or 0) >= len(panes):
            return  # an answer that came after another comparison had begun
        rows = []
        for pane in panes:
            is_reference = pane.place == reference.place
            score = None if is_reference else self._score(pane.finished, reference.done)
            apart = words.small(alone[pane.place]) if len(alone) == len(panes) else ""
            row = words.figures(pane, score, reference=is_reference)
            rows.append((names[pane.place], (*row, apart)))
        if reference.place is None and reference.done is not None:
            done = reference.done
            figures = ("reference", "", f"{done.model_calls:,}", f"{done.seconds:.1f}", "")
            rows.append((self._name_of(reference), figures))
        self.table.set_rows(rows)

    def _show_curves(self) -> None:
        names, panes = self._shown
        reference = self._reference.current
        if reference is None:
            return
        name = self._name_of(reference)
        title = words.DISTANCE.format(name=name)
        if reference.finish is None:
            self.plot.set_curves(title, (), words.NO_CURVES.format(name=name))
            return
        curves = []
        for pane in panes:
            record = self._model.record(pane.place)
            points = self._curves.of(record.steps, reference.finish) if record is not None else ()
            at = pane.shown.model_calls if pane.shown is not None else None
            curves.append(Curve(name=names[pane.place], points=points, at=at))
        self.plot.set_curves(title, curves)

    def _score(self, done: PictureDone | None, reference: PictureDone | None) -> Score | None:
        """Return how near a picture comes; None as long as that is being reckoned, or there is nothing to reckon."""
        if done is None or reference is None:
            return None
        key = (done, reference)
        if key not in self._scores:
            if len(self._scores) > _MOST_SCORES:  # of comparisons long gone
                self._scores.clear()
            self._scores[key] = None
            work = partial(score, done.pixels, reference.pixels)
            self._model.background.do(work, partial(self._on_scored, key), _nothing)
        return self._scores[key]

    def _on_scored(self, key: tuple[PictureDone, PictureDone], found: Score) -> None:
        self._scores[key] = found
        self._show_figures()


def _nothing(error: StudioError) -> None:
    """Take no notice: reckoning raises nothing that is meant for people."""
    del error
