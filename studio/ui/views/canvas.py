"""The picture as it forms: x0_hat of the newest step, or whichever step is looked at, with its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from studio.ui.models.scrubbing import ScrubbingModel
from studio.ui.theme.metrics import GAP, GRID, PADDING, SECTION
from studio.ui.views import canvas_words as words
from studio.ui.views.canvas_actions import CanvasActions
from studio.ui.views.canvas_head import CanvasHead
from studio.ui.views.fork_panel import ForkPanel
from studio.ui.views.panes import PanesView
from studio.ui.views.timeline import Timeline
from studio.ui.widgets.cards import EmptyPage, ErrorCard, Ground
from studio.ui.widgets.picture_view import PictureView

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent

    from studio.ui.core.settings import Preferences
    from studio.ui.core.thumbnails import Thumbnails
    from studio.ui.jobs.recorded_runs import RunsModel
    from studio.ui.models.exporting import ExportModel
    from studio.ui.models.filmstrip import FilmstripModel
    from studio.ui.models.forking import ForkModel
    from studio.ui.models.panes import PanesModel
    from studio.ui.models.run import RunModel
    from studio.ui.theme.theme import Theme


class CanvasView(Ground):
    """The middle of the window.

    Signals:
        fork_requested: the fork that the panel holds is to be made.
    """

    fork_requested = Signal()

    def __init__(
        self,
        theme: Theme,
        run: RunModel,
        strip: FilmstripModel,
        preferences: Preferences,
        forks: ForkModel,
        panes: PanesModel,
        exports: ExportModel,
        runs: RunsModel,
        thumbnails: Thumbnails,
        parent: QWidget | None = None,
    ) -> None:
        """Show what ``run`` looks at: how to go on from there, what the model believed, what is made of it.

        ``runs`` are those on the disk, and ``thumbnails`` their pictures.
        """
        super().__init__(theme, "window", parent=parent)
        self._run, self._preferences, self._forks = run, preferences, forks
        self.head = CanvasHead(theme, run, runs, thumbnails)
        self.picture = PictureView(theme)
        self.picture.setAccessibleName("The picture as it forms")
        self.panes = PanesView(theme, panes)
        self._error = ErrorCard(theme)
        self.fork_panel = ForkPanel(theme, forks)
        self.fork_panel.hide()
        self.scrubbing = ScrubbingModel(run, self)
        self.timeline = Timeline(theme, run, self.scrubbing, strip)
        self.action_row = CanvasActions(theme, self.scrubbing, exports)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # for its keys
        self._stage = QStackedLayout()
        self._lay_out(theme)
        self._connect()
        self._on_preference_changed("enlarge")
        self._on_changed()

    @property
    def time_left(self) -> str:
        """What is said of how long it still takes."""
        return self.head.time_left.text()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scrub, keep, fork, also where another part of the canvas has the keyboard."""
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier and self._run.viewed is not None
        if plain and event.key() == Qt.Key.Key_L:
            self._run.go_live()
        elif plain and event.key() == Qt.Key.Key_F:
            self.action_row.fork.click()
        elif plain and event.key() == Qt.Key.Key_P:
            self.head.toggle_panes()
        elif event.key() == Qt.Key.Key_P and event.modifiers() == Qt.KeyboardModifier.ShiftModifier:
            self.head.pin.click()
        elif plain and event.key() == Qt.Key.Key_G:
            self.head.picture.click()
        elif plain and event.key() == Qt.Key.Key_K:
            self.action_row.keep.click()
        elif not self.timeline.scrubber.handle_key(event):
            super().keyPressEvent(event)

    def _lay_out(self, theme: Theme) -> None:
        empty = EmptyPage(theme, "image", words.EMPTY, words.EMPTY_HOW)
        failed = QWidget()
        centred = QGridLayout(failed)
        centred.addWidget(self._error, 1, 1)
        for place in (0, 2):
            centred.setRowStretch(place, 1)
            centred.setColumnStretch(place, 1)
        centred.setColumnStretch(1, 4)
        for page in (empty, self.picture, failed, self.panes):
            self._stage.addWidget(page)
        beside = QHBoxLayout()
        beside.setSpacing(PADDING)
        beside.addLayout(self._stage, 1)
        beside.addWidget(self.fork_panel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SECTION, PADDING, SECTION, 12)
        layout.setSpacing(GAP)
        layout.addWidget(self.head)
        layout.addLayout(beside, 1)
        layout.addSpacing(GRID)
        layout.addWidget(self.timeline)
        layout.addWidget(self.action_row)

    def _connect(self) -> None:
        run = self._run
        run.changed.connect(self._on_changed)
        run.frame_changed.connect(self._on_frame_changed)
        run.selection_changed.connect(self._on_changed)
        self.head.panes_toggled.connect(self._on_frame_changed)
        self._preferences.changed.connect(self._on_preference_changed)
        self.action_row.fork_toggled.connect(self.toggle_fork)
        self.fork_panel.closed.connect(self.close_fork)
        self.fork_panel.fork_requested.connect(self.fork_requested)

    @Slot()
    def toggle_fork(self) -> None:
        """Open or close the panel that asks how to go on from this step."""
        if self.fork_panel.isVisible():
            self.close_fork()
        elif self._run.viewed is not None:
            self._forks.begin()
            self.fork_panel.show()
            self.fork_panel.prompt.setFocus()

    @Slot()
    def close_fork(self) -> None:
        """Close that panel."""
        if self.fork_panel.isVisible():
            self.fork_panel.hide()
            self.timeline.scrubber.setFocus()

    @Slot()
    def _on_changed(self) -> None:
        """Another job, picture or step is looked at, or the job is in another phase."""
        run, course = self._run, self._run.viewed
        for widget in (self.timeline, self.action_row):
            widget.setVisible(course is not None)
        if course is None:
            self._stage.setCurrentIndex(0)
            self.fork_panel.hide()
            return
        if course.failure is not None and run.step is None:
            self._error.set_error(course.failure.sentence, course.failure.details)
        self._on_frame_changed()

    @Slot()
    def _on_frame_changed(self) -> None:
        """The picture is another."""
        run, course = self._run, self._run.viewed
        if course is None:
            return
        failed = course.failure is not None and run.step is None
        self._stage.setCurrentIndex(2 if failed else 3 if self.head.shows_panes else 1)
        if not failed:
            live = course.phase == "running" and run.step is None and run.image not in course.pictures
            frame = run.frame
            if frame is None and live and run.live:
                return  # until the next picture of the job has a frame, the one before is better than none
            self.picture.set_image(frame, live=live or self.scrubbing.playing)

    @Slot(str)
    def _on_preference_changed(self, name: str) -> None:
        if name == "enlarge":
            for view in (self.picture, self.panes):
                view.set_enlarge(self._preferences.enlarge)
