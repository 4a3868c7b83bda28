"""The table of all keyboard shortcuts, and the view that lists them (F1).

`MainWindow` says what each of them does; what Esc does is `MainWindow.go_back`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QKeySequence, QPainter
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from studio.ui.language import tr
from studio.ui.shell import text
from studio.ui.theme.metrics import CARD_RADIUS, CONTROL, GAP, PADDING, SECTION
from studio.ui.widgets.buttons import IconButton
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.page import ScrollArea

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QMouseEvent, QPaintEvent, QResizeEvent

    from studio.ui.theme.theme import Theme


@dataclass(frozen=True, kw_only=True)
class ActionInfo:
    """A keyboard shortcut.

    Attributes:
        name: its key; `studio.ui.shell.text.action` is its text.
        keys: the shortcuts; only the first is shown for actions of the window.
        group: the key of the heading that it is listed under; `studio.ui.shell.text.group` is its text.
        where: "window" if it works everywhere; or else the part that handles it while it has the focus.
    """

    name: str
    keys: tuple[str, ...]
    group: str
    where: str = "window"


ACTIONS = (
    ActionInfo(name="generate", keys=("Ctrl+Enter", "Ctrl+Return"), group="make"),
    ActionInfo(name="cancel", keys=("Esc",), group="make"),
    ActionInfo(name="roll", keys=("Ctrl+R",), group="make"),
    ActionInfo(name="undo", keys=("Ctrl+Z",), group="make"),
    ActionInfo(name="redo", keys=("Ctrl+Shift+Z", "Ctrl+Y"), group="make"),
    ActionInfo(name="prompt", keys=("Ctrl+L",), group="make"),
    ActionInfo(name="quantity", keys=("Ctrl+T",), group="watch"),
    ActionInfo(name="live", keys=("Ctrl+Shift+L",), group="watch"),
    ActionInfo(name="steps", keys=("Ctrl+E",), group="watch"),
    ActionInfo(name="queue", keys=("Ctrl+J",), group="watch"),
    ActionInfo(name="create", keys=("Ctrl+1",), group="go_to"),
    ActionInfo(name="compare", keys=("Ctrl+2",), group="go_to"),
    ActionInfo(name="gallery", keys=("Ctrl+3",), group="go_to"),
    ActionInfo(name="models", keys=("Ctrl+4",), group="go_to"),
    ActionInfo(name="train", keys=("Ctrl+5",), group="go_to"),
    ActionInfo(name="settings", keys=("Ctrl+,",), group="go_to"),
    ActionInfo(name="search", keys=("Ctrl+F",), group="go_to"),
    ActionInfo(name="form", keys=("Ctrl+[",), group="window"),
    ActionInfo(name="column", keys=("Ctrl+]",), group="window"),
    ActionInfo(name="shortcuts", keys=("F1",), group="window"),
    ActionInfo(name="quit", keys=("Ctrl+Q",), group="window"),
    ActionInfo(name="step", keys=("Left", "Right"), group="watch", where="steps"),
    ActionInfo(name="five", keys=("Shift+Left", "Shift+Right"), group="watch", where="steps"),
    ActionInfo(name="ends", keys=("Home", "End"), group="watch", where="steps"),
    ActionInfo(name="tenths", keys=("0", "9"), group="watch", where="steps"),
    ActionInfo(name="play", keys=("Space",), group="watch", where="steps"),
    ActionInfo(name="newest", keys=("L",), group="watch", where="steps"),
    ActionInfo(name="keep", keys=("K",), group="watch", where="steps"),
    ActionInfo(name="fork", keys=("F",), group="watch", where="steps"),
    ActionInfo(name="layout", keys=(*"SWBDT",), group="compare", where="compare"),
    ActionInfo(name="turn", keys=("X",), group="compare", where="compare"),
    ActionInfo(name="line", keys=(",", "."), group="compare", where="compare"),
    ActionInfo(name="scale", keys=("Z",), group="compare", where="compare"),
    ActionInfo(name="candidate", keys=("Up", "Down"), group="compare", where="compare"),
    ActionInfo(name="panes", keys=("P",), group="watch", where="steps"),
    ActionInfo(name="pause_training", keys=("Ctrl+P",), group="train"),
    ActionInfo(name="samples", keys=("Left", "Up"), group="train", where="train"),
    ActionInfo(name="sample", keys=("Return",), group="train", where="train"),
    ActionInfo(name="picture", keys=("G",), group="watch", where="steps"),
    ActionInfo(name="pin", keys=("Shift+P",), group="watch", where="steps"),
    ActionInfo(name="open", keys=("Return",), group="pictures", where="gallery"),
    ActionInfo(name="next", keys=("Left", "Right"), group="pictures", where="large"),
    ActionInfo(name="watch", keys=("W",), group="pictures", where="large"),
    ActionInfo(name="verify", keys=("V",), group="pictures", where="large"),
    ActionInfo(name="copy", keys=("Ctrl+C",), group="pictures", where="gallery"),
    ActionInfo(name="trash", keys=("Del",), group="pictures", where="gallery"),
    ActionInfo(name="reorder", keys=("Alt+Up", "Alt+Down"), group="queue", where="queue"),
    ActionInfo(name="remove", keys=("Del",), group="queue", where="queue"),
)  # fmt: skip


def shown_keys(action: ActionInfo) -> str:
    """Return the keys of an action in the notation of this system."""
    if action.name in text.KEYS_IN_WORDS:
        return text.keys_in_words(action.name)
    keys = action.keys if action.where != "window" or action.name == "redo" else action.keys[:1]
    native = QKeySequence.SequenceFormat.NativeText
    return "  ".join(QKeySequence(key).toString(native) for key in keys)


_COLUMN = 380
"""Width of a column of shortcuts in pixels."""
_MOST_COLUMNS = 3


class ShortcutsView(QWidget):
    """Lists every shortcut over the dimmed window.

    Signals:
        closed: hide the view.
    """

    closed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._columns = theme, 0
        self._content: QWidget | None = None
        self.setAccessibleName(tr("Keyboard shortcuts"))
        self._card = QWidget(self)
        self.close_button = IconButton(theme, "x", tr("Close"), kind="quiet")
        self.close_button.clicked.connect(self.closed)
        head = QHBoxLayout()
        head.addWidget(PlainLabel(theme, tr("Keyboard shortcuts"), kind="title"), 1)
        head.addWidget(self.close_button)
        self._area = ScrollArea()
        layout = QVBoxLayout(self._card)
        layout.setContentsMargins(SECTION, PADDING, PADDING, PADDING)
        layout.setSpacing(PADDING)
        layout.addLayout(head)
        layout.addWidget(self._area, 1)
        theme.changed.connect(self.update)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Centre the card, with as many columns as fit."""
        super().resizeEvent(event)
        room = self.width() - 2 * SECTION
        columns = min(max((room - 2 * SECTION) // _COLUMN, 1), _MOST_COLUMNS)
        if columns != self._columns or self._content is None:
            self._columns, self._content = columns, self._list(columns)
            self._area.setWidget(self._content)
        width = min(room, columns * _COLUMN + 2 * SECTION)
        height = min(self.height() - 2 * SECTION, self._content.sizeHint().height() + CONTROL + 3 * PADDING)
        self._card.setGeometry((self.width() - width) // 2, (self.height() - height) // 2, width, height)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar, line = self._area.verticalScrollBar(), 2 * CONTROL
        moves = {
            Qt.Key.Key_Down: line,
            Qt.Key.Key_Up: -line,
            Qt.Key.Key_PageDown: bar.pageStep(),
            Qt.Key.Key_PageUp: -bar.pageStep(),
        }
        if event.key() in moves:
            bar.setValue(bar.value() + moves[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)

    def _list(self, count: int) -> QWidget:
        content = QWidget()
        row = QHBoxLayout(content)
        row.setContentsMargins(0, 0, PADDING, 0)
        row.setSpacing(2 * SECTION)
        groups: dict[str, list[ActionInfo]] = {}
        for action in ACTIONS:
            groups.setdefault(action.group, []).append(action)
        rows = {name: len(actions) + 2 for name, actions in groups.items()}
        columns: list[list[str]] = [[] for _ in range(count)]
        before = 0
        for name in groups:  # in order, each in the column where its middle would be
            place = (before + rows[name] / 2) / sum(rows.values())
            columns[min(int(place * count), count - 1)].append(name)
            before += rows[name]
        for names in columns:
            column = QVBoxLayout()
            column.setSpacing(GAP)
            for name in names:
                self._add_group(column, name, groups[name])
            column.addStretch()
            row.addLayout(column, 1)
        return content

    def _add_group(self, column: QVBoxLayout, name: str, actions: list[ActionInfo]) -> None:
        theme, grid = self._theme, QGridLayout()
        grid.setHorizontalSpacing(PADDING)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(0, 1)
        column.addWidget(PlainLabel(theme, text.group(name), kind="label", role="dim"))
        for row, action in enumerate(actions):
            label = PlainLabel(theme, text.action(action.name), elide=True)
            keys = PlainLabel(theme, shown_keys(action), role="dim")
            keys.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            grid.addWidget(label, row, 0)
            grid.addWidget(keys, row, 1)
        column.addLayout(grid)
        column.addSpacing(GAP)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Close on a click beside the card."""
        if not self._card.geometry().contains(event.position().toPoint()):
            self.closed.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(0, 0, 0, 140 if self._theme.dark else 70))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self._theme.colour("line"))
        painter.setBrush(self._theme.colour("panel"))
        painter.drawRoundedRect(self._card.geometry(), CARD_RADIUS, CARD_RADIUS)
