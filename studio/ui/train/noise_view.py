"""The forward process: one picture noised with two schedules side by side, and their curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from studio.ui.language import tr
from studio.ui.theme.metrics import GAP, GRID, PADDING
from studio.ui.train import text
from studio.ui.train.noise import FORWARD_SCHEDULES, T, alpha_bars, level
from studio.ui.widgets.buttons import IconButton, TextButton
from studio.ui.widgets.chart import Axis, Chart, Line, line_colour
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.numbers import NumberSlider
from studio.ui.widgets.picture_view import PictureView

if TYPE_CHECKING:
    from studio.ui.core.settings import Preferences
    from studio.ui.theme.theme import Theme
    from studio.ui.train.noise import ForwardModel

_SHARES = Axis(low=0.0, high=1.0, ticks=(0.0, 0.5, 1.0))
_RATIOS = Axis(low=-12.0, high=12.0, ticks=(-10.0, -5.0, 0.0, 5.0, 10.0))


class ForwardView(QWidget):
    """Shows a `ForwardModel`.

    Signals:
        picture_chosen: show this picture, a Path.
    """

    picture_chosen = Signal(object)

    def __init__(
        self, theme: Theme, model: ForwardModel, preferences: Preferences, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme, self._model, self._preferences = theme, model, preferences
        self.title = PlainLabel(theme, kind="title", elide=True)
        self.caption = PlainLabel(theme, role="dim", elide=True)
        self.choose = TextButton(theme, tr("Choose a picture"), icon="image")
        self.roll = IconButton(theme, "dices", tr("Draw new noise"))
        self.panes = {name: _Pane(theme, name) for name in FORWARD_SCHEDULES}
        self.slider = NumberSlider(
            theme, tr("Time t, from picture to noise"), minimum=0, maximum=T - 1, step=1, tip=text.time_tip()
        )
        self.shares = Chart(theme, tr("alpha_bar: variance of the signal"))
        self.ratios = Chart(theme, tr("log-SNR: signal-to-noise ratio"))
        self._lay_out()
        self.choose.clicked.connect(self._on_choose)
        self.roll.clicked.connect(model.roll_noise)
        self.slider.edited.connect(model.set_t)
        for chart in (self.shares, self.ratios):
            chart.pointed.connect(model.set_t)
        model.changed.connect(self._on_changed)
        model.moved.connect(self._on_moved)
        preferences.changed.connect(self._on_preference_changed)
        theme.changed.connect(self._on_moved)
        self._on_preference_changed("enlarge")
        self._on_changed()
        self._on_moved()

    def _lay_out(self) -> None:
        lines = QVBoxLayout()
        lines.setSpacing(0)
        lines.addWidget(self.title)
        lines.addWidget(self.caption)
        head = QHBoxLayout()
        head.setSpacing(GAP)
        head.addLayout(lines, 1)
        head.addWidget(self.roll)
        head.addWidget(self.choose)
        pictures = QHBoxLayout()
        pictures.setSpacing(PADDING)
        for pane in self.panes.values():
            pictures.addWidget(pane, 1)
        charts = QHBoxLayout()
        charts.setSpacing(PADDING)
        charts.addWidget(self.shares)
        charts.addWidget(self.ratios)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP + GRID)
        layout.addLayout(head)
        layout.addLayout(pictures, 5)
        layout.addWidget(self.slider)
        layout.addLayout(charts, 3)

    @Slot()
    def _on_changed(self) -> None:
        model = self._model
        self.title.setText(model.path.name if model.path is not None else text.noise_empty())
        self.caption.setText(model.fault or (text.training_size(model.size) if model.size else ""))
        self.caption.set_role("warn" if model.fault else "dim")

    @Slot()
    def _on_moved(self) -> None:
        """Show the current time; a hidden view is updated when it is shown."""
        if not self.isVisible():
            return
        t = self._model.t
        self.slider.set_value(t)
        for name, pane in self.panes.items():
            pane.show_state(self._model.noised(name), text.noise_level(level(name, t)))
        self.shares.set_lines(
            [
                self._line(name, alpha_bars(name), text.figure(level(name, t).alpha_bar))
                for name in FORWARD_SCHEDULES
            ],
            _SHARES,
            (0, T - 1),
            ("t = 0", f"t = {T - 1}"),
            t,
        )
        self.ratios.set_lines(
            [
                self._line(
                    name,
                    [level(name, time).log_snr for time in range(T)],
                    text.figure(level(name, t).log_snr),
                )
                for name in FORWARD_SCHEDULES
            ],
            _RATIOS,
            (0, T - 1),
            ("t = 0", f"t = {T - 1}"),
            t,
        )

    def _line(self, name: str, values: tuple[float, ...] | list[float], value: str) -> Line:
        place = list(FORWARD_SCHEDULES).index(name)
        colour = line_colour(self._theme, place)
        return Line(name=text.schedules()[name], points=tuple(enumerate(values)), colour=colour, value=value)

    def showEvent(self, event: object) -> None:
        super().showEvent(event)  # type: ignore[arg-type]
        self._on_moved()

    @Slot(str)
    def _on_preference_changed(self, name: str) -> None:
        if name == "enlarge":
            for pane in self.panes.values():
                pane.picture.set_enlarge(self._preferences.enlarge)

    @Slot()
    def _on_choose(self) -> None:
        start = str(self._model.path.parent) if self._model.path is not None else ""
        chosen, _ = QFileDialog.getOpenFileName(self, tr("Choose a picture"), start, text.picture_filter())
        if chosen:
            self.picture_chosen.emit(Path(chosen))


class _Pane(QWidget):
    """The noised picture of one schedule, with its figures."""

    def __init__(self, theme: Theme, schedule: str) -> None:
        super().__init__()
        self.picture = PictureView(theme, text.schedule_pane(schedule))
        self.name = PlainLabel(theme, text.schedules()[schedule], bold=True)
        self.figures = PlainLabel(theme, role="dim", wrap=True)
        row = QHBoxLayout()
        row.setSpacing(GAP + GRID)
        row.addWidget(self.name, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.figures, 1)
        self.figures.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(self.picture, 1)
        column.addLayout(row)

    def show_state(self, image: object, figures: str) -> None:
        self.picture.set_image(image)  # type: ignore[arg-type]
        self.figures.setText(figures)
