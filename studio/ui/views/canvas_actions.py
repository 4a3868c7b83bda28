"""The row under the scrubber: what can be done with the step that is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QWidget

from studio.ui.jobs.picture_menu import COMPARE_WITH
from studio.ui.theme.metrics import GAP
from studio.ui.views.export_menu import ExportMenu
from studio.ui.widgets.buttons import IconButton, TextButton
from studio.ui.widgets.labels import PlainLabel, set_tip

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from studio.ui.models.exporting import ExportModel
    from studio.ui.models.scrubbing import ScrubbingModel
    from studio.ui.theme.theme import Theme

_ICON_ROOM = 40
HINT = "Space plays, L live, K keeps, F forks, P panes"


class CanvasActions(QWidget):
    """One row of buttons, and the keys in a few words.

    Signals:
        keep_requested: the step that is looked at is to be kept as a picture.
        compare_requested: its run is to lie beside others.
        fork_toggled: another run is to go on from it; how is to be asked, or no more.
    """

    keep_requested = Signal()
    compare_requested = Signal()
    fork_toggled = Signal()

    def __init__(
        self,
        theme: Theme,
        scrubbing: ScrubbingModel,
        exports: ExportModel,
        parent: QWidget | None = None,
    ) -> None:
        """Act on what ``scrubbing`` looks at."""
        super().__init__(parent)
        self._scrubbing = scrubbing
        self.play = IconButton(theme, "play", "Play the steps", tip="Play the steps (Space)")
        self.keep = TextButton(theme, "Keep this step", icon="save")
        set_tip(self.keep, "Save the picture at this step, as it is shown, to the gallery (K)")
        self.fork = TextButton(theme, "Fork from here", icon="git-fork")
        set_tip(self.fork, "Go on from this step in another way: prompt, sampler, guidance, seed, steps (F)")
        self.compare = TextButton(theme, COMPARE_WITH, icon="columns-2")
        set_tip(self.compare, "Lay this run, as it was recorded, beside others")
        self.export = TextButton(theme, "Export", icon="download")
        set_tip(self.export, "Save this picture, or make an animation or a contact sheet of all steps so far")
        self.menu = ExportMenu(theme, exports, self)
        self._hint = PlainLabel(theme, HINT, kind="label", role="faint", elide=True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(self.play)
        row.addWidget(self.keep)
        row.addWidget(self.fork)
        row.addWidget(self.compare)
        row.addWidget(self.export)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._hint, 1)
        self._texts = {button: button.text() for button in (self.fork, self.keep, self.compare, self.export)}
        for button, text in self._texts.items():
            button.setAccessibleName(text)
        self.keep.clicked.connect(self.keep_requested)
        self.compare.clicked.connect(self.compare_requested)
        self.export.clicked.connect(self._on_export)
        self.fork.clicked.connect(self.fork_toggled)
        self.play.clicked.connect(scrubbing.toggle_play)
        scrubbing.playing_changed.connect(self._on_playing_changed)
        scrubbing.changed.connect(self._on_changed)
        self._on_changed()

    def minimumSizeHint(self) -> QSize:
        """Room for the icons; texts give way."""
        return QSize(_ICON_ROOM * (1 + len(self._texts)), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is no room for every text, let the last ones give way to their icons."""
        super().resizeEvent(event)
        room = self.width() - self.play.width()
        widths = {button: button.width_with(text) + GAP for button, text in self._texts.items()}
        for button in reversed(self._texts):
            lacks = sum(widths.values()) > room
            button.setText("" if lacks else self._texts[button])
            widths[button] = button.sizeHint().width() + GAP
        needed = self._hint.fontMetrics().horizontalAdvance(HINT) + GAP
        self._hint.setText(HINT if sum(widths.values()) + needed <= room else "")  # whole, or not at all

    @Slot()
    def _on_export(self) -> None:
        self.menu.popup(self.export.mapToGlobal(QPoint(0, -self.menu.sizeHint().height())))

    @Slot(bool)
    def _on_playing_changed(self, playing: bool) -> None:
        self.play.set_icon("pause" if playing else "play")
        self.play.setAccessibleName("Pause" if playing else "Play the steps")

    @Slot()
    def _on_changed(self) -> None:
        self.play.setEnabled(self._scrubbing.reached > 1)
        for button in (self.keep, self.fork, self.compare, self.export):
            button.setEnabled(self._scrubbing.reached > 0)
