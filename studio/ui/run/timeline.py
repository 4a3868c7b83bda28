"""Under the picture: the curves and frames of its steps and the scrubber, on one axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.messages import message
from studio.ui.language import tr
from studio.ui.run.curves import CurvesView
from studio.ui.run.filmstrip import FilmstripView
from studio.ui.theme.metrics import GAP
from studio.ui.widgets.labels import set_tip
from studio.ui.widgets.scrubber import Scrubber, Tick

if TYPE_CHECKING:
    from studio.ui.run.filmstrip import FilmstripModel
    from studio.ui.run.model import RunModel
    from studio.ui.run.timeline_model import ScrubbingModel
    from studio.ui.theme.theme import Theme

TIP = message(
    "A tick for each step, coloured by the noise that is left. Arrows step, with Shift by five; "
    "Home and End, digits for tenths; Space plays."
)


class Timeline(QWidget):
    """Frames and ticks of the steps so far."""

    def __init__(
        self,
        theme: Theme,
        run: RunModel,
        scrubbing: ScrubbingModel,
        strip: FilmstripModel,
        parent: QWidget | None = None,
    ) -> None:
        """Show and move ``scrubbing``, which looks at ``run``."""
        super().__init__(parent)
        self._scrubbing = scrubbing
        self.curves = CurvesView(theme, run, scrubbing)
        self.filmstrip = FilmstripView(theme, scrubbing, strip)
        self.scrubber = Scrubber(theme, tr("Steps"))
        set_tip(self.scrubber, tr(TIP))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.curves)
        layout.addSpacing(GAP)
        layout.addWidget(self.filmstrip)
        layout.addWidget(self.scrubber)
        scrubbing.changed.connect(self._on_changed)
        self.scrubber.edited.connect(scrubbing.go_to)
        self.scrubber.play_requested.connect(scrubbing.toggle_play)
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        model = self._scrubbing
        self.scrubber.set_ticks([Tick(*tick) for tick in model.ticks()], model.reached)
        self.scrubber.set_current(model.place, model.words)
