"""The viewer of the gallery: one picture as large as it fits, beside how it was made."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QObject, QPoint, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAccessible, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QBoxLayout,
    QHBoxLayout,
    QLayout,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from studio.ui.gallery import text
from studio.ui.gallery.picture_actions import PictureActions
from studio.ui.gallery.reading import read_picture
from studio.ui.gallery.viewer_panel import WIDTH, ViewerPanel
from studio.ui.jobs.picture_menu import PictureMenu
from studio.ui.jobs.text import no_prompt, one_line, prompt_of, summary
from studio.ui.language import tr
from studio.ui.theme.metrics import GAP, GRID, PADDING, RADIUS, SECTION
from studio.ui.widgets.accessibility import set_accessible_role, set_accessible_value
from studio.ui.widgets.buttons import IconButton, IconView
from studio.ui.widgets.cards import Ground
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.painting import draw_ring
from studio.ui.widgets.picture_view import PictureView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import (
        QContextMenuEvent,
        QFocusEvent,
        QImage,
        QKeyEvent,
        QMouseEvent,
        QPaintEvent,
        QResizeEvent,
    )

    from studio.errors import StudioError
    from studio.gallery.index import Entry
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.intents import Intents
    from studio.ui.gallery.model import GalleryModel
    from studio.ui.gallery.verify import VerifyModel
    from studio.ui.jobs.recorded_runs import RunsModel
    from studio.ui.theme.theme import Theme


class ViewerHead(QWidget):
    """The title, the position in the list, and the buttons that go to neighbours and close.

    Signals:
        closed: close the viewer.
        newer: show the previous picture.
        older: show the next picture.
    """

    closed = Signal()
    newer = Signal()
    older = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = PlainLabel(theme, kind="title", elide=True)
        self._place = PlainLabel(theme, role="dim")
        close = IconButton(theme, "x", tr("Close"), tip=tr("Close (Esc)"), kind="quiet")
        self._newer = IconButton(
            theme, "chevron-left", tr("Newer picture"), tip=tr("Newer picture (Left)"), kind="quiet"
        )
        self._older = IconButton(
            theme, "chevron-right", tr("Older picture"), tip=tr("Older picture (Right)"), kind="quiet"
        )
        close.clicked.connect(self.closed)
        self._newer.clicked.connect(self.newer)
        self._older.clicked.connect(self.older)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(GRID)
        line.addWidget(self._title, 1)
        line.addSpacing(PADDING)
        line.addWidget(self._newer)
        line.addWidget(self._place)
        line.addWidget(self._older)
        line.addSpacing(PADDING)
        line.addWidget(close)

    @property
    def place(self) -> str:
        """The position as it is shown."""
        return self._place.text()

    def set_title(self, title: str) -> None:
        self._title.setText(title)

    def set_place(self, place: int | None, count: int) -> None:
        """Show the position, from 0; None if the picture is not listed."""
        self._place.setText("" if place is None else text.position(place, count))
        self._newer.setEnabled(place is not None and place > 0)
        self._older.setEnabled(place is not None and place + 1 < count)


class ViewerPicture(PictureView):
    """The picture, which can be dragged out and has a menu.

    Signals:
        drag_requested: drag the picture out.
        menu_requested: open the menu at this point of the screen.
        double_clicked: the picture was double-clicked.
    """

    drag_requested = Signal()
    menu_requested = Signal(QPoint)
    double_clicked = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, tr("Picture"), parent)
        self._pressed: QPoint | None = None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        on_it = self.picture_rect().contains(event.position())
        self._pressed = (
            event.position().toPoint() if on_it and event.button() == Qt.MouseButton.LeftButton else None
        )

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        if (event.position().toPoint() - self._pressed).manhattanLength() >= QApplication.startDragDistance():
            self._pressed = None
            self.drag_requested.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.double_clicked.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        keyboard = event.reason() == event.Reason.Keyboard
        self.menu_requested.emit(self.mapToGlobal(self.rect().center()) if keyboard else event.globalPos())


class ViewerBody(QWidget):
    """The title line above the picture, or above the reason why it cannot be shown.

    Attributes:
        head: the title line.
        picture: the picture.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._ringed = theme, False
        self.head = ViewerHead(theme)
        self.picture = ViewerPicture(theme)
        self._fault = PlainLabel(theme, role="dim", wrap=True)
        self._fault.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        failed = QWidget()
        lines = QVBoxLayout(failed)
        lines.setSpacing(GAP)
        lines.addStretch(2)
        icon = IconView(theme, "triangle-alert", role="faint", size=32)
        lines.addWidget(icon, 0, Qt.AlignmentFlag.AlignHCenter)
        lines.addWidget(self._fault)
        lines.addStretch(3)
        self._stack = QStackedLayout()
        column = QVBoxLayout(self)
        column.setContentsMargins(SECTION, PADDING, SECTION, SECTION)
        column.setSpacing(PADDING)
        column.addWidget(self.head)
        column.addLayout(self._stack, 1)
        self._stack.addWidget(
            self.picture
        )  # now that it has a parent: or it would show the picture as a window
        self._stack.addWidget(failed)

    @property
    def fault(self) -> str:
        """Why the picture cannot be shown; "" if it can."""
        return self._fault.text() if self._stack.currentIndex() == 1 else ""

    def show_image(self, image: QImage) -> None:
        self.picture.set_image(image)
        self._stack.setCurrentIndex(0)

    def show_fault(self, sentence: str) -> None:
        self.picture.set_image(None)
        self._fault.setText(sentence)
        self._stack.setCurrentIndex(1)

    def set_ring(self, ringed: bool) -> None:
        """Show or hide the focus ring."""
        if ringed != self._ringed:
            self._ringed = ringed
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._ringed:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            around = self.picture.picture_rect() if not self.fault else QRectF(self.picture.rect())
            around.translate(self.picture.geometry().topLeft())
            room = around.adjusted(-GRID, -GRID, GRID, GRID)
            draw_ring(painter, room, RADIUS, self._theme.colour("accent"))


class ViewerPosition(QObject):
    """The position of the viewer in the list; it stays with its picture while others come, go and are filtered.

    Attributes:
        entry: the picture; None if there is none.

    Signals:
        moved: another picture is shown, an `Entry`.
        left: the picture is gone, and no other has taken its place.
        changed: the position in the list has changed.
    """

    moved = Signal(object)
    left = Signal()
    changed = Signal()

    def __init__(self, model: GalleryModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.entry: Entry | None = None
        self._row = self._awaited_row = -1
        self._text = ""  # the search when the picture was opened
        model.trashed.connect(self._on_trashed)
        model.count_changed.connect(self._on_count_changed)
        model.dataChanged.connect(self._on_data_changed)

    @property
    def place(self) -> int | None:
        """The position, from 0; None if the picture is not listed."""
        return None if self._row < 0 else self._row + self.count - self._model.rowCount()

    @property
    def count(self) -> int:
        return self._model.pictures

    def go_to(self, entry: Entry) -> None:
        self.entry, self._awaited_row = entry, -1
        self._text = self._model.text
        self.moved.emit(entry)
        self._find()

    @Slot()
    def go_newer(self) -> None:
        self._go(self._row - 1)

    @Slot()
    def go_older(self) -> None:
        self._go(self._row + 1)

    def _go(self, row: int) -> None:
        if self._model.id_at(row) is None:
            return
        if (entry := self._model.entry_at(row)) is None:
            self._awaited_row = row  # it is being read
        else:
            self.go_to(entry)

    @Slot(QModelIndex, QModelIndex)
    def _on_data_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        if first.row() <= self._awaited_row <= last.row():
            self._go(self._awaited_row)

    @Slot()
    def _on_count_changed(self) -> None:
        """Stay with the picture even if a search leaves it out; if it is gone, show the next one."""
        listed = self.entry is not None and self._model.row_of(self.entry) is not None
        if listed or self._model.text != self._text:
            self._find()
        elif self.entry is not None:
            self._show_next()

    @Slot(object)
    def _on_trashed(self, entries: Sequence[Entry]) -> None:
        if self.entry is not None and self.entry.path in {entry.path for entry in entries}:
            self._show_next()

    def _show_next(self) -> None:
        """Show the picture that has taken its place, or leave."""
        self.entry = None
        for row in (self._row, self._row - 1):
            if self._model.id_at(row) is not None:
                self._go(row)
                return
        self.left.emit()

    def _find(self) -> None:
        row = None if self.entry is None else self._model.row_of(self.entry)
        self._row = -1 if row is None else row
        self.changed.emit()


_ROOM_PX = 600
"""The smallest width at which the panel is beside the picture, not below it."""
_BELOW = QBoxLayout.Direction.TopToBottom
_BY_TAB = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)


class Viewer(Ground):
    """Shows one picture; Left and Right go to its neighbours.

    Signals:
        shown: another picture is shown, an `Entry`.
        closed: close the viewer.
    """

    shown = Signal(object)
    closed = Signal()

    def __init__(
        self,
        theme: Theme,
        model: GalleryModel,
        verifier: VerifyModel,
        runs: RunsModel,
        catalog: Catalog,
        intents: Intents,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, "window", parent=parent)
        set_accessible_role(self, QAccessible.Role.Grouping)
        self._model, self._runs, self._intents = model, runs, intents
        self._place = ViewerPosition(model, self)
        self._body = ViewerBody(theme)
        self._head, self.picture = self._body.head, self._body.picture
        self._panel = ViewerPanel(theme, verifier, runs, catalog)
        slots = {
            "use": self._on_use,
            "compare": self._on_compare,
            "copy": self._on_copy,
            "folder": self._on_folder,
            "trash": self._on_trash,
        }
        self._menu = PictureMenu(theme, slots, self)
        self._actions = PictureActions(model, intents, self)
        self._layout = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._layout.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self._layout.addWidget(self._body, 3)
        self._layout.addWidget(self._panel, 2)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._connect()

    @property
    def entry(self) -> Entry | None:
        return self._place.entry

    def show_entry(self, entry: Entry) -> None:
        self._place.go_to(entry)

    def minimumSizeHint(self) -> QSize:
        return QSize(WIDTH, WIDTH)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the panel below the picture if there is no room beside it."""
        super().resizeEvent(event)
        way = _BELOW if (below := self.width() < _ROOM_PX) else QBoxLayout.Direction.LeftToRight
        if self._layout.direction() != way:
            self._layout.setDirection(way)
            self._panel.set_below(below)

    def _connect(self) -> None:
        self._head.closed.connect(self.closed)
        self._head.newer.connect(self._place.go_newer)
        self._head.older.connect(self._place.go_older)
        self._place.moved.connect(self._on_moved)
        self._place.changed.connect(self._on_place_changed)
        self._place.left.connect(self.closed)
        self.picture.drag_requested.connect(self._on_drag)
        self.picture.double_clicked.connect(self.closed)
        self.picture.menu_requested.connect(self._on_menu)
        self._panel.settings_requested.connect(self._on_use)
        self._panel.compare_requested.connect(self._on_compare)
        self._panel.copy_requested.connect(self._on_copy)
        self._panel.folder_requested.connect(self._on_folder)
        self._panel.trash_requested.connect(self._on_trash)
        self._panel.watch_requested.connect(self._on_watch)
        self._panel.save_requested.connect(self._on_save)

    # ------------------------------------------------------------------------------------------------------ reading
    @Slot(object)
    def _on_moved(self, entry: Entry) -> None:
        self._head.set_title(title := one_line(prompt_of(entry.metadata)) or no_prompt())
        self.setAccessibleName(text.viewer_name(title))
        set_accessible_value(self, summary(entry.metadata))
        self._panel.show_entry(entry)
        self._model.background_reads.do(
            partial(read_picture, entry.path),
            partial(self._on_read, entry),
            partial(self._on_failed, entry),
            key="large",
        )
        self.shown.emit(entry)

    @Slot()
    def _on_place_changed(self) -> None:
        self._head.set_place(self._place.place, self._place.count)

    def _on_read(self, entry: Entry, image: QImage) -> None:
        if entry is self.entry:
            self._body.show_image(image)

    def _on_failed(self, entry: Entry, error: StudioError) -> None:
        if entry is self.entry:
            self._body.show_fault(tr(error.message))

    # ------------------------------------------------------------------------------------------------------ intents
    def focusInEvent(self, event: QFocusEvent) -> None:
        """Draw the focus ring only after Tab: an opened picture needs none."""
        super().focusInEvent(event)
        self._body.set_ring(event.reason() in _BY_TAB)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._body.set_ring(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, check = Qt.Key, self._panel.check
        ways = {
            key.Key_Left: self._place.go_newer,
            key.Key_Right: self._place.go_older,
            key.Key_W: self._on_watch,
            key.Key_V: check.toggle,
            key.Key_Escape: self.closed.emit,
        }
        if event.matches(QKeySequence.StandardKey.Copy):
            self._on_copy()
        elif event.matches(QKeySequence.StandardKey.Delete):
            self._on_trash()
        elif event.key() == key.Key_P and event.modifiers() == Qt.KeyboardModifier.ShiftModifier:
            check.pin.click()
        elif event.key() in ways and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            ways[key(event.key())]()
        elif not self._panel.scroll_by(event.key()):
            super().keyPressEvent(event)

    @Slot(QPoint)
    def _on_menu(self, where: QPoint) -> None:
        if self.entry is not None:
            self._menu.show_for(1, where)

    @Slot()
    def _on_use(self) -> None:
        if self.entry is not None:
            self._actions.use_settings(self.entry)

    @Slot()
    def _on_compare(self) -> None:
        if self.entry is not None:
            self._intents.compare_pictures.emit([self.entry])

    @Slot(int, bool)
    def _on_save(self, factor: int, smooth: bool) -> None:
        if self.entry is not None:
            self._actions.save(self.entry, factor, smooth, self)

    @Slot()
    def _on_copy(self) -> None:
        if self.entry is not None:
            self._actions.copy([self.entry])

    @Slot()
    def _on_watch(self) -> None:
        if self.entry is not None:
            self._runs.open_picture(self.entry)

    @Slot()
    def _on_folder(self) -> None:
        if self.entry is not None:
            self._actions.show_in_folder(self.entry)

    @Slot()
    def _on_trash(self) -> None:
        if self.entry is not None:
            self._model.trash([self.entry])

    @Slot()
    def _on_drag(self) -> None:
        if self.entry is not None:
            self._actions.drag(self.picture, [self.entry], self.picture.image)
