"""The page of comparisons: runs side by side, or a sweep in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QStackedWidget, QWidget

from studio.ui.compare.columns import CompareColumns
from studio.ui.compare.page import CompareView
from studio.ui.sweep.view import SweepView

if TYPE_CHECKING:
    from PySide6.QtGui import QUndoStack

    from studio.ui.shell.models import Models
    from studio.ui.theme.theme import Theme


class ComparePage(QStackedWidget):
    """Shows one of the two at a time."""

    def __init__(self, theme: Theme, models: Models, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.columns = CompareColumns(models.form, models.catalog, models.preferences, parent=self)
        self.view = CompareView(
            theme,
            models.compare,
            self.columns,
            models.library,
            models.reference,
            models.batching_error,
            models.catalog,
            models.thumbnails,
            models.preferences,
            models.notices,
            models.intents,
        )
        self.sweep = SweepView(theme, models.sweep, models.form, self.view.sheets, models.intents)
        self.addWidget(self.view)
        self.addWidget(self.sweep)

    def open_sweep(self) -> None:
        self.setCurrentWidget(self.sweep)

    def open_runs(self) -> None:
        """Show the comparison as it was left."""
        self.setCurrentWidget(self.view)

    def show_runs(self) -> None:
        """Show the runs, and nothing over them."""
        self.open_runs()
        self.view.show_runs()

    def offer_runs(self) -> None:
        """List the recorded runs to choose from, with those selected that were."""
        self.open_runs()
        self.view.offer_library()

    @property
    def undo_stack(self) -> QUndoStack | None:
        """The undo stack of the comparison; None while the sweep is shown."""
        return self.columns.undo_stack if self.currentWidget() is self.view else None

    def go_back(self) -> bool:
        """Close the list of recorded runs; return False if it is not open."""
        return self.currentWidget() is self.view and self.view.go_back()

    def start(self) -> None:
        """Start the comparison or the sweep, whichever is shown."""
        (self.view if self.currentWidget() is self.view else self.sweep).start()
