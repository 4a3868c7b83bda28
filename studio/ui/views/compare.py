"""The page of comparisons: several runs in lockstep, laid side by side at one noise level, step or cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.ui.models.compare_sheet import Labelled, SheetWriter
from studio.ui.theme.metrics import GAP
from studio.ui.views import compare_words as words
from studio.ui.views.compare_head import CompareHead
from studio.ui.views.compare_runs import RunsView
from studio.ui.views.compare_saving import ask_for_sheet
from studio.ui.views.compare_setup import SetupView
from studio.ui.widgets.error_card import ErrorCard
from studio.ui.widgets.ground import Ground
from studio.ui.widgets.icon_view import IconView
from studio.ui.widgets.plain_label import PlainLabel

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QShowEvent

    from studio.ui.models.catalog import Catalog
    from studio.ui.models.compare import CompareModel
    from studio.ui.models.compare_columns import CompareColumns
    from studio.ui.models.notices import Notices
    from studio.ui.models.preferences import Preferences
    from studio.ui.theme.theme import Theme
    from studio.ui.views.compare_stage import Mode

_MODES: dict[int, Mode] = {
    Qt.Key.Key_S: "side",
    Qt.Key.Key_W: "wipe",
    Qt.Key.Key_D: "difference",
    Qt.Key.Key_T: "tile",
}


_NUDGE = 0.05
"""How far a key moves the line of the wipe."""


class CompareView(Ground):
    """Shows a `CompareModel`, and sets up the next with `CompareColumns`.

    Signals:
        compare_requested: a `CompareRequest` is to be run.
        cancel_requested: the running job is to stop.
        sweep_requested: two settings are to be swept.
    """

    compare_requested = Signal(object)
    cancel_requested = Signal()
    sweep_requested = Signal()

    def __init__(
        self,
        theme: Theme,
        model: CompareModel,
        columns: CompareColumns,
        catalog: Catalog,
        preferences: Preferences,
        notices: Notices,
        parent: QWidget | None = None,
    ) -> None:
        """Build the page."""
        super().__init__(theme, "window", parent=parent)
        self._model, self._columns = model, columns
        self.sheets = SheetWriter(notices, model.background, self)
        self.head = CompareHead(theme)
        self.setup = SetupView(theme, columns, catalog)
        self.runs = RunsView(theme, model, preferences)
        self.error = ErrorCard(theme)
        self._empty = _empty(theme)
        self._lay_out(theme)
        model.changed.connect(self._on_changed)
        model.shown_changed.connect(self._on_shown_changed)
        columns.changed.connect(self._on_changed)
        self.head.modes.edited.connect(self._on_mode_edited)
        self.head.setup.clicked.connect(self.show_setup)
        self.head.cancel_requested.connect(self.cancel_requested)
        self.head.save_requested.connect(self._on_save_requested)
        self.setup.start_requested.connect(self.start)
        self.setup.sweep.clicked.connect(self.sweep_requested)
        self.show_setup(model.course is None)
        self._on_changed()

    def _lay_out(self, theme: Theme) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.head)
        layout.addWidget(self.setup)
        layout.addWidget(self.error)
        layout.addWidget(self._empty, 1)
        layout.addWidget(self.runs, 1)

    # ----------------------------------------------------------------------------------------------------- intents
    @Slot()
    def start(self) -> None:
        """Compare what is set up."""
        if not self._columns.fault:
            self.show_setup(False)
            self.runs.panes.setFocus(
                Qt.FocusReason.MouseFocusReason
            )  # without a ring: nobody went there by Tab
            self.compare_requested.emit(self._columns.take_request())

    @Slot(bool)
    def show_setup(self, shown: bool) -> None:
        """Show or hide the settings of the runs; what they are worth makes room for them."""
        self.setup.setVisible(shown)
        self.head.setup.setChecked(shown)
        self.runs.show_results(not shown)

    def set_mode(self, mode: Mode) -> None:
        """Lay the pictures out in another way."""
        self.runs.set_mode(mode)
        self.head.modes.set_value(mode)

    # -------------------------------------------------------------------------------------------------------- facts
    @Slot()
    def _on_changed(self) -> None:
        course, head = self._model.course, self.head
        there = course is not None
        self._empty.setVisible(not there)
        self.runs.setVisible(there)
        head.modes.setVisible(there)
        head.save.setVisible(there)
        head.cancel.setVisible(course is not None and not course.over)
        prompt = course.request.prompt if course is not None else self._columns.prompt
        head.title.setText(prompt or "(no prompt)")
        head.facts.setText(words.facts(course) if course is not None else "")
        failure = course.failure if course is not None else None
        self.error.setVisible(failure is not None)
        if failure is not None:
            self.error.set_error(failure.sentence, failure.details)
        self._on_shown_changed()

    @Slot()
    def _on_shown_changed(self) -> None:
        course = self._model.course
        sentence, same = words.noise(self._model.hashes, course.count) if course is not None else ("", False)
        self.head.show_noise(sentence, same=same)

    @Slot(str)
    def _on_mode_edited(self, mode: str) -> None:
        self.set_mode(cast("Mode", mode))

    @Slot()
    def _on_save_requested(self) -> None:
        """Save the pictures that are seen, in rows as they lie, with their words."""
        course, panes = self._model.course, self.runs.panes
        pictures = [
            Labelled(
                pixels=face.pixels,
                lines=(face.name, face.where, ", ".join(filter(None, (face.cost, face.gap)))),
            )
            for face in panes.faces
            if face.pixels is not None
        ]
        if course is None or not pictures:
            return
        path = ask_for_sheet(self, course.request.prompt)
        if path is not None:
            columns = min(len(pictures), 3 if len(pictures) > 4 else 4)
            title = ", ".join(
                filter(None, (course.request.prompt, words.facts(course), self.head.noise.text()))
            )
            self.sheets.write(path, pictures, columns, title)

    # ------------------------------------------------------------------------------------------------------ the hand
    def showEvent(self, event: QShowEvent) -> None:
        """Be ready for keys."""
        super().showEvent(event)
        ready = self.runs.panes if self._model.course is not None else self.setup.start
        ready.setFocus(Qt.FocusReason.MouseFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Change the layout, the candidate or the scale, or lead the scrubber."""
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if not (plain and self._take_key(event)) and not self.runs.handle_key(event):
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Let go of A."""
        if event.key() == Qt.Key.Key_B and not event.isAutoRepeat():
            self.runs.panes.set_peeking(False)
        else:
            super().keyReleaseEvent(event)

    def _take_key(self, event: QKeyEvent) -> bool:
        key, panes = event.key(), self.runs.panes
        if self._model.course is None:
            return False
        if key in _MODES:
            self.set_mode(_MODES[key])
        elif key == Qt.Key.Key_B:
            if not event.isAutoRepeat():
                self.set_mode("blink")
                panes.set_peeking(True)
        elif key == Qt.Key.Key_X:
            panes.turn()
        elif key == Qt.Key.Key_Z:
            panes.toggle_scale()
        elif key in (Qt.Key.Key_Comma, Qt.Key.Key_Period):
            panes.set_wipe(panes.wipe + (_NUDGE if key == Qt.Key.Key_Period else -_NUDGE))
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._model.step_candidate(1 if key == Qt.Key.Key_Down else -1)
        else:
            return False
        return True


def _empty(theme: Theme) -> QWidget:
    """Return what stands in the place of runs before there are any."""
    page = QWidget()
    lines = QVBoxLayout(page)
    lines.setSpacing(GAP)
    lines.addStretch()
    lines.addWidget(IconView(theme, "columns-2", role="faint", size=40), 0, Qt.AlignmentFlag.AlignHCenter)
    for label in (
        PlainLabel(theme, words.EMPTY, kind="title", wrap=True),
        PlainLabel(theme, words.EMPTY_HOW, role="dim", wrap=True),
    ):
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        lines.addWidget(label)
    lines.addStretch()
    return page
