"""Surfaces: plain grounds, cards, popovers, banners, empty pages, errors and notices."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QKeyEvent, QPainter
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from studio.ui.language import tr
from studio.ui.theme.metrics import CARD_RADIUS, CONTROL, GAP, GRID, INSET, PADDING
from studio.ui.widgets.buttons import IconButton, IconView, TextButton
from studio.ui.widgets.collapsible import Details
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.painting import draw_outline, fill_rounded, is_undo_of_the_window

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QHideEvent, QPaintEvent, QShowEvent

    from studio.ui.theme.theme import Theme


KIND_ROLES = {"info": "dim", "good": "good", "warn": "warn", "error": "bad"}
KIND_ICONS = {"info": "info", "good": "circle-check", "warn": "triangle-alert", "error": "circle-alert"}


class Card(QFrame):
    """A rounded panel with a hairline around it."""

    def __init__(self, theme: Theme, *, ground: str = "panel", parent: QWidget | None = None) -> None:
        """Paint the ``ground`` colour of ``theme``."""
        super().__init__(parent)
        self.theme, self._ground = theme, ground
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill_rounded(painter, self.rect(), CARD_RADIUS, self.theme.colour(self._ground))
        draw_outline(painter, self.rect(), CARD_RADIUS, self.theme.colour("line"))


NO_EDGE = Qt.Edge(0)


class Ground(QWidget):
    """A plain surface that other widgets are laid out on."""

    def __init__(
        self,
        theme: Theme,
        role: str = "panel",
        *,
        lines: Qt.Edge = NO_EDGE,
        parent: QWidget | None = None,
    ) -> None:
        """Paint in the colour ``role``, with a hairline along the edges ``lines``."""
        super().__init__(parent)
        self._theme, self._role, self._lines = theme, role, lines
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), self._theme.colour(self._role))
        line, right, bottom = self._theme.colour("line"), self.width() - 1, self.height() - 1
        if self._lines & Qt.Edge.RightEdge:
            painter.fillRect(right, 0, 1, self.height(), line)
        if self._lines & Qt.Edge.LeftEdge:
            painter.fillRect(0, 0, 1, self.height(), line)
        if self._lines & Qt.Edge.TopEdge:
            painter.fillRect(0, 0, self.width(), 1, line)
        if self._lines & Qt.Edge.BottomEdge:
            painter.fillRect(0, bottom, self.width(), 1, line)


class Banner(Card):
    """A sentence across the top of a view, with at most one action, until it is closed."""

    action_clicked = Signal()
    closed = Signal()

    def __init__(
        self,
        theme: Theme,
        sentence: str = "",
        *,
        kind: Literal["info", "good", "warn", "error"] = "warn",
        action: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """Show ``sentence``; ``action`` is the text of a button, "" for none."""
        super().__init__(theme, parent=parent)
        self._sentence = PlainLabel(theme, sentence, wrap=True)
        self.action = TextButton(theme, action)
        self.action.setVisible(bool(action))
        self.close_button = IconButton(theme, "x", tr("Close"), kind="quiet", role="dim")
        self.setAccessibleName(sentence)
        row = QHBoxLayout(self)
        row.setContentsMargins(INSET, GAP, GAP, GAP)
        row.setSpacing(GAP)
        row.addWidget(
            IconView(theme, KIND_ICONS[kind], role=KIND_ROLES[kind]), 0, Qt.AlignmentFlag.AlignVCenter
        )
        row.addWidget(self._sentence, 1)
        row.addWidget(self.action)
        row.addWidget(self.close_button)
        self.setMinimumHeight(CONTROL + 2 * GAP)
        self.action.clicked.connect(self._on_action_clicked)
        self.close_button.clicked.connect(self._on_close_clicked)

    def set_sentence(self, sentence: str, action: str = "") -> None:
        self._sentence.setText(sentence)
        self.setAccessibleName(sentence)
        self.action.setText(action)
        self.action.setVisible(bool(action))

    @Slot()
    def _on_action_clicked(self) -> None:
        self.action_clicked.emit()

    @Slot()
    def _on_close_clicked(self) -> None:
        self.hide()
        self.closed.emit()


class EmptyPage(QWidget):
    """A placeholder: an icon, what will be shown here, and how to get there.

    Attributes:
        how: the second of the two lines.
    """

    def __init__(self, theme: Theme, icon: str, title: str, how: str, parent: QWidget | None = None) -> None:
        """Show the Lucide icon ``icon`` over two lines."""
        super().__init__(parent)
        lines = QVBoxLayout(self)
        lines.setSpacing(GAP)
        lines.addStretch()
        lines.addWidget(IconView(theme, icon, role="faint", size=40), 0, Qt.AlignmentFlag.AlignHCenter)
        self.how = PlainLabel(theme, how, role="dim", wrap=True)
        for label in (PlainLabel(theme, title, kind="title", wrap=True), self.how):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            lines.addWidget(label)
        self._actions = QHBoxLayout()
        self._actions.addStretch()
        self._actions.addStretch()
        lines.addSpacing(GAP)
        lines.addLayout(self._actions)
        lines.addStretch()

    def add_action(self, button: QWidget) -> None:
        """Add a button below the texts."""
        self._actions.insertWidget(self._actions.count() - 1, button)


_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


class ErrorCard(Card):
    """An error shown in place of a result: what happened, what to do, and details to copy for a report."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent=parent)
        self.happened = PlainLabel(theme, bold=True, wrap=True)
        self.remedy = PlainLabel(theme, role="dim", wrap=True)
        self.details = Details(theme)
        for label in (self.happened, self.remedy):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        texts = QVBoxLayout()
        texts.setSpacing(GRID)
        texts.addWidget(self.happened)
        texts.addWidget(self.remedy)
        texts.addSpacing(GRID)
        texts.addWidget(self.details)
        row = QHBoxLayout(self)
        row.setContentsMargins(PADDING, PADDING, PADDING, PADDING)
        row.setSpacing(GAP)
        row.addWidget(IconView(theme, "circle-alert", role="bad"), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(texts, 1)

    def set_error(self, sentence: str, details: str = "") -> None:
        """Show ``sentence`` (one or more of them); ``details`` is for a report."""
        happened, *remedy = _SENTENCE_END.split(sentence, maxsplit=1)
        self.happened.setText(happened)
        self.remedy.setText("".join(remedy))
        self.remedy.setVisible(bool(remedy))
        self.details.set_details(sentence, details)
        self.setAccessibleName(sentence)


_INFO_MS: Final = 6_000
_ACTION_MS: Final = 12_000


class Toast(Card):
    """A notice in a strip of its own: it covers nothing and never takes the focus.

    The next notice replaces it. It stays while hovered or focused; an error stays until it is closed.
    """

    closed = Signal()
    acted = Signal()
    """The button was clicked; its action runs right after."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent=parent)
        self._act: Callable[[], None] | None = None
        self._transient = True
        self._icon = IconView(theme, "info")
        self._sentence = PlainLabel(theme, wrap=True)
        self.action = TextButton(theme, "")
        self.close_button = IconButton(theme, "x", tr("Close"), kind="quiet", role="dim")
        self.details = Details(theme)
        self.details.setContentsMargins(0, 0, 0, GAP)
        self.lifetime = QTimer(self, singleShot=True)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._sentence, 1)
        row.addWidget(self.action)
        row.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(INSET, 0, GRID, 0)
        column.setSpacing(GRID)
        column.addLayout(row)
        column.addWidget(self.details)
        self.hide()
        self.lifetime.timeout.connect(self._on_lifetime_over)
        self.close_button.clicked.connect(self._close)
        self.action.clicked.connect(self._on_action_clicked)

    def show_notice(
        self,
        sentence: str,
        *,
        kind: str = "info",
        action: str = "",
        act: Callable[[], None] | None = None,
        details: str = "",
    ) -> None:
        """Show ``sentence``; ``action`` is the text of a button that calls ``act``."""
        self._act = act
        self._icon.set_icon(KIND_ICONS.get(kind, "info"), KIND_ROLES.get(kind, "dim"))
        self._sentence.setText(sentence)
        self.setAccessibleName(sentence)
        self.action.setText(action)
        self.action.setVisible(bool(action))
        self.details.set_details(sentence, details)
        self.lifetime.stop()
        self._transient = kind != "error"
        if self._transient:
            self.lifetime.start(_ACTION_MS if action or kind == "warn" or details else _INFO_MS)
        self.show()
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, sentence))

    def leaveEvent(self, event: QEvent) -> None:
        """Restart the time: the notice was being read."""
        super().leaveEvent(event)
        if self._transient and self.isVisible():
            self.lifetime.start(_INFO_MS)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._close()
        else:
            super().keyPressEvent(event)

    @Slot()
    def _on_lifetime_over(self) -> None:
        focused = QApplication.focusWidget()
        if self.underMouse() or (focused is not None and self.isAncestorOf(focused)):
            self.lifetime.start(_INFO_MS)
        else:
            self._close()

    @Slot()
    def _close(self) -> None:
        self.lifetime.stop()
        self.hide()
        self.closed.emit()

    @Slot()
    def _on_action_clicked(self) -> None:
        act = self._act
        self.acted.emit()
        self._close()
        if act is not None:
            act()


class Popover(Card):
    """A card above the window that closes with Esc, on a click elsewhere, or when the focus goes elsewhere.

    Undo and redo stay the window's.

    Signals:
        left: it was closed with Esc or by `leave`; the focus should return to where it was.
    """

    left = Signal()

    def __init__(self, theme: Theme, button: QWidget) -> None:
        """Start hidden; a click on ``button`` does not count as one elsewhere."""
        super().__init__(theme, ground="floating", parent=button)
        self._button = button
        self.hide()

    def open_at(self, corner: QPoint, width: int, height: int) -> None:
        """Show the card with its upper left corner at a point of the window, moved so that all of it is visible."""
        window = self._button.window()
        self.setParent(window)
        height = min(height, window.height() - 2 * GAP)
        self.setFixedSize(width, height)
        left = max(GAP, min(corner.x(), window.width() - width - GAP))
        self.move(left, max(GAP, min(corner.y(), window.height() - height - GAP)))
        self.show()
        self.raise_()

    def take_key(self, watched: QWidget, event: QKeyEvent) -> bool:
        """Handle a key of one of the card's controls; return whether it was handled."""
        del watched, event
        return False

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if (app := QApplication.instance()) is not None:
            app.installEventFilter(self)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if (app := QApplication.instance()) is not None:
            app.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Close on a click or focus elsewhere, and handle the keys of the card's controls."""
        kind = event.type()
        if kind in (QEvent.Type.MouseButtonPress, QEvent.Type.FocusIn) and isinstance(watched, QWidget):
            if watched is not self._button and watched is not self and not self.isAncestorOf(watched):
                self.hide()
        elif kind == QEvent.Type.Resize and watched is self.window():
            self.hide()
        elif kind == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._owns(watched):
            if is_undo_of_the_window(event):
                event.ignore()
                return True
            if event.key() == Qt.Key.Key_Escape:
                event.accept()
                return True
        elif kind == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and isinstance(watched, QWidget):
            if not self.isAncestorOf(watched):
                return False
            if event.key() == Qt.Key.Key_Escape:
                self.leave()
                return True
            return self.take_key(watched, event)
        return False

    def _owns(self, watched: QObject) -> bool:
        return isinstance(watched, QWidget) and self.isAncestorOf(watched)

    @Slot()
    def leave(self) -> None:
        """Close the card."""
        self.hide()
        self.left.emit()
