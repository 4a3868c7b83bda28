"""The progress of a training: loss curves, samples and checkpoints, its buttons, and the trainings queued after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from studio.ui.core.training_losses import smoothed
from studio.ui.language import tr
from studio.ui.theme.metrics import GAP, GRID, PADDING
from studio.ui.train import text
from studio.ui.train.checkpoints import checkpoints_of
from studio.ui.train.samples_view import LargeSample, SampleStrip
from studio.ui.widgets.buttons import IconButton, TextButton
from studio.ui.widgets.cards import EmptyPage
from studio.ui.widgets.chart import Chart, Line, log_axis, shown
from studio.ui.widgets.labels import PlainLabel, set_tip
from studio.ui.widgets.scrubber import NoiseBar

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from studio.ui.core.catalog import Catalog
    from studio.ui.core.intents import Intents
    from studio.ui.core.job import Training
    from studio.ui.core.settings import Preferences
    from studio.ui.core.training_losses import Points
    from studio.ui.theme.theme import Theme
    from studio.ui.train.run import TrainRun


class WaitingView(QWidget):
    """Lists the queued trainings; hidden while there is none.

    Signals:
        removed: remove this `Training` from the queue.
    """

    removed = Signal(object)

    def __init__(self, theme: Theme, run: TrainRun, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._run = theme, run
        self._shown: tuple[Training, ...] = ()
        self.rows: list[_Row] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GRID)
        run.changed.connect(self._on_changed)
        self.hide()
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        waiting = self._run.waiting
        self.setVisible(bool(waiting))
        if waiting == self._shown:
            return
        self._shown = waiting
        for row in self.rows:
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = [_Row(self._theme, training) for training in waiting]
        for row in self.rows:
            row.removed.connect(self.removed)
            self._column.addWidget(row)


class _Row(QWidget):
    removed = Signal(object)

    def __init__(self, theme: Theme, training: Training) -> None:
        super().__init__()
        self._training = training
        name = training.request.title or training.request.name
        self.remove = IconButton(theme, "x", text.remove_waiting(name), kind="quiet", role="dim")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(PlainLabel(theme, tr("Next"), kind="label", role="dim"))
        row.addWidget(PlainLabel(theme, text.waiting(name), elide=True), 1)
        row.addWidget(self.remove)
        self.remove.clicked.connect(self._on_clicked)

    @Slot()
    def _on_clicked(self) -> None:
        self.removed.emit(self._training)


REDRAW_MS = 250
"""The shortest time between two redraws of the curves."""
_LEVELS = (0.1, 0.4, 0.7, 1.0)
"""The noise level whose colour each band has."""


class LossView(QWidget):
    """The loss of a `TrainRun`, and its error by noise level; not updated while hidden."""

    def __init__(self, theme: Theme, run: TrainRun, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._run = theme, run
        self.loss = Chart(theme, text.loss_title(""))
        self.bands = Chart(theme, tr("Error by noise level"))
        self.loss.set_hint(tr("The curve starts after the first steps."))
        self.bands.set_hint(tr("Prediction error at each noise level, once the denoiser is being trained."))
        self._waiting = QTimer(self, singleShot=True, interval=REDRAW_MS)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(PADDING)
        row.addWidget(self.loss, 3)
        row.addWidget(self.bands, 2)
        self._waiting.timeout.connect(self._redraw)
        run.stepped.connect(self._on_stepped)
        run.changed.connect(self._redraw)
        theme.changed.connect(self._redraw)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._redraw()

    @Slot()
    def _on_stepped(self) -> None:
        if self.isVisible() and not self._waiting.isActive():
            self._waiting.start()

    @Slot()
    def _redraw(self) -> None:
        run = self._run
        if not self.isVisible() or run.training is None:
            return
        losses = run.training.losses
        stage = run.newest.stage if run.newest is not None else ""
        curves = losses.curves(stage)
        first, last = losses.ends(stage)
        ends = (float(first), float(max(last, first + 1)))
        foot = (tr("step {step:,}", step=first), f"{last:,}")
        self.loss.set_title(text.loss_title(stage))
        self._draw(self.loss, self._loss_lines(curves[0]) if curves else [], ends, foot)
        self._draw(self.bands, self._band_lines(curves[1:]), ends, foot)

    def _draw(
        self, chart: Chart, lines: list[Line], ends: tuple[float, float], foot: tuple[str, str]
    ) -> None:
        values = [value for line in lines for _, value in line.points]
        axis = log_axis(min(values), max(values)) if values else log_axis(0.1, 1.0)
        chart.set_lines(lines, axis, ends, foot)

    def _loss_lines(self, points: Points) -> list[Line]:
        colour = self._theme.colour("text")
        faint = QColor(colour)
        faint.setAlphaF(0.22)
        smooth = smoothed(points)
        return [
            Line(
                name=tr("smoothed"),
                points=smooth,
                colour=colour,
                value=shown(smooth[-1][1]) if smooth else "",
            ),
            Line(name="", points=points, colour=faint, width=1.0),
        ]

    def _band_lines(self, curves: tuple[Points, ...]) -> list[Line]:
        """Return a line for each noise band, the noisiest first."""
        lines, names = [], text.noise_bands()
        for place, points in reversed(list(enumerate(curves))):
            smooth = smoothed(points)
            value = shown(smooth[-1][1]) if smooth else ""
            colour = self._theme.noise(_LEVELS[place % len(_LEVELS)])
            lines.append(Line(name=names[place % len(names)], points=smooth, colour=colour, value=value))
        return lines


_TIME = 96  # width of the time left, so that nothing moves while it changes


class TrainProgressView(QStackedWidget):
    """Shows a `TrainRun`, with the buttons that lead it."""

    def __init__(
        self,
        theme: Theme,
        run: TrainRun,
        catalog: Catalog,
        preferences: Preferences,
        intents: Intents,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._run, self._catalog, self._intents = run, catalog, intents
        self.title = PlainLabel(theme, kind="title", elide=True)
        self.caption = PlainLabel(theme, role="dim", elide=True)
        self.time_left = PlainLabel(theme, role="dim")
        self.time_left.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.time_left.setMinimumWidth(_TIME)
        self.pause = TextButton(theme, text.pause_button(paused=False), icon="pause")
        set_tip(self.pause, text.pause_tip(paused=False))
        self.stop = TextButton(theme, tr("Stop"), icon="square")
        set_tip(self.stop, text.stop_tip())
        self.resume = TextButton(theme, tr("Resume"), icon="play")
        set_tip(self.resume, tr("Continues this training, at any time, even after the program was closed"))
        self.bar = NoiseBar(theme, tr("Training progress"))
        self.losses = LossView(theme, run)
        self.facts = PlainLabel(theme, kind="label", role="dim")
        self.strip = SampleStrip(theme, run)
        self.checkpoints = PlainLabel(theme, kind="label", role="dim", wrap=True)
        self.use = TextButton(theme, tr("Make pictures"), icon="pencil")
        set_tip(self.use, tr("Make pictures with the newest checkpoint"))
        self.compare = TextButton(theme, tr("Compare checkpoints"), icon="columns-2")
        set_tip(self.compare, tr("The same prompt and noise with up to six checkpoints side by side"))
        self.sheet = TextButton(theme, tr("Sheet"), icon="grid-3x3")
        set_tip(
            self.sheet, tr("Save this comparison as one picture: training step across, denoising step down")
        )
        self.waiting = WaitingView(theme, run)
        self.large = LargeSample(theme, run, self.strip, preferences)
        self._progress = self._lay_out(theme)
        self._empty = EmptyPage(
            theme, "chart-line", tr("No training yet"), tr("Train starts one with these settings.")
        )
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
        between.addWidget(
            PlainLabel(theme, tr("Samples, always from the same noise"), kind="label", role="dim")
        )
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
        self.use.clicked.connect(self._on_use)
        self.strip.opened.connect(self._on_opened)
        self.large.closed.connect(self.close_large)

    @property
    def is_large(self) -> bool:
        """Whether a sample fills the view."""
        return self.currentWidget() is self.large

    @Slot()
    def close_large(self) -> None:
        """Leave the sample that fills the view."""
        self.setCurrentWidget(self._progress)
        self.strip.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _on_changed(self) -> None:
        run = self._run
        had_focus = any(button.hasFocus() for button in (self.pause, self.stop, self.resume))
        there = run.training is not None
        if not self.is_large:
            self.setCurrentWidget(self._progress if there else self._empty)
        self.pause.setVisible(there and not run.over)
        self.stop.setVisible(there and not run.over)
        self.resume.setVisible(run.phase in ("stopped", "failed") and there)
        self.pause.setText(text.pause_button(paused=run.paused))
        set_tip(self.pause, text.pause_tip(paused=run.paused))
        self.pause.set_icon("play" if run.paused else "pause")
        for button in (self.pause, self.stop):
            button.setEnabled(run.phase != "stopping")
        if there:
            self.title.setText(text.running_title(run))
            self.facts.setText(text.data(run.started) if run.started is not None else "")
            self._on_stepped()
            self._on_saved()
        if had_focus and self.focusWidget() is not self._focus_target():
            self.take_focus()

    def take_focus(self) -> None:
        """Focus Pause or Resume, whichever there is; the samples while neither can be used."""
        self._focus_target().setFocus(Qt.FocusReason.OtherFocusReason)

    def _focus_target(self) -> QWidget:
        buttons = (self.pause, self.resume)
        return next((one for one in buttons if not one.isHidden() and one.isEnabled()), self.strip)

    @Slot()
    def _on_stepped(self) -> None:
        run = self._run
        self.caption.setText(text.running_caption(run))
        self.caption.set_role("bad" if run.failure is not None else "dim")
        going = run.phase == "running" and not run.paused
        self.time_left.setText(text.time_left(run.newest) if going else "")
        self.bar.set_progress(run.fraction, 0.0)

    @Slot()
    def _on_saved(self) -> None:
        models = self.saved_models
        self.checkpoints.setText(text.checkpoints(models))
        self.use.setEnabled(bool(models))
        for button in (self.compare, self.sheet):
            button.setEnabled(len(models) > 1)

    @property
    def saved_models(self) -> tuple[str, ...]:
        """The models that the training has saved as checkpoints, the newest last."""
        training = self._run.training
        if training is None:
            return ()
        whole = (model.name for model in self._catalog.models if model.card is not None)
        return checkpoints_of(training.request.name, whole)

    @Slot()
    def _on_use(self) -> None:
        if models := self.saved_models:
            self._intents.use_model.emit(models[-1])

    @Slot(object)
    def _on_opened(self, place: tuple[int, int]) -> None:
        self.large.show_place(*place)
        self.setCurrentWidget(self.large)
        self.large.setFocus(Qt.FocusReason.OtherFocusReason)
