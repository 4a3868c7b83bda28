"""The canvas: the picture of the shown step, its timeline, and the buttons that keep, fork, compare and export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from studio.ui.jobs.picture_menu import COMPARE_WITH
from studio.ui.language import tr
from studio.ui.run import text
from studio.ui.run.curves import CurvesView
from studio.ui.run.export import ExportMenu
from studio.ui.run.filmstrip import FilmstripView
from studio.ui.run.fork_view import ForkPanel
from studio.ui.run.head import CanvasHead
from studio.ui.run.panes_view import PanesView
from studio.ui.run.timeline_model import TimelineModel
from studio.ui.theme.metrics import GAP, GRID, PADDING, SECTION
from studio.ui.widgets.buttons import IconButton, TextButton, fit_texts
from studio.ui.widgets.cards import EmptyPage, ErrorCard, Ground
from studio.ui.widgets.labels import PlainLabel, set_tip
from studio.ui.widgets.picture_view import PictureView
from studio.ui.widgets.scrubber import Scrubber, Tick

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QResizeEvent

    from studio.ui.core.intents import Intents
    from studio.ui.core.settings import Preferences
    from studio.ui.core.thumbnails import Thumbnails
    from studio.ui.jobs.recorded_runs import RunsModel
    from studio.ui.run.export import ExportModel
    from studio.ui.run.filmstrip import FilmstripModel
    from studio.ui.run.fork import ForkModel
    from studio.ui.run.model import RunModel
    from studio.ui.run.panes import PanesModel
    from studio.ui.run.steps import StepSaver
    from studio.ui.theme.theme import Theme


class TimelineView(QWidget):
    """Below the picture: curves, filmstrip and scrubber, on one axis of steps."""

    def __init__(
        self,
        theme: Theme,
        run: RunModel,
        model: TimelineModel,
        strip: FilmstripModel,
        parent: QWidget | None = None,
    ) -> None:
        """Show and move ``model``, the timeline of ``run``."""
        super().__init__(parent)
        self._model = model
        self.curves = CurvesView(theme, run, model)
        self.filmstrip = FilmstripView(theme, model, strip)
        self.scrubber = Scrubber(theme, tr("Steps"))
        set_tip(self.scrubber, text.scrubber_tip())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.curves)
        layout.addSpacing(GAP)
        layout.addWidget(self.filmstrip)
        layout.addWidget(self.scrubber)
        model.changed.connect(self._on_changed)
        self.scrubber.edited.connect(model.go_to)
        self.scrubber.play_requested.connect(model.toggle_play)
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        model = self._model
        self.scrubber.set_ticks([Tick(*tick) for tick in model.ticks()], model.reached)
        self.scrubber.set_current(model.place, model.description)


_ICON_ROOM = 40


class CanvasActions(QWidget):
    """A row of buttons for the shown step, and a hint about their keys."""

    def __init__(
        self,
        theme: Theme,
        timeline: TimelineModel,
        keeper: StepSaver,
        exports: ExportModel,
        intents: Intents,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._timeline = timeline
        self.play = IconButton(theme, "play", tr("Play the steps"), tip=tr("Play the steps (Space)"))
        self.keep = TextButton(theme, tr("Keep this step"), icon="save")
        self.fork = TextButton(theme, tr("Fork from here"), icon="git-fork")
        self.compare = TextButton(theme, tr(COMPARE_WITH), icon="columns-2")
        self.export = TextButton(theme, tr("Export"), icon="download")
        self.menu = ExportMenu(theme, exports, self)
        self._hint = PlainLabel(theme, text.keys_hint(), kind="label", role="faint", elide=True)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for button, tip in (
            (self.keep, text.keep_tip()),
            (self.fork, text.fork_tip()),
            (self.compare, text.compare_tip()),
            (self.export, text.export_tip()),
        ):
            set_tip(button, tip)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        for widget in (self.play, self.keep, self.fork, self.compare, self.export):
            row.addWidget(widget)
        row.addWidget(self._hint, 1)
        self._texts = {button: button.text() for button in (self.fork, self.keep, self.compare, self.export)}
        for button, name in self._texts.items():
            button.setAccessibleName(name)
        self.keep.clicked.connect(keeper.keep)
        self.compare.clicked.connect(intents.compare_shown)
        self.export.clicked.connect(self._on_export)
        self.play.clicked.connect(timeline.toggle_play)
        timeline.playing_changed.connect(self._on_playing_changed)
        timeline.changed.connect(self._on_changed)
        self._on_changed()

    def minimumSizeHint(self) -> QSize:
        return QSize(_ICON_ROOM * (1 + len(self._texts)), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the last buttons as icons alone where not every text fits."""
        super().resizeEvent(event)
        room = self.width() - self.play.width()
        used = fit_texts(self._texts, room)
        hint = text.keys_hint()
        needed = self._hint.fontMetrics().horizontalAdvance(hint) + GAP
        self._hint.setText(hint if used + needed <= room else "")  # never cut

    @Slot()
    def _on_export(self) -> None:
        self.menu.popup(self.export.mapToGlobal(QPoint(0, -self.menu.sizeHint().height())))

    @Slot(bool)
    def _on_playing_changed(self, playing: bool) -> None:
        self.play.set_icon("pause" if playing else "play")
        self.play.setAccessibleName(tr("Pause") if playing else tr("Play the steps"))

    @Slot()
    def _on_changed(self) -> None:
        self.play.setEnabled(self._timeline.reached > 1)
        for button in (self.keep, self.fork, self.compare, self.export):
            button.setEnabled(self._timeline.reached > 0)


class CanvasView(Ground):
    """The middle of the Create page: the shown step of a `RunModel`, as one picture or as panes.

    Signals:
        fork_panel_toggled: the fork panel was opened (True) or closed (False).
    """

    fork_panel_toggled = Signal(bool)

    def __init__(
        self,
        theme: Theme,
        run: RunModel,
        strip: FilmstripModel,
        preferences: Preferences,
        forks: ForkModel,
        panes: PanesModel,
        keeper: StepSaver,
        exports: ExportModel,
        runs: RunsModel,
        thumbnails: Thumbnails,
        intents: Intents,
        parent: QWidget | None = None,
    ) -> None:
        """Show ``run``; the recorded ``runs`` and ``thumbnails`` are for its lineage."""
        super().__init__(theme, "window", parent=parent)
        self._run, self._preferences, self._forks = run, preferences, forks
        self.head = CanvasHead(theme, run, runs, thumbnails, intents)
        self.picture = PictureView(theme)
        self.picture.setAccessibleName(tr("The picture as it forms"))
        self.panes = PanesView(theme, panes)
        self._error = ErrorCard(theme)
        self.fork_panel = ForkPanel(theme, forks, intents)
        self.fork_panel.hide()
        self.timeline_model = TimelineModel(run, self)
        self.timeline = TimelineView(theme, run, self.timeline_model, strip)
        self.action_row = CanvasActions(theme, self.timeline_model, keeper, exports, intents)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # for its keys
        self._stage = QStackedLayout()
        self._lay_out(theme)
        self._connect()
        self._on_preference_changed("enlarge")
        self._on_changed()

    @property
    def time_left(self) -> str:
        """The time that the job still takes, as it is shown."""
        return self.head.time_left.text()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Handle the canvas's keys, whichever part of it has the focus."""
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
        empty = EmptyPage(theme, "image", text.empty(), text.empty_how())
        failed = QWidget()
        centred = QGridLayout(failed)
        centred.addWidget(self._error, 1, 1)
        for place in (0, 2):
            centred.setRowStretch(place, 1)
            centred.setColumnStretch(place, 1)
        centred.setColumnStretch(1, 4)
        layout = QVBoxLayout()
        layout.setSpacing(GAP)
        beside = QHBoxLayout(
            self
        )  # the fork panel takes the whole height: its fields need it in a low window
        beside.setContentsMargins(SECTION, PADDING, SECTION, 12)
        beside.setSpacing(PADDING)
        beside.addLayout(layout, 1)
        beside.addWidget(self.fork_panel)
        layout.addWidget(self.head)
        layout.addLayout(self._stage, 1)
        for page in (
            empty,
            self.picture,
            failed,
            self.panes,
        ):  # now that it has a parent: or it would open a window
            self._stage.addWidget(page)
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
        self.action_row.fork.clicked.connect(self.toggle_fork)
        self.fork_panel.closed.connect(self.close_fork)

    @Slot()
    def toggle_fork(self) -> None:
        """Open or close the fork panel."""
        if self.fork_panel.isVisible():
            self.close_fork()
        elif self._run.viewed is not None:
            self._forks.begin()
            self.fork_panel_toggled.emit(True)
            self.fork_panel.show()
            self.fork_panel.prompt.setFocus()

    @Slot()
    def close_fork(self) -> None:
        if self.fork_panel.isVisible():
            self.fork_panel.hide()
            self.fork_panel_toggled.emit(False)
            self.timeline.scrubber.setFocus()

    @Slot()
    def _on_changed(self) -> None:
        run, job_state = self._run, self._run.viewed
        for widget in (self.timeline, self.action_row):
            widget.setVisible(job_state is not None)
        if job_state is None:
            self._stage.setCurrentIndex(0)
            self.fork_panel.hide()
            return
        if job_state.failure is not None and run.step is None:
            self._error.set_error(job_state.failure.sentence, job_state.failure.details)
        self._on_frame_changed()

    @Slot()
    def _on_frame_changed(self) -> None:
        run, job_state = self._run, self._run.viewed
        if job_state is None:
            return
        failed = job_state.failure is not None and run.step is None
        self._stage.setCurrentIndex(2 if failed else 3 if self.head.shows_panes else 1)
        if not failed:
            live = job_state.phase == "running" and run.step is None and run.image not in job_state.pictures
            frame = run.frame
            if frame is None and live and run.live:
                return  # keep the frame of the picture before until the next one has its own
            self.picture.set_image(frame, live=live or self.timeline_model.playing)

    @Slot(str)
    def _on_preference_changed(self, name: str) -> None:
        if name == "enlarge":
            for view in (self.picture, self.panes):
                view.set_enlarge(self._preferences.enlarge)
