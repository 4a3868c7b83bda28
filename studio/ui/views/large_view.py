"""One picture, as large as it fits, beside how it was made."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QBoxLayout, QLayout, QWidget

from studio.ui.jobs.picture_menu import PictureMenu
from studio.ui.jobs.picture_text import NO_PROMPT, one_line, prompt_of
from studio.ui.models.gallery_place import GalleryPlace
from studio.ui.models.gallery_reading import read_picture
from studio.ui.views.large_panel import WIDTH, LargePanel
from studio.ui.views.large_stage import LargeStage
from studio.ui.views.picture_actions import PictureActions
from studio.ui.widgets.cards import Ground

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QImage, QKeyEvent, QResizeEvent

    from studio.errors import StudioError
    from studio.gallery.entry import Entry
    from studio.ui.jobs.recorded_runs import RunsModel
    from studio.ui.models.gallery import GalleryModel
    from studio.ui.models.verifying import VerifyModel
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

    def __init__(
        self,
        theme: Theme,
        model: GalleryModel,
        verifier: VerifyModel,
        runs: RunsModel,
        parent: QWidget | None = None,
    ) -> None:
        """Show pictures of ``model``; ``verifier`` makes one again, and its run is among ``runs``."""
        super().__init__(theme, "window", parent=parent)
        self._model = model
        self._place = GalleryPlace(model, self)
        self._stage = LargeStage(theme)
        self._head, self.picture = self._stage.head, self._stage.picture
        self._panel = LargePanel(theme, verifier, runs)
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
        return self._place.entry

    def show_entry(self, entry: Entry) -> None:
        """Show another picture."""
        self._place.go_to(entry)

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
        self._head.newer.connect(self._place.go_newer)
        self._head.older.connect(self._place.go_older)
        self._place.moved.connect(self._on_moved)
        self._place.changed.connect(self._on_place_changed)
        self._place.left.connect(self.closed)
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
        self._panel.save_requested.connect(self._on_save)
        self._actions.settings_requested.connect(self.settings_requested)

    # ------------------------------------------------------------------------------------------------------ reading
    @Slot(object)
    def _on_moved(self, entry: Entry) -> None:
        self._head.set_title(title := one_line(prompt_of(entry.metadata)) or NO_PROMPT)
        self.setAccessibleName(f"Picture: {title}")
        self._panel.show_entry(entry)
        self._model.errands.do(
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
            self._stage.show_image(image)

    def _on_failed(self, entry: Entry, error: StudioError) -> None:
        if entry is self.entry:
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
        """Go to a neighbour, scroll the settings, close, or do what a button does."""
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
            self.compare_requested.emit([self.entry])

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
            self.watch_requested.emit(self.entry)

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
