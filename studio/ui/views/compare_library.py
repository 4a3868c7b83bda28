"""The recorded runs to choose from: a field to search in, a card for each run, and the button that lays them out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.engine.compare import MAX_PANES
from studio.ui.theme.metrics import CONTROL, GAP, GRID, PADDING
from studio.ui.views import compare_library_words as words
from studio.ui.views.compare_library_list import ROW, WIDTH, LibraryList
from studio.ui.widgets.buttons import IconButton, TextButton
from studio.ui.widgets.cards import Ground
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.search_field import SearchField

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QResizeEvent, QShowEvent

    from studio.ui.core.thumbnails import Thumbnails
    from studio.ui.models.compare_library import CompareLibrary
    from studio.ui.theme.theme import Theme

_SEARCH_PX = 320
_MOST_ROWS = 4


class LibraryView(Ground):
    """Chooses from a `CompareLibrary`.

    Signals:
        open_requested: the chosen runs are to lie side by side.
        closed: it is to be left.
    """

    open_requested = Signal()
    closed = Signal()

    def __init__(
        self, theme: Theme, library: CompareLibrary, thumbnails: Thumbnails, parent: QWidget | None = None
    ) -> None:
        """List the runs of ``library``."""
        super().__init__(theme, "window", lines=Qt.Edge.BottomEdge, parent=parent)
        self._library = library
        self.search = SearchField(theme)
        self.search.setPlaceholderText("Search recorded runs")
        self.search.setAccessibleName("Search recorded runs")
        self.list = LibraryList(theme, library, thumbnails)
        self.start = TextButton(theme, words.COMPARE_RUNS, kind="primary")
        self._close = IconButton(theme, "x", "Close the recorded runs", kind="quiet")
        self._note = PlainLabel(theme, role="dim", elide=True)
        self._note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._empty = PlainLabel(theme, role="dim", wrap=True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._lay_out()
        self.search.search_requested.connect(library.search)
        self.search.left.connect(self.list.enter)
        self.list.clicked.connect(self._on_clicked)
        self.list.toggle_requested.connect(library.toggle)
        self.list.open_requested.connect(self._on_start)
        self.start.clicked.connect(self._on_start)
        self._close.clicked.connect(self.closed)
        library.changed.connect(self._on_changed)
        self._on_changed()

    def _lay_out(self) -> None:
        self.search.setFixedWidth(_SEARCH_PX)
        head = QHBoxLayout()
        head.setSpacing(GAP)
        head.addWidget(self.search)
        head.addWidget(self._note, 1)
        head.addWidget(self.start)
        head.addWidget(self._close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PADDING, GAP + GRID, PADDING, GAP + GRID)
        layout.setSpacing(GAP)
        layout.addLayout(head)
        layout.addWidget(self.list, 1)
        layout.addWidget(self._empty, 1)

    def showEvent(self, event: QShowEvent) -> None:
        """Read the list anew, and be ready to search."""
        super().showEvent(event)
        self._library.reload()
        self.search.set_text(self._library.text)
        self.search.setFocus(Qt.FocusReason.MouseFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keep keys from the runs beneath: a letter is meant for the list."""
        event.accept()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Be as high as the cards need, up to a limit."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        columns = max((self.width() - 2 * PADDING) // WIDTH, 1)
        rows = min(max(math.ceil(self._library.rowCount() / columns), 1), _MOST_ROWS)
        self.setFixedHeight(CONTROL + rows * ROW + 2 * (GAP + GRID) + GAP + 2 * GRID)

    @Slot()
    def _on_start(self) -> None:
        if self._library.can_open:
            self.open_requested.emit()

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        self._library.toggle(index.row())

    @Slot()
    def _on_changed(self) -> None:
        library = self._library
        self.start.setEnabled(library.can_open)
        self._note.setText(words.chosen(len(library.chosen), MAX_PANES))
        nothing = library.loaded and library.rowCount() == 0
        self._empty.setText(words.NO_RUN_MATCHES if library.text else words.NO_RUNS)
        self._empty.setVisible(nothing)
        self.list.setVisible(not nothing)
        self._fit()
