"""Sweeping two settings: a grid of pictures that fills as they form, and can be saved as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.errors import RequestError, capitalised
from studio.ui.models.compare_sheet import Labelled
from studio.ui.models.sweep_plan import FIELDS
from studio.ui.theme.metrics import GAP, GRID, PADDING
from studio.ui.views import compare_words as words
from studio.ui.views.compare_head import HEIGHT
from studio.ui.views.compare_saving import ask_for_sheet
from studio.ui.views.sweep_axis import AxisField
from studio.ui.views.sweep_grid import SweepGrid
from studio.ui.widgets.ground import Ground
from studio.ui.widgets.icon_button import IconButton
from studio.ui.widgets.plain_label import PlainLabel
from studio.ui.widgets.text_button import TextButton

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from studio.ui.models.compare_sheet import SheetWriter
    from studio.ui.models.form import FormModel
    from studio.ui.models.sweep import SweepModel
    from studio.ui.theme.theme import Theme


class SweepView(Ground):
    """Sets up a `SweepModel` and shows it.

    Signals:
        back_requested: the runs are to be seen again.
        cancel_requested: the running job is to stop.
    """

    back_requested = Signal()
    cancel_requested = Signal()

    def __init__(
        self,
        theme: Theme,
        model: SweepModel,
        form: FormModel,
        sheets: SheetWriter,
        parent: QWidget | None = None,
    ) -> None:
        """Build the page."""
        super().__init__(theme, "window", parent=parent)
        self._model, self._sheets = model, sheets
        self.title = PlainLabel(theme, kind="title", elide=True)
        self.back = TextButton(theme, "Back to the runs", kind="quiet", icon="chevron-left")
        self.cancel = TextButton(theme, "Cancel")
        self.save = IconButton(theme, "download", "Save the sweep as one labelled picture")
        self.across = AxisField(theme, "Across", "steps")
        self.down = AxisField(theme, "Down", "guidance")
        self.note = PlainLabel(theme, role="dim", elide=True)
        self.note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.start_button = TextButton(theme, "Sweep", kind="primary")
        self.grid = SweepGrid(theme, model)
        self._lay_out(theme)
        self.back.clicked.connect(self.back_requested)
        self.cancel.clicked.connect(self.cancel_requested)
        self.save.clicked.connect(self._on_save)
        self.start_button.clicked.connect(self.start)
        for axis in (self.across, self.down):
            axis.edited.connect(self._on_changed)
        form.changed.connect(self._on_changed)
        model.changed.connect(self._on_changed)
        model.cells_changed.connect(self._on_changed)
        self._on_changed()

    def _lay_out(self, theme: Theme) -> None:
        head = Ground(theme, "panel", lines=Qt.Edge.BottomEdge)
        head.setFixedHeight(HEIGHT)
        row = QHBoxLayout(head)
        row.setContentsMargins(PADDING, 0, PADDING, 1)
        row.setSpacing(GAP + GRID)
        row.addWidget(self.back)
        row.addWidget(self.title, 1)
        row.addWidget(self.cancel)
        row.addWidget(self.save)
        axes = QHBoxLayout()
        axes.setSpacing(PADDING)
        axes.addWidget(self.across, 1)
        axes.addWidget(self.down, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.note, 1)
        foot.addSpacing(GAP)
        foot.addWidget(self.start_button)
        body = QVBoxLayout()
        body.setContentsMargins(PADDING, PADDING, PADDING, PADDING)
        body.setSpacing(GAP)
        body.addLayout(axes)
        body.addLayout(foot)
        body.addSpacing(GAP)
        body.addWidget(self.grid, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(head)
        layout.addLayout(body, 1)

    def showEvent(self, event: QShowEvent) -> None:
        """Be ready to start."""
        super().showEvent(event)
        # Without a ring: nobody went there by Tab.
        self.start_button.setFocus(Qt.FocusReason.MouseFocusReason)

    @Slot()
    def start(self) -> None:
        """Make every cell, if nothing speaks against it."""
        if self.start_button.isEnabled():
            self.grid.setFocus(
                Qt.FocusReason.MouseFocusReason
            )  # the button cannot keep it while the sweep runs
            self._model.start(self.across.axis(), self.down.axis())

    @Slot()
    def _on_changed(self) -> None:
        model = self._model
        self.title.setText(
            f"{(model.cells[0].prompt if model.cells else model.prompt) or '(no prompt)'}, swept"
        )
        self.cancel.setVisible(model.running)
        self.save.setVisible(bool(model.finished))
        self.grid.setAccessibleDescription(f"{model.finished} of {len(model.cells)} pictures are finished")
        try:
            plan = model.plan(self.across.axis(), self.down.axis())
        except RequestError as error:
            sentence = str(error)
            self._say(capitalised(sentence), possible=False)
        else:
            progress = (
                f"{model.finished} of {len(model.cells)} pictures" if model.running else words.plan(plan)
            )
            self._say(progress, possible=True)

    def _say(self, sentence: str, *, possible: bool) -> None:
        self.note.setText(sentence)
        self.note.set_role("dim" if possible else "warn")
        self.start_button.setEnabled(possible and not self._model.running)

    @Slot()
    def _on_save(self) -> None:
        model = self._model
        across, down = model.across, model.down
        if across is None or down is None:
            return
        names = FIELDS[across.field][0].lower(), FIELDS[down.field][0].lower()
        pairs = [(right, below) for below in down.labels for right in across.labels]
        pictures = [
            Labelled(pixels=pixels, lines=(f"{names[0]} {right}", f"{names[1]} {below}"))
            for place, (right, below) in enumerate(pairs)
            if (pixels := model.pixels(place)) is not None
        ]
        path = ask_for_sheet(self, model.cells[0].prompt)
        if path is not None:
            title = f"{model.cells[0].prompt}, {names[0]} across, {names[1]} down"
            self._sheets.write(path, pictures, len(across.values), title)
