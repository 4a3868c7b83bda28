"""The page of comparisons and what belongs to it: runs side by side, and sweeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from studio.ui.compare.columns import CompareColumns
from studio.ui.compare.page import CompareView
from studio.ui.sweep.view import SweepView

if TYPE_CHECKING:
    from PySide6.QtGui import QUndoStack

    from studio.engine.requests.compare import CompareRequest
    from studio.ui.shell.models import Models
    from studio.ui.theme.theme import Theme


class ComparePage(QStackedWidget):
    """One of the two at a time.

    Signals:
        compare_requested: a `CompareRequest` is to be run.
        cancel_requested: the running job is to stop.
    """

    compare_requested = Signal(object)
    cancel_requested = Signal()

    def __init__(self, theme: Theme, models: Models, parent: QWidget | None = None) -> None:
        """Build both."""
        super().__init__(parent)
        catalog, notices = models.catalog, models.notices
        self.columns = CompareColumns(models.form, catalog, models.preferences, parent=self)
        self.view = CompareView(
            theme,
            models.compare,
            self.columns,
            models.library,
            models.reference,
            models.batching_error,
            catalog,
            models.gallery.thumbnails,
            models.preferences,
            notices,
        )
        self.sweep = SweepView(theme, models.sweep, models.form, self.view.sheets)
        self.addWidget(self.view)
        self.addWidget(self.sweep)
        self.view.compare_requested.connect(self.compare_requested)
        self.view.sweep_requested.connect(self.open_sweep)
        self.sweep.back_requested.connect(self.open_runs)
        self.view.cancel_requested.connect(self.cancel_requested)
        models.sweep.comparison_requested.connect(self._on_cells_requested)

    @Slot()
    def open_sweep(self) -> None:
        """Show the sweep."""
        self.setCurrentWidget(self.sweep)

    @Slot()
    def open_runs(self) -> None:
        """Show the runs."""
        self.setCurrentWidget(self.view)

    @Slot(object)
    def _on_cells_requested(self, request: CompareRequest) -> None:
        """Make cells of the sweep again, to be looked at."""
        self.show_runs()
        self.compare_requested.emit(request)

    def show_runs(self) -> None:
        """Show the runs, and nothing before them."""
        self.open_runs()
        self.view.show_runs()

    def offer_runs(self) -> None:
        """Show the recorded runs to choose from; what is chosen there stays so."""
        self.open_runs()
        self.view.offer_library()

    @property
    def undo_stack(self) -> QUndoStack | None:
        """Of what is set up on the part that is open; None where nothing can be undone there."""
        return self.columns.undo_stack if self.currentWidget() is self.view else None

    def go_back(self) -> bool:
        """Close what lies before the runs; False where nothing does."""
        return self.currentWidget() is self.view and self.view.go_back()

    def start(self) -> None:
        """Start what is set up on the part that is open."""
        (self.view if self.currentWidget() is self.view else self.sweep).start()
