"""The comparison page: head, settings, recorded runs and the comparison itself; its keys, and saving it as a sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from studio.ui.compare import text as words
from studio.ui.compare.library import run_ids_of
from studio.ui.compare.library_view import LibraryView
from studio.ui.compare.runs_view import RunsView
from studio.ui.compare.setup_view import SetupView
from studio.ui.jobs.sheet_writer import Labelled, SheetWriter, ask_for_sheet
from studio.ui.language import tr
from studio.ui.theme.metrics import GAP, PADDING, PAGE_HEAD
from studio.ui.widgets.buttons import IconButton, TextButton
from studio.ui.widgets.cards import EmptyPage, ErrorCard, Ground
from studio.ui.widgets.choice import SegmentedSwitch
from studio.ui.widgets.labels import PlainLabel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PySide6.QtGui import QKeyEvent, QResizeEvent, QShowEvent

    from studio.engine.requests.compare import CompareRequest
    from studio.ui.compare.canvas import Mode
    from studio.ui.compare.columns import CompareColumns
    from studio.ui.compare.library import CompareLibrary
    from studio.ui.compare.model import CompareModel
    from studio.ui.compare.paint import RunCard
    from studio.ui.compare.reference import BatchingErrorModel, ReferenceModel
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.intents import Intents
    from studio.ui.core.notices import Notices
    from studio.ui.core.settings import Preferences
    from studio.ui.core.thumbnails import Thumbnails
    from studio.ui.theme.theme import Theme


_MODES: dict[int, Mode] = {
    Qt.Key.Key_S: "side",
    Qt.Key.Key_W: "wipe",
    Qt.Key.Key_D: "difference",
    Qt.Key.Key_T: "tile",
}
_NUDGE: Final = 0.05
"""How far a key moves the line of the wipe."""
_LOWEST_SETUP: Final = 300
"""Height in pixels; if the runs left the settings less, they are hidden while the settings are shown."""


class CompareHead(Ground):
    """The head of the page: title, facts and x_T of the comparison, its buttons, and the switch of the layouts."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "panel", lines=Qt.Edge.BottomEdge, parent=parent)
        self.setFixedHeight(PAGE_HEAD)
        self.title = PlainLabel(theme, kind="title", elide=True)
        self.facts = PlainLabel(theme, kind="label", role="dim", elide=True)
        self.noise = PlainLabel(theme, kind="label", role="good")
        self.newest = TextButton(
            theme, tr("Back to the running comparison"), kind="quiet", icon="chevron-left"
        )
        self.cancel = TextButton(theme, tr("Cancel"))
        self.save = IconButton(theme, "download", tr("Save what is shown as one labelled picture"))
        self.library = IconButton(
            theme, "images", tr("Show or hide the list of recorded runs"), checkable=True
        )
        self.setup = IconButton(
            theme, "sliders-horizontal", tr("Show or hide the settings of the runs"), checkable=True
        )
        self.results = IconButton(theme, "chart-line", tr("Show or hide the results"), checkable=True)
        self.modes = SegmentedSwitch(theme, tr("Layout"), words.modes())
        row = QHBoxLayout(self)
        row.setContentsMargins(PADDING, 0, PADDING, 1)
        row.setSpacing(GAP + GAP // 2)
        lines = QVBoxLayout()
        lines.setSpacing(0)
        lines.addStretch()
        lines.addWidget(self.title)
        lines.addWidget(self.facts)
        lines.addStretch()
        row.addLayout(lines, 1)
        row.addWidget(self.noise)
        for button in (self.newest, self.cancel, self.save, self.library, self.setup, self.results):
            row.addWidget(button)
        row.addWidget(self.modes)
        self.cancel.hide()
        self.newest.hide()

    def show_noise(self, sentence: str, *, same: bool) -> None:
        """Show whether the runs start from the same noise."""
        self.noise.setText(sentence)
        self.noise.set_role("good" if same else "warn")
        self.noise.setVisible(bool(sentence))


class CompareView(Ground):
    """Shows a `CompareModel`, and sets up the next comparison with `CompareColumns`."""

    def __init__(
        self,
        theme: Theme,
        model: CompareModel,
        columns: CompareColumns,
        library: CompareLibrary,
        reference: ReferenceModel,
        batching_error: BatchingErrorModel,
        catalog: Catalog,
        thumbnails: Thumbnails,
        preferences: Preferences,
        notices: Notices,
        intents: Intents,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, "window", parent=parent)
        self._model, self._columns, self._library = model, columns, library
        self._with_results: bool | None = None  # by the height of the page, until the user chooses
        self._intents = intents
        self.sheets = SheetWriter(notices, model.background, self)
        self.head = CompareHead(theme)
        self.setup = SetupView(theme, columns, catalog)
        self.library = LibraryView(theme, library, thumbnails)
        self.library.hide()
        self.runs = RunsView(theme, model, reference, batching_error, preferences)
        self.error = ErrorCard(theme)
        self._empty = EmptyPage(theme, "columns-2", words.empty(), words.empty_hint())
        self._lay_out()
        model.changed.connect(self._on_changed)
        model.shown_changed.connect(self._on_shown_changed)
        columns.changed.connect(self._on_changed)
        head = self.head
        head.modes.edited.connect(self._on_mode_edited)
        head.setup.clicked.connect(self.show_setup)
        head.library.clicked.connect(self.show_library)
        head.results.clicked.connect(self.show_results)
        head.newest.clicked.connect(self._on_newest_clicked)
        head.cancel.clicked.connect(intents.cancel)
        head.save.clicked.connect(self._on_save_clicked)
        self.setup.start_requested.connect(self.start)
        self.setup.sweep.clicked.connect(intents.open_sweep)
        self.setup.recorded.clicked.connect(self.open_library)
        self.library.closed.connect(self.show_runs)
        self.show_setup(model.job_state is None)
        self._on_changed()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.head)
        layout.addWidget(self.setup)
        layout.addWidget(self.library)
        layout.addWidget(self.error)
        layout.addWidget(self._empty, 1)
        layout.addWidget(self.runs, 1)

    # ----------------------------------------------------------------------------------------------------- intents
    @Slot()
    def start(self) -> None:
        """Start what is visible: the columns, or in the list of recorded runs the selected ones.

        If the columns are hidden and would make other pictures than the comparison that is shown, they are shown first.
        """
        if self.library.isVisible():
            self._library.open()
        elif not self._columns.fault:
            request = self._columns.take_request()
            if self.setup.isHidden() and self._is_another(request):
                self.show_setup(True)
                return
            self.show_runs()
            self._intents.compare.emit(request)

    def _is_another(self, request: CompareRequest) -> bool:
        """Whether a request makes other runs than those that are shown."""
        shown = self._model.job_state
        return shown is not None and shown.requests != request.requests

    @Slot(bool)
    def show_setup(self, shown: bool) -> None:
        """Show or hide the settings of the runs; while they are visible, the results are hidden.

        In a window too low for both, the settings take the place of the runs.
        """
        self._show_above(setup=shown)

    @Slot(bool)
    def show_library(self, shown: bool) -> None:
        """Show or hide the recorded runs; those of the comparison that is shown are selected."""
        if shown and (runs := run_ids_of(self._model.job_state)):
            self._library.choose(runs)
        self._show_above(library=shown)

    def offer_library(self) -> None:
        """Show the recorded runs; the selection stays."""
        self._show_above(library=True)

    @Slot(bool)
    def show_results(self, shown: bool) -> None:
        """Show the results below the pictures, or give their space to the pictures."""
        self._with_results = shown
        self._show_above()

    @Slot()
    def open_library(self) -> None:
        self.show_library(True)

    def go_back(self) -> bool:
        """Close the list of recorded runs; return whether it was open."""
        listed = self.library.isVisible()
        if listed:
            self.show_runs()
        return listed

    @Slot()
    def show_runs(self) -> None:
        """Show the comparison and give it the focus."""
        self._show_above()
        self.runs.canvas.setFocus(Qt.FocusReason.MouseFocusReason)  # a reason that shows no focus ring

    def _show_above(self, *, setup: bool = False, library: bool = False) -> None:
        self.setup.setVisible(setup)
        self.library.setVisible(library)
        self.head.setup.setChecked(setup)
        self.head.library.setChecked(library)
        self._fit_parts()

    def _fit_parts(self) -> None:
        """Show the runs, the results and the hint of an empty page if the window is high enough for them."""
        there = self._model.job_state is not None
        setup, library = not self.setup.isHidden(), not self.library.isHidden()
        room = self.height() - self.head.height()
        wanted = (
            self._with_results if self._with_results is not None else self.runs.has_room_for_results(room)
        )
        results = wanted and not setup and not library
        self.head.results.setChecked(results)
        self.runs.show_results(results)
        settings = self.setup.sizeHint().height() if setup else 0
        left = room - min(settings, _LOWEST_SETUP)
        shown = there and (not setup or left >= self.runs.minimumSizeHint().height())
        if not shown and self.runs.isAncestorOf(QApplication.focusWidget() or self):
            ready = self.setup.start if self.setup.start.isEnabled() else self.head.setup
            ready.setFocus(Qt.FocusReason.MouseFocusReason)
        self.runs.setVisible(shown)
        self._empty.setVisible(not there and room - settings >= self._empty.minimumSizeHint().height())

    def _uncover_runs(self) -> None:
        """Show the runs if the settings have taken their place."""
        if self._model.job_state is not None and self.runs.isHidden():
            self.show_runs()

    def set_mode(self, mode: Mode) -> None:
        self.runs.set_mode(mode)
        self.head.modes.set_value(mode)
        self._uncover_runs()

    # ------------------------------------------------------------------------------------------------------ changes
    @Slot()
    def _on_changed(self) -> None:
        job_state, head = self._model.job_state, self.head
        there = job_state is not None
        self._fit_parts()
        head.modes.setVisible(there)
        head.save.setVisible(there)
        head.results.setVisible(there)
        head.cancel.setVisible(job_state is not None and not job_state.over)
        newest = self._model.newest
        head.newest.setVisible(newest is not None and newest is not job_state and not newest.over)
        asked = self._columns.prompt or words.no_prompt()
        head.title.setText(words.title(job_state) if job_state is not None else asked)
        head.facts.setText(words.facts(job_state) if job_state is not None else "")
        head.facts.setVisible(there)
        failure = job_state.failure if job_state is not None else None
        self.error.setVisible(failure is not None)
        if failure is not None:
            self.error.set_error(failure.sentence, failure.details)
        self._on_shown_changed()

    @Slot()
    def _on_shown_changed(self) -> None:
        job_state = self._model.job_state
        sentence, same = (
            words.noise(self._model.hashes, job_state.count) if job_state is not None else ("", False)
        )
        self.head.show_noise(sentence, same=same)

    @Slot()
    def _on_newest_clicked(self) -> None:
        if (newest := self._model.newest) is not None:
            self._model.show(newest)
            self._uncover_runs()

    @Slot(str)
    def _on_mode_edited(self, mode: str) -> None:
        self.set_mode(cast("Mode", mode))

    @Slot()
    def _on_save_clicked(self) -> None:
        """Save the visible pictures with their texts, in rows, as one picture."""
        job_state, pictures = self._model.job_state, sheet_pictures(self.runs.canvas.cards)
        if job_state is None or not pictures:
            return
        path = ask_for_sheet(self, job_state.request.prompt)
        if path is not None:
            columns = min(len(pictures), 3 if len(pictures) > 4 else 4)
            title = ", ".join(
                filter(None, (words.title(job_state), words.facts(job_state), self.head.noise.text()))
            )
            self.sheets.write(path, pictures, columns, title)

    # ------------------------------------------------------------------------------------------------------- events
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_parts()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        ready = self.setup.start if self.runs.isHidden() else self.runs.canvas
        ready.setFocus(Qt.FocusReason.MouseFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if not (plain and self._handle_key(event)) and not self.runs.handle_key(event):
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_B and not event.isAutoRepeat():
            self.runs.canvas.set_peeking(False)
        else:
            super().keyReleaseEvent(event)

    def _handle_key(self, event: QKeyEvent) -> bool:
        """Change the layout, the wipe, the zoom or B; return whether the key does any of it."""
        key, canvas = event.key(), self.runs.canvas
        if self._model.job_state is None:
            return False
        if key in _MODES:
            self.set_mode(_MODES[key])
        elif key == Qt.Key.Key_B:
            if not event.isAutoRepeat():
                self.set_mode("blink")
                canvas.set_peeking(True)
        elif key == Qt.Key.Key_X:
            canvas.turn()
        elif key == Qt.Key.Key_Z:
            canvas.toggle_scale()
        elif key in (Qt.Key.Key_Comma, Qt.Key.Key_Period):
            canvas.set_wipe(canvas.wipe + (_NUDGE if key == Qt.Key.Key_Period else -_NUDGE))
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._model.step_candidate(1 if key == Qt.Key.Key_Down else -1)
        else:
            return False
        return True


def sheet_pictures(cards: Iterable[RunCard]) -> list[Labelled]:
    """Return the pictures of a sheet with their texts; runs without a picture are left out."""
    return [
        Labelled(
            pixels=card.pixels,
            lines=(card.name, card.where, ", ".join(filter(None, (card.cost, card.gap)))),
        )
        for card in cards
        if card.pixels is not None
    ]
