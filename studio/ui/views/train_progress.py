"""A training while it goes on: where it stands, its curves, its samples, and the models that came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from studio.ui.models.train_checkpoints import checkpoints_of
from studio.ui.theme.metrics import GAP, GRID
from studio.ui.views import train_run_words as words
from studio.ui.views.train_large import LargeSample
from studio.ui.views.train_losses import LossView
from studio.ui.views.train_samples import SampleStrip
from studio.ui.views.train_waiting import WaitingView
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.cards import EmptyPage
from studio.ui.widgets.labels import PlainLabel, set_tip
from studio.ui.widgets.scrubber import NoiseBar

if TYPE_CHECKING:
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.settings import Preferences
    from studio.ui.models.train_run import TrainRun
    from studio.ui.theme.theme import Theme

_TIME = 96  # room for the time that is left, so that nothing moves while it changes


class TrainProgressView(QStackedWidget):
    """Shows a `TrainRun`.

    Signals:
        pause_requested: the training is to rest, or to go on.
        stop_requested: it is to stop.
        resume_requested: it is to go on where it was stopped.
        remove_requested: this waiting `Training` is not wanted any more.
        use_requested: pictures are to be made with the model of this name.
        compare_requested: the checkpoints are to be compared.
        sheet_requested: a sheet of them is to be saved.
    """

    pause_requested = Signal(bool)
    stop_requested = Signal()
    resume_requested = Signal()
    remove_requested = Signal(object)
    use_requested = Signal(str)
    compare_requested = Signal()
    sheet_requested = Signal()

    def __init__(
        self,
        theme: Theme,
        run: TrainRun,
        catalog: Catalog,
        preferences: Preferences,
        parent: QWidget | None = None,
    ) -> None:
        """Build the parts."""
        super().__init__(parent)
        self._run, self._catalog = run, catalog
        self.title = PlainLabel(theme, kind="title", elide=True)
        self.caption = PlainLabel(theme, role="dim", elide=True)
        self.time_left = PlainLabel(theme, role="dim")
        self.time_left.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.time_left.setMinimumWidth(_TIME)
        self.pause = TextButton(theme, "Pause", icon="pause")
        set_tip(self.pause, "Rest after this step; nothing is lost (Ctrl+P)")
        self.stop = TextButton(theme, "Stop", icon="square")
        set_tip(self.stop, "Stop after this step. Everything is saved, and it can go on at any time.")
        self.resume = TextButton(theme, "Resume", icon="play")
        self.bar = NoiseBar(theme, "How far the training is")
        self.losses = LossView(theme, run)
        self.facts = PlainLabel(theme, kind="label", role="dim")
        self.strip = SampleStrip(theme, run)
        self.checkpoints = PlainLabel(theme, role="dim", elide=True)
        self.use = TextButton(theme, "Make pictures", icon="pencil")
        set_tip(self.use, "Make pictures with the newest checkpoint")
        self.compare = TextButton(theme, "Compare checkpoints", icon="columns-2")
        set_tip(self.compare, "One prompt and one noise, drawn by up to six checkpoints side by side")
        self.sheet = TextButton(theme, "Sheet", icon="grid-3x3")
        set_tip(self.sheet, "Save the same as one picture: training step across, denoising step down")
        self.waiting = WaitingView(theme, run)
        self.large = LargeSample(theme, run, self.strip, preferences)
        self._progress = self._lay_out(theme)
        self._empty = EmptyPage(theme, "chart-line", "No training yet", "Train begins one, as the form says.")
        for page in (self._empty, self._progress, self.large):
            self.addWidget(page)
        self._connect()
        self._on_changed()

    def _lay_out(self, theme: Theme) -> QWidget:
        lines = QVBoxLayout()
        lines.setSpacing(0)
        lines.addWidget(self.title)
        lines.addWidget(self.caption)
        head = QHBoxLayout()
        head.setSpacing(GAP)
        head.addLayout(lines, 1)
        for widget in (self.time_left, self.pause, self.resume, self.stop):
            head.addWidget(widget)
        foot = QHBoxLayout()
        foot.setSpacing(GAP)
        foot.addWidget(self.checkpoints, 1)
        foot.addWidget(self.use)
        foot.addWidget(self.compare)
        foot.addWidget(self.sheet)
        between = QHBoxLayout()
        between.setSpacing(GAP)
        between.addWidget(PlainLabel(theme, "Samples, always from the same noise", kind="label", role="dim"))
        between.addStretch()
        between.addWidget(self.facts)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP + GRID)
        column.addLayout(head)
        column.addWidget(self.bar)
        column.addWidget(self.losses, 4)
        column.addLayout(between)
        column.addWidget(self.strip, 5)
        column.addLayout(foot)
        column.addWidget(self.waiting)
        return page

    def _connect(self) -> None:
        run = self._run
        run.changed.connect(self._on_changed)
        run.stepped.connect(self._on_stepped)
        self._catalog.changed.connect(self._on_saved)
        self.pause.clicked.connect(self.toggle_pause)
        self.stop.clicked.connect(self.stop_requested)
        self.resume.clicked.connect(self.resume_requested)
        self.use.clicked.connect(self._on_use)
        self.compare.clicked.connect(self.compare_requested)
        self.sheet.clicked.connect(self.sheet_requested)
        self.waiting.removed.connect(self.remove_requested)
        self.strip.opened.connect(self._on_opened)
        self.large.closed.connect(self.close_large)

    @property
    def is_large(self) -> bool:
        """Whether a sample is open large."""
        return self.currentWidget() is self.large

    @Slot()
    def close_large(self) -> None:
        """Show the training again."""
        self.setCurrentWidget(self._progress)
        self.strip.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def toggle_pause(self) -> None:
        """Have the training rest, or go on."""
        if not self._run.over:
            self.pause_requested.emit(not self._run.paused)

    @Slot()
    def _on_changed(self) -> None:
        run = self._run
        there = run.training is not None
        if not self.is_large:
            self.setCurrentWidget(self._progress if there else self._empty)
        self.pause.setVisible(there and not run.over)
        self.stop.setVisible(there and not run.over)
        self.resume.setVisible(run.phase in ("stopped", "failed") and there)
        self.pause.setText("Go on" if run.paused else "Pause")
        self.pause.set_icon("play" if run.paused else "pause")
        for button in (self.pause, self.stop):
            button.setEnabled(run.phase not in ("waiting", "stopping"))
        if there:
            self.title.setText(words.running_title(run))
            self.facts.setText(words.data(run.started) if run.started is not None else "")
            self._on_stepped()
            self._on_saved()

    @Slot()
    def _on_stepped(self) -> None:
        run = self._run
        self.caption.setText(words.running_caption(run))
        self.caption.set_role("bad" if run.failure is not None else "dim")
        going = run.phase == "running" and not run.paused
        self.time_left.setText(words.time_left(run.newest) if going else "")
        self.bar.set_progress(run.fraction, 0.0)

    @Slot()
    def _on_saved(self) -> None:
        made = self._made()
        self.checkpoints.setText(words.checkpoints(made))
        self.use.setEnabled(bool(made))
        for button in (self.compare, self.sheet):
            button.setEnabled(len(made) > 1)

    def _made(self) -> tuple[str, ...]:
        """Return the models that came of the training, the newest last."""
        training = self._run.training
        if training is None:
            return ()
        whole = (model.name for model in self._catalog.models if model.card is not None)
        return checkpoints_of(training.request.name, whole)

    @Slot()
    def _on_use(self) -> None:
        if made := self._made():
            self.use_requested.emit(made[-1])

    @Slot(object)
    def _on_opened(self, place: tuple[int, int]) -> None:
        self.large.show_place(*place)
        self.setCurrentWidget(self.large)
        self.large.setFocus(Qt.FocusReason.OtherFocusReason)
