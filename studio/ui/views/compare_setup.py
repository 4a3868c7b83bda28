"""What is to be compared: a column of settings for each run, and the button that starts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from studio.ui.theme.metrics import GAP, GRID, PADDING
from studio.ui.views import compare_words as words
from studio.ui.views.compare_column import ColumnView
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.cards import Ground
from studio.ui.widgets.choice import SegmentedSwitch
from studio.ui.widgets.labels import PlainLabel, set_tip

if TYPE_CHECKING:
    from studio.ui.core.catalog import Catalog
    from studio.ui.models.compare_columns import CompareColumns
    from studio.ui.theme.theme import Theme

HIGHEST = 600


class _Area(QScrollArea):
    """As high as what it holds, up to a limit."""

    def sizeHint(self) -> QSize:
        """Ask for what the columns need; with less, they scroll."""
        inside = self.widget()
        assert inside is not None, "it is given what it holds at once"
        return QSize(super().sizeHint().width(), min(inside.sizeHint().height(), HIGHEST))


class SetupView(Ground):
    """Edits `CompareColumns`.

    Signals:
        start_requested: the comparison is to be made as it stands.
    """

    start_requested = Signal()

    def __init__(
        self, theme: Theme, columns: CompareColumns, catalog: Catalog, parent: QWidget | None = None
    ) -> None:
        """Show a column for each run."""
        super().__init__(theme, "window", lines=Qt.Edge.BottomEdge, parent=parent)
        self._columns, self._catalog = columns, catalog
        self.views: list[ColumnView] = []
        self._row = QHBoxLayout()
        self._row.setSpacing(GAP)
        self.all_samplers = TextButton(theme, "Compare samplers", icon="columns-2")
        set_tip(self.all_samplers, "One column for each sampler with the form's settings, and start them.")
        self.add = TextButton(theme, "Add a run", icon="plus")
        self.recorded = TextButton(theme, "Add a recorded run", icon="images")
        set_tip(self.recorded, "Lay runs that were made before side by side, or beside these.")
        self.sweep = TextButton(theme, "Sweep two settings", icon="grid-3x3")
        set_tip(self.sweep, "A grid: every value of one setting with every value of another.")
        self.sharing = SegmentedSwitch(theme, "Model calls", list(words.SHARING))
        self.start = TextButton(theme, "Compare", kind="primary")
        self._note = PlainLabel(theme, role="dim", elide=True)
        self._note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._lay_out()
        self.all_samplers.clicked.connect(self._on_all_samplers)
        self.add.clicked.connect(columns.add)
        self.sharing.edited.connect(self._on_sharing_edited)
        self.start.clicked.connect(self._on_start)
        columns.count_changed.connect(self._on_count_changed)
        columns.changed.connect(self._on_changed)
        catalog.changed.connect(self._on_changed)
        self._on_count_changed()
        self._on_changed()

    def _lay_out(self) -> None:
        inside = QWidget()
        inside.setAutoFillBackground(False)
        self._row.setContentsMargins(0, 0, 0, 0)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._row)
        column.addStretch()
        self.area = area = _Area()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.viewport().setAutoFillBackground(False)
        foot = QHBoxLayout()
        foot.setSpacing(GAP)
        for widget in (self.all_samplers, self.add, self.recorded, self.sweep):
            foot.addWidget(widget)
        foot.addWidget(self._note, 1)
        foot.addWidget(self.sharing)
        foot.addWidget(self.start)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PADDING, GAP + GRID, PADDING, GAP + GRID)
        layout.setSpacing(GAP + GRID)
        layout.addWidget(area, 1)
        layout.addLayout(foot)

    @Slot()
    def _on_count_changed(self) -> None:
        count = len(self._columns.columns)
        while len(self.views) < count:
            view = ColumnView(self._theme, self._columns, self._catalog, len(self.views))
            self.views.append(view)
            self._row.addWidget(view, 1)
        for place, view in enumerate(self.views):
            view.setVisible(place < count)

    @Slot()
    def _on_changed(self) -> None:
        columns = self._columns
        for view in self.views[: len(columns.columns)]:
            view.synchronise()
        self.area.updateGeometry()
        self.sharing.set_value("batched" if columns.batched else "exact")
        fault = columns.fault
        self.start.setEnabled(not fault)
        self.add.setEnabled(columns.can_add)
        self._note.setText(fault or words.plan(columns.take_request().requests))
        self._note.set_role("warn" if fault else "dim")

    @Slot()
    def _on_all_samplers(self) -> None:
        self._columns.fill_samplers()
        self._on_start()

    @Slot(str)
    def _on_sharing_edited(self, key: str) -> None:
        self._columns.set_batched(key == "batched")

    @Slot()
    def _on_start(self) -> None:
        if not self._columns.fault:
            self.start_requested.emit()
