"""How far the runs come: curves of their distance to one finished picture, and a table of what they are worth."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtWidgets import QHBoxLayout, QWidget

from studio.ui.models.compare_curves import Curves, finish_of, score
from studio.ui.theme.metrics import INSET
from studio.ui.views import compare_words as words
from studio.ui.views.compare_plot import Curve, PlotView
from studio.ui.views.compare_table import TableView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.engine.events import PictureDone
    from studio.errors import StudioError
    from studio.ui.models.compare import CompareModel
    from studio.ui.models.compare_curves import Score
    from studio.ui.models.compare_pane import Pane
    from studio.ui.theme.theme import Theme


_MOST_SCORES: Final = 64


class ResultsView(QWidget):
    """The foot of the page of comparisons."""

    def __init__(self, theme: Theme, model: CompareModel, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self._model, self._curves = model, Curves()
        self._scores: dict[tuple[PictureDone, PictureDone], Score | None] = {}
        self._shown: tuple[tuple[str, ...], tuple[Pane, ...]] = (), ()
        self.plot, self.table = PlotView(theme), TableView(theme)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(INSET)
        row.addWidget(self.plot, 7)
        row.addWidget(self.table, 5)

    def show_runs(self, names: Sequence[str], panes: Sequence[Pane]) -> None:
        """Show what is known of the runs.

        Args:
            names: of each.
            panes: each as it is shown.
        """
        self._shown = tuple(names), tuple(panes)
        self._show_curves(names, panes, names[self._model.base])
        self._show_figures()
        self.table.set_note(words.unfinished(panes))

    def _show_figures(self) -> None:
        names, panes = self._shown
        base = self._model.base
        if base >= len(panes):  # an answer that came after another comparison had begun
            return
        reference = panes[base].finished
        rows = []
        for pane in panes:
            score = self._score(pane.finished, reference) if pane.place != base else None
            rows.append((names[pane.place], words.figures(pane, score, reference=pane.place == base)))
        self.table.set_rows(rows)

    def _show_curves(self, names: Sequence[str], panes: Sequence[Pane], base: str) -> None:
        title = words.DISTANCE.format(name=base)
        reference = finish_of(self._model.record(self._model.base))
        if reference is None:
            self.plot.set_curves(title, (), words.NO_CURVES.format(name=base))
            return
        curves = []
        for pane in panes:
            record = self._model.record(pane.place)
            points = self._curves.of(record.steps, reference) if record is not None else ()
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
