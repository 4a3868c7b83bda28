"""The tiles of the gallery as they are painted, and the thumbnails they are painted from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPersistentModelIndex, QRect, Qt, QTimer, Slot
from PySide6.QtGui import QPainter

from studio.ui.models.gallery import LiveRole
from studio.ui.theme.metrics import CARD_RADIUS, SECTION
from studio.ui.views.gallery_arrangement import ArrangedView, Index
from studio.ui.views.gallery_layout import MARGIN
from studio.ui.views.gallery_tiles import TilePainter, TileState

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtGui import QHideEvent, QPaintEvent, QShowEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.models.gallery import GalleryModel
    from studio.ui.theme.theme import Theme

_AHEAD = 1.0
"""How many screens of tiles are made beyond what is in sight."""


class TileSurface(ArrangedView):
    """Paints what is in sight, and has the thumbnails for it made."""

    def __init__(self, theme: Theme, model: GalleryModel, parent: QWidget | None = None) -> None:
        """Show the rows of ``model``."""
        super().__init__(model, parent)
        self._gallery, self._theme = model, theme
        self._painter = TilePainter(theme)
        self._note = ""
        self._hovered = QPersistentModelIndex()
        self._in_sight: dict[Path, int] = {}
        self._ask_soon = QTimer(self)
        self._ask_soon.setSingleShot(True)
        self._ask_soon.setInterval(0)
        self._ask_soon.timeout.connect(self._ask)
        self.scene_changed.connect(self._ask_soon.start)
        model.thumbnails.made.connect(self._on_made)
        theme.changed.connect(self.viewport().update)

    def set_note(self, note: str) -> None:
        """Say something below the tiles; "" says nothing."""
        if note != self._note:
            self._note = note
            self.viewport().update()

    def hover(self, index: Index) -> None:
        """Show that the mouse is over a tile, or over none."""
        before = self._gallery.index(self._hovered.row())
        if index != before:
            self._hovered = QPersistentModelIndex(index)
            self.viewport().update(self.visualRect(before))
            self.viewport().update(self.visualRect(index))

    # ---------------------------------------------------------------------------------------------------- thumbnails
    @Slot()
    def _ask(self) -> None:
        """Have the tiles in sight made, from the top, and then those one would scroll to next."""
        if not self.isVisible():
            self._gallery.thumbnails.want(self, [], 0)
            return
        side, height = self._side_px(), self.viewport().height()
        seen = self.rows_in(0, height)
        near = self.rows_in(-round(_AHEAD * height), height + round(_AHEAD * height))
        self._in_sight.clear()
        keys: list[tuple[Path, int]] = []
        for row in (*seen, *range(seen.stop, near.stop), *reversed(range(near.start, seen.start))):
            entry = self._gallery.entry_at(row)
            if entry is not None:
                keys.append((entry.path, side))
                if row in seen:
                    self._in_sight[entry.path] = row
        self._gallery.thumbnails.want(self, keys, CARD_RADIUS * self.devicePixelRatioF())

    @Slot(object)
    def _on_made(self, path: Path) -> None:
        row = self._in_sight.get(path)
        if row is not None:
            self.viewport().update(self.visualRect(self._gallery.index(row)))

    def _side_px(self) -> int:
        return round(self.tiles.side * self.devicePixelRatioF())

    def dataChanged(self, first: Index, last: Index, roles: Any = ()) -> None:  # noqa: ANN401 - Qt's
        """Paint what changed; an entry that was read has a thumbnail to ask for."""
        super().dataChanged(first, last, roles)
        if last.row() > 0 or first.data(LiveRole) is None:
            self._ask_soon.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Ask for what is in sight now."""
        super().showEvent(event)
        self._ask_soon.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Ask for nothing more."""
        super().hideEvent(event)
        self._ask_soon.start()

    # ------------------------------------------------------------------------------------------------------- painting
    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the tiles that need it."""
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ratio = self.devicePixelRatioF()
        # In device pixels from here on, and on whole ones, wherever the window lies.
        painter.scale(1 / ratio, 1 / ratio)
        origin = painter.deviceTransform()
        painter.translate(round(origin.dx()) - origin.dx(), round(origin.dy()) - origin.dy())
        side, chosen = self._side_px(), self.selectionModel()
        for row in self.rows_in(event.rect().top(), event.rect().bottom()):
            rect = self.tile_rect(row)
            if event.rect().intersects(rect.adjusted(-4, -4, 4, 4)):
                place = QRect(round(rect.left() * ratio), round(rect.top() * ratio), side, side)
                index = self._gallery.index(row)
                self._painter.paint(painter, place, ratio, self._state(row, side, chosen.isSelected(index)))
        if self._note:
            self._paint_note(painter)
        painter.end()

    def _paint_note(self, painter: QPainter) -> None:
        below = self.viewport().rect().adjusted(0, self.tiles.height - self.verticalOffset(), 0, 0)
        painter.resetTransform()
        painter.setFont(self._theme.font("body"))
        painter.setPen(self._theme.colour("dim"))
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        painter.drawText(below.adjusted(MARGIN, SECTION, -MARGIN, 0), flags, self._note)

    def _state(self, row: int, side: int, selected: bool) -> TileState:
        state = TileState(
            selected=selected,
            current=row == self.currentIndex().row(),
            focused=self.hasFocus(),
            hovered=row == self._hovered.row(),
        )
        live = self._gallery.live
        if live is not None and row == 0:
            return replace(state, live=live)
        entry = self._gallery.entry_at(row)
        if entry is None:
            return state
        image = self._gallery.thumbnails.image(entry.path, side)
        return replace(
            state,
            image=image,
            broken=image is None and bool(self._gallery.thumbnails.fault(entry.path)),
        )
