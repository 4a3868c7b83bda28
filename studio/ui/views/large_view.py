"""One picture, as large as it fits, beside how it was made."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QBoxLayout, QLayout, QWidget

from studio.ui.models.gallery_reading import read_picture
from studio.ui.models.gallery_words import NO_PROMPT, one_line, prompt_of
from studio.ui.views.large_panel import WIDTH, LargePanel
from studio.ui.views.large_stage import LargeStage
from studio.ui.views.picture_actions import PictureActions
from studio.ui.views.picture_menu import PictureMenu
from studio.ui.widgets.ground import Ground

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QFocusEvent, QImage, QKeyEvent, QResizeEvent

    from studio.errors import StudioError
    from studio.gallery.entry import Entry
    from studio.ui.models.gallery import GalleryModel
    from studio.ui.theme.theme import Theme

_ROOM_PX = 600
"""Narrower than this, there is no room beside the picture."""
_BELOW = QBoxLayout.Direction.TopToBottom
_BY_TAB = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)


class LargeView(Ground):
    """Shows one picture; Left and Right go to its neighbours.

    Signals:
        shown: another picture is shown, an `Entry`.
        closed: the view is to be left.
        settings_requested: a `GenerateRequest` is to fill the form.
        watch_requested: the recorded run of an `Entry` is to be opened.
        compare_requested: the recorded runs of these `Entry` are to lie side by side.
    """

    shown = Signal(object)
    closed = Signal()
    settings_requested = Signal(object)
    watch_requested = Signal(object)
    compare_requested = Signal(object)

    def __init__(self, theme: Theme, model: GalleryModel, parent: QWidget | None = None) -> None:
        """Show pictures of ``model``."""
        super().__init__(theme, "window", parent=parent)
        self._model = model
        self._entry: Entry | None = None
        self._row = self._waits_for = -1
        self._text = ""  # what was searched for when the picture was opened
        self._stage = LargeStage(theme)
        self._head, self.picture = self._stage.head, self._stage.picture
        self._panel = LargePanel(theme)
        self._menu = PictureMenu(theme, opens=False, parent=self)
        self._actions = PictureActions(model, self)
        self._layout = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._layout.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self._layout.addWidget(self._stage, 3)
        self._layout.addWidget(self._panel, 2)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._connect()

    @property
    def entry(self) -> Entry | None:
        """The picture that is shown."""
        return self._entry

    def show_entry(self, entry: Entry) -> None:
        """Show another picture."""
        self._entry, self._waits_for = entry, -1
        self._text = self._model.text
        self._head.set_title(title := one_line(prompt_of(entry.metadata)) or NO_PROMPT)
        self.setAccessibleName(f"Picture: {title}")
        self._panel.show_entry(entry)
        self._model.errands.do(
            partial(read_picture, entry.path),
            partial(self._on_read, entry),
            partial(self._on_failed, entry),
            key="large",
        )
        self._find_place()
        self.shown.emit(entry)

    def minimumSizeHint(self) -> QSize:
        """Small enough for a small window, with the settings beneath."""
        return QSize(WIDTH, WIDTH)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Tell of the picture beneath it where there is no room beside it."""
        super().resizeEvent(event)
        way = _BELOW if (below := self.width() < _ROOM_PX) else QBoxLayout.Direction.LeftToRight
        if self._layout.direction() != way:
            self._layout.setDirection(way)
            self._panel.set_below(below)

    def _connect(self) -> None:
        self._head.closed.connect(self.closed)
        self._head.newer.connect(self.go_newer)
        self._head.older.connect(self.go_older)
        self.picture.drag_requested.connect(self._on_drag)
        self.picture.double_clicked.connect(self.closed)
        self.picture.menu_requested.connect(self._on_menu)
        for source in (self._panel, self._menu):
            source.settings_requested.connect(self._on_use)
            source.compare_requested.connect(self._on_compare)
            source.copy_requested.connect(self._on_copy)
            source.folder_requested.connect(self._on_folder)
            source.trash_requested.connect(self._on_trash)
        self._panel.watch_requested.connect(self._on_watch)
        self._actions.settings_requested.connect(self.settings_requested)
        self._model.thrown.connect(self._on_thrown)
        self._model.count_changed.connect(self._on_count_changed)
        self._model.dataChanged.connect(self._on_data_changed)

    # --------------------------------------------------------------------------------------------------- neighbours
    @Slot()
    def go_newer(self) -> None:
        """Show the picture before this one."""
        self._go(self._row - 1)

    @Slot()
    def go_older(self) -> None:
        """Show the picture after this one."""
        self._go(self._row + 1)

    def _go(self, row: int) -> None:
        if self._model.id_at(row) is None:
            return
        if (entry := self._model.entry_at(row)) is None:
            self._waits_for = row  # it is being read
        else:
            self.show_entry(entry)

    @Slot(QModelIndex, QModelIndex)
    def _on_data_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        if first.row() <= self._waits_for <= last.row():
            self._go(self._waits_for)

    @Slot()
    def _on_count_changed(self) -> None:
        """Stay with the picture, also where a search leaves it out; one that is gone gives way to the next."""
        listed = self._entry is not None and self._model.row_of(self._entry) is not None
        if listed or self._model.text != self._text:
            self._find_place()
        elif self._entry is not None:
            self._go_on()

    @Slot(object)
    def _on_thrown(self, entries: Sequence[Entry]) -> None:
        if self._entry is not None and self._entry.path in {entry.path for entry in entries}:
            self._go_on()

    def _go_on(self) -> None:
        """Show what is in the place of the picture now, or leave."""
        self._entry = None
        for row in (self._row, self._row - 1):
            if self._model.id_at(row) is not None:
                self._go(row)
                return
        self.closed.emit()

    def _find_place(self) -> None:
        """Tell which picture this is of how many."""
        row, pictures = None if self._entry is None else self._model.row_of(self._entry), self._model.pictures
        self._row = -1 if row is None else row
        self._head.set_place(None if row is None else row + pictures - self._model.rowCount(), pictures)

    # ------------------------------------------------------------------------------------------------------ reading
    def _on_read(self, entry: Entry, image: QImage) -> None:
        if entry is self._entry:
            self._stage.show_image(image)

    def _on_failed(self, entry: Entry, error: StudioError) -> None:
        if entry is self._entry:
            self._stage.show_fault(str(error))

    # ------------------------------------------------------------------------------------------------------ intents
    def focusInEvent(self, event: QFocusEvent) -> None:
        """Ring the picture when Tab came to it; that it was opened can be seen without."""
        super().focusInEvent(event)
        self._stage.set_ring(event.reason() in _BY_TAB)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the ring away."""
        super().focusOutEvent(event)
        self._stage.set_ring(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go to a neighbour, scroll the settings, close, copy or throw away."""
        key = Qt.Key
        ways = {key.Key_Left: self.go_newer, key.Key_Right: self.go_older, key.Key_W: self._on_watch}
        if event.key() in ways:
            ways[key(event.key())]()
        elif event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        elif event.matches(QKeySequence.StandardKey.Copy):
            self._on_copy()
        elif event.matches(QKeySequence.StandardKey.Delete):
            self._on_trash()
        elif not self._panel.scroll_by(event.key()):
            super().keyPressEvent(event)

    @Slot(QPoint)
    def _on_menu(self, where: QPoint) -> None:
        if self._entry is not None:
            self._menu.show_for(1, where)

    @Slot()
    def _on_use(self) -> None:
        if self._entry is not None:
            self._actions.use_settings(self._entry)

    @Slot()
    def _on_compare(self) -> None:
        self.compare_requested.emit([self._entry])

    @Slot()
    def _on_copy(self) -> None:
        if self._entry is not None:
            self._actions.copy([self._entry])

    @Slot()
    def _on_watch(self) -> None:
        self.watch_requested.emit(self._entry)

    @Slot()
    def _on_folder(self) -> None:
        if self._entry is not None:
            self._actions.show_in_folder(self._entry)

    @Slot()
    def _on_trash(self) -> None:
        if self._entry is not None:
            self._model.trash([self._entry])

    @Slot()
    def _on_drag(self) -> None:
        if self._entry is not None:
            self._actions.drag(self.picture, [self._entry], self.picture.image)
