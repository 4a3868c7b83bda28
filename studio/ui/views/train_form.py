"""The form of trainings: what to learn from, how, and Train at its foot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from studio.ui.theme.metrics import FORM, GAP, GRID, PADDING
from studio.ui.views import train_words as words
from studio.ui.views.train_fields import FieldFault
from studio.ui.views.train_resumables import ResumablesView
from studio.ui.views.train_rows import TrainRows
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.cards import Ground
from studio.ui.widgets.labels import PlainLabel, set_tip

if TYPE_CHECKING:
    from studio.ui.core.catalog import Catalog
    from studio.ui.models.train import TrainModels
    from studio.ui.theme.theme import Theme

ASK_AFTER_MS = 900
"""How long the form must rest before it is found out what the training takes."""


class TrainFormView(Ground):
    """Edits the form of `TrainModels`.

    Signals:
        folder_requested: a folder is to be chosen.
        train_requested: what the form says is to be trained.
        resume_requested: this `ResumableTraining` is to go on.
    """

    folder_requested = Signal()
    train_requested = Signal()
    resume_requested = Signal(object)

    def __init__(
        self, theme: Theme, models: TrainModels, catalog: Catalog, parent: QWidget | None = None
    ) -> None:
        """Build it."""
        super().__init__(theme, "panel", lines=Qt.Edge.RightEdge, parent=parent)
        self._models, self._form = models, models.form
        self.choose = TextButton(theme, "Choose a folder", icon="folder-open")
        self.pictograms = TextButton(theme, "Pictograms")
        set_tip(self.pictograms, words.PICTOGRAMS_HOW)
        self.source = PlainLabel(theme, bold=True, elide=True)
        self.found = PlainLabel(theme, kind="label", role="dim", wrap=True)
        self.source_fault = FieldFault(theme)
        self.rows = TrainRows(theme, models.form, catalog)
        self.resumables = ResumablesView(theme, models.resumables, models.run)
        self.train = TextButton(theme, "Train", kind="primary")
        set_tip(self.train, "Train a model as the form says (Ctrl+Enter)")
        self.cost = PlainLabel(theme, kind="label", role="dim", wrap=True)
        self.cost.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._clicked = QTimer(self, singleShot=True)
        self._asking = QTimer(self, singleShot=True, interval=ASK_AFTER_MS)
        self.area = QScrollArea()
        self._lay_out()
        self._connect()
        self._on_changed()

    def _lay_out(self) -> None:
        rows = QWidget()
        rows.setFixedWidth(FORM - PADDING)  # the scroll bar takes the right margin's place
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        buttons.addWidget(self.choose, 1)
        buttons.addWidget(self.pictograms)
        column = QVBoxLayout(rows)
        column.setContentsMargins(PADDING, PADDING, 0, PADDING - GRID)
        column.setSpacing(GRID)
        column.addLayout(buttons)
        column.addSpacing(GRID)
        for widget in (self.source, self.found, self.source_fault):
            column.addWidget(widget)
        column.addSpacing(GAP)
        column.addWidget(self.rows)
        column.addSpacing(GAP)
        column.addWidget(self.resumables)
        column.addStretch()
        self.area.setWidget(rows)
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.viewport().setAutoFillBackground(False)
        rows.setAutoFillBackground(False)  # the area fills what it is given
        foot = QVBoxLayout()
        foot.setContentsMargins(PADDING, PADDING - GRID, PADDING - 1, PADDING)
        foot.setSpacing(GAP)
        foot.addWidget(self.train)
        foot.addWidget(self.cost)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 1, 0)  # the line at the right edge
        layout.setSpacing(0)
        layout.addWidget(self.area, 1)
        layout.addLayout(foot)

    @Slot()
    def _on_train(self) -> None:
        """Ask for one training where the button is clicked twice, as folders are."""
        if not self._clicked.isActive():
            self._clicked.start(QApplication.doubleClickInterval())
            self.train_requested.emit()

    def _connect(self) -> None:
        self.choose.clicked.connect(self.folder_requested)
        self.pictograms.clicked.connect(self._on_pictograms)
        self.train.clicked.connect(self._on_train)
        self.resumables.resume_requested.connect(self.resume_requested)
        self._form.changed.connect(self._on_changed)
        self._form.costs.changed.connect(self._on_changed)
        self._models.run.changed.connect(self._on_run_changed)
        self._asking.timeout.connect(self._on_asking)

    @Slot()
    def _on_changed(self) -> None:
        form, request = self._form, self._form.request
        self.rows.synchronise()
        folder = form.from_folder
        if folder is not None:
            self.source.setText(folder.name or str(folder))
            self.found.setText(words.found(self._models.folder))
        else:
            self.source.setText(words.PICTOGRAMS if form.has_source else "")
            self.found.setText("" if form.has_source else words.EMPTY_HOW)
        self.source.setVisible(form.has_source)
        self.found.setVisible(bool(self.found.text()))
        self.source_fault.say(form.faults.get("source", ""))
        self.train.setEnabled(form.can_train)
        if not form.has_source:
            self.cost.setText("Two clicks: choose a folder, and Train")
        else:
            self.cost.setText(self._cost() if form.can_train else "")
        set_tip(self.cost, f"{request.steps:,} steps of {request.batch} pictures")
        self._on_run_changed()
        if self.isVisible() and form.can_train and not self._models.folder.reading:
            self._asking.start()

    def _cost(self) -> str:
        estimate = self._form.estimate()
        if estimate.seconds is None and self._form.costs.fault:
            return self._form.costs.fault
        return words.cost(estimate, measuring=self._models.run.over)

    @Slot()
    def _on_run_changed(self) -> None:
        text = "Train" if self._models.run.over else "Train after this one"
        if text != self.train.text():
            self.train.setText(text)
            self._on_changed()

    @Slot()
    def _on_asking(self) -> None:
        """Measure, unless a training runs: its own pace tells by itself."""
        if self.isVisible() and self._models.run.over:
            self._form.ask_for_estimate()

    @Slot()
    def _on_pictograms(self) -> None:
        self._clicked.stop()  # what is clicked from now on is meant anew
        self._form.choose("pictograms")
