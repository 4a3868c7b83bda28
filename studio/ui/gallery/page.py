"""The gallery: a search field above the grid of pictures, as a column beside the canvas and as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from studio.ui.gallery import text
from studio.ui.gallery.grid import MARGIN, RING_PX, GalleryGrid
from studio.ui.gallery.model import CACHED_ENTRIES, EntryRole, ImageRole
from studio.ui.gallery.picture_actions import PictureActions
from studio.ui.jobs.picture_menu import PictureMenu
from studio.ui.theme.metrics import GAP, SECTION
from studio.ui.widgets.buttons import IconView
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.search_field import SearchField

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from studio.gallery.index import Entry
    from studio.ui.core.intents import Intents
    from studio.ui.gallery.model import GalleryModel
    from studio.ui.theme.theme import Theme

_SEARCH_PX = 360
_ROOM_PX = 480
"""The smallest width at which the number of pictures is shown."""


class GalleryView(QWidget):
    """All pictures, newest first, after the one in progress."""

    def __init__(
        self, theme: Theme, model: GalleryModel, intents: Intents, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._model, self._intents = model, intents
        self.search_field = SearchField(theme)
        self.grid = GalleryGrid(theme, model)
        self._count = PlainLabel(theme, role="dim")
        self._empty = PlainLabel(theme, role="dim", wrap=True)
        self._hint = PlainLabel(theme, text.empty_hint(), kind="label", role="faint")
        self._actions = PictureActions(model, intents, self)
        slots = {
            "open": self._on_open_current,
            "use": self._on_use,
            "compare": self._on_compare,
            "copy": self._on_copy,
            "folder": self._on_folder,
            "trash": self._on_trash,
        }
        self._menu = PictureMenu(theme, slots, self)
        self._stack = QStackedLayout()
        self._lay_out(theme)
        self._connect()
        self._on_state_changed()

    @Slot(object)
    def select(self, entry: Entry) -> None:
        """Make the tile of a picture current."""
        row = self._model.row_of(entry)
        if row is not None:
            self.grid.setCurrentIndex(self._model.index(row))

    def take_keyboard(self) -> None:
        """Focus the pictures, or the search field if there is none."""
        # No focus proxy: Tab would stop at it while the pictures are hidden.
        (self.grid if self.grid.isVisible() else self.search_field).setFocus(Qt.FocusReason.OtherFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._count.setVisible(self.width() >= _ROOM_PX)

    def _lay_out(self, theme: Theme) -> None:
        self.search_field.setMaximumWidth(_SEARCH_PX)
        head = QHBoxLayout()
        head.setContentsMargins(MARGIN, MARGIN, MARGIN, GAP - RING_PX)
        head.setSpacing(GAP)
        head.addWidget(self.search_field, 1)
        head.addStretch()
        head.addWidget(self._count)
        nothing = QWidget()
        lines = QVBoxLayout(nothing)
        lines.setContentsMargins(SECTION, SECTION, SECTION, SECTION)
        lines.setSpacing(GAP)
        lines.addStretch(2)
        centre = Qt.AlignmentFlag.AlignHCenter
        lines.addWidget(IconView(theme, "images", role="faint", size=32), 0, centre)
        for label in (self._empty, self._hint):
            label.setAlignment(centre)
            lines.addWidget(label)
        lines.addStretch(3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addLayout(self._stack, 1)
        self._stack.addWidget(self.grid)  # now that it has a parent: or it would show the grid as a window
        self._stack.addWidget(nothing)

    def _connect(self) -> None:
        self.search_field.search_requested.connect(self._model.search)
        self.search_field.left.connect(self.grid.enter)
        self._model.state_changed.connect(self._on_state_changed)
        self._model.count_changed.connect(self._on_state_changed)
        self.grid.open_requested.connect(self._on_open)
        self.grid.copy_requested.connect(self._on_copy)
        self.grid.trash_requested.connect(self._on_trash)
        self.grid.menu_requested.connect(self._on_menu)
        self.grid.drag_requested.connect(self._on_drag)
        self.grid.selectionModel().selectionChanged.connect(self._on_selection_changed)

    # -------------------------------------------------------------------------------------------------------- state
    @Slot()
    def _on_state_changed(self) -> None:
        if not self.search_field.hasFocus():  # the other view of the same pictures may search too
            self.search_field.set_text(self._model.text)
        pictures = self._model.pictures
        self._count.setText(text.pictures(pictures) if pictures else "")
        nothing = self._model.loaded and self._model.rowCount() == 0
        self.grid.set_note(
            text.not_found() if self._model.text and self._model.loaded and pictures == 0 else ""
        )
        self._empty.setText(text.not_found() if self._model.text else text.empty())
        self._hint.setVisible(not self._model.text)
        self._stack.setCurrentIndex(1 if nothing else 0)

    # ------------------------------------------------------------------------------------------------------ intents
    @Slot(int)
    def _on_open(self, row: int) -> None:
        if row == 0 and self._model.live is not None:
            self._intents.go_live.emit()
        elif (entry := self._model.entry_at(row)) is not None:
            self._intents.open_picture.emit(entry)

    @Slot()
    def _on_open_current(self) -> None:
        self._on_open(self.grid.currentIndex().row())

    @Slot()
    def _on_use(self) -> None:
        entry = self.grid.currentIndex().data(EntryRole)
        if entry is not None:
            self._actions.use_settings(entry)

    @Slot()
    def _on_compare(self) -> None:
        self._model.read_entries(self.grid.selected_rows(), self._intents.compare_pictures.emit)

    @Slot()
    def _on_copy(self) -> None:
        self._model.read_entries(self.grid.selected_rows(), self._actions.copy)

    @Slot()
    def _on_folder(self) -> None:
        entry = self.grid.currentIndex().data(EntryRole)
        if entry is not None:
            self._actions.show_in_folder(entry)

    @Slot()
    def _on_trash(self) -> None:
        self._model.trash_rows(self.grid.selected_rows())

    @Slot(QPoint)
    def _on_menu(self, where: QPoint) -> None:
        count = len([row for row in self.grid.selected_rows() if self._model.id_at(row) is not None])
        if count:
            self._menu.show_for(count, where)

    @Slot()
    def _on_selection_changed(self) -> None:
        """Read the selected entries, so that they can be dragged."""
        rows = self.grid.selected_rows()
        if 1 < len(rows) <= CACHED_ENTRIES // 2:
            self._model.read_entries(rows, _forget)

    @Slot()
    def _on_drag(self) -> None:
        found = (self._model.entry_at(row) for row in self.grid.selected_rows())
        entries = [entry for entry in found if entry is not None]  # a drag cannot wait for the others
        self._actions.drag(self.grid, entries, self.grid.currentIndex().data(ImageRole))


def _forget(_: object) -> None:
    """Ignore the entries: reading them was the point."""
