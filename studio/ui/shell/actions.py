"""Every key of the window in one table; the list under F1 is made from it.

The list of keys, over the window while it is open (F1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QKeySequence, QPainter
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from studio.ui.theme.metrics import CARD_RADIUS, GAP, SECTION
from studio.ui.widgets.buttons import IconButton
from studio.ui.widgets.labels import PlainLabel

if TYPE_CHECKING:
    from PySide6.QtGui import QMouseEvent, QPaintEvent

    from studio.ui.theme.theme import Theme


@dataclass(frozen=True, kw_only=True)
class ActionInfo:
    """What a key does.

    Attributes:
        name: what the window calls it.
        text: what it does, for people.
        keys: its shortcuts, the first is the one shown.
        group: the heading it is listed under.
        where: "window" where it works everywhere, else the part it belongs to, whose own key it is.
    """

    name: str
    text: str
    keys: tuple[str, ...]
    group: str
    where: str = "window"


ACTIONS = (
    ActionInfo(name="generate", text="Generate, compare or train", keys=("Ctrl+Enter", "Ctrl+Return"), group="Make"),
    ActionInfo(name="cancel", text="Cancel the running job, or go back", keys=("Esc",), group="Make"),
    ActionInfo(name="roll", text="Roll a new seed", keys=("Ctrl+R",), group="Make"),
    ActionInfo(name="undo", text="Undo", keys=("Ctrl+Z",), group="Make"),
    ActionInfo(name="redo", text="Redo in the form", keys=("Ctrl+Shift+Z", "Ctrl+Y"), group="Make"),
    ActionInfo(name="prompt", text="Go to the prompt", keys=("Ctrl+L",), group="Make"),
    ActionInfo(name="side", text="Switch between x0 and x_t", keys=("Ctrl+T",), group="Watch"),
    ActionInfo(name="live", text="Back to the newest step", keys=("Ctrl+Shift+L",), group="Watch"),
    ActionInfo(name="steps", text="Go to the steps so far", keys=("Ctrl+E",), group="Watch"),
    ActionInfo(name="queue", text="Show or hide the queue", keys=("Ctrl+J",), group="Watch"),
    ActionInfo(name="create", text="Create", keys=("Ctrl+1",), group="Go to"),
    ActionInfo(name="compare", text="Compare", keys=("Ctrl+2",), group="Go to"),
    ActionInfo(name="gallery", text="Gallery", keys=("Ctrl+3",), group="Go to"),
    ActionInfo(name="models", text="Models", keys=("Ctrl+4",), group="Go to"),
    ActionInfo(name="train", text="Train", keys=("Ctrl+5",), group="Go to"),
    ActionInfo(name="settings", text="Settings", keys=("Ctrl+,",), group="Go to"),
    ActionInfo(name="search", text="Search pictures", keys=("Ctrl+F",), group="Go to"),
    ActionInfo(name="form", text="Show or hide the form", keys=("Ctrl+[",), group="Window"),
    ActionInfo(name="column", text="Show or hide the gallery column", keys=("Ctrl+]",), group="Window"),
    ActionInfo(name="shortcuts", text="This list", keys=("F1",), group="Window"),
    ActionInfo(name="quit", text="Quit", keys=("Ctrl+Q",), group="Window"),
    ActionInfo(name="step", text="Step back or forward", keys=("Left", "Right"), group="Watch", where="steps"),
    ActionInfo(name="five", text="Five steps", keys=("Shift+Left", "Shift+Right"), group="Watch", where="steps"),
    ActionInfo(name="ends", text="First or last step", keys=("Home", "End"), group="Watch", where="steps"),
    ActionInfo(name="tenths", text="To that tenth of the run", keys=("0", "9"), group="Watch", where="steps"),
    ActionInfo(name="play", text="Play the steps", keys=("Space",), group="Watch", where="steps"),
    ActionInfo(name="newest", text="Back to the newest step", keys=("L",), group="Watch", where="steps"),
    ActionInfo(name="keep", text="Keep this step as a picture", keys=("K",), group="Watch", where="steps"),
    ActionInfo(name="fork", text="Fork from this step", keys=("F",), group="Watch", where="steps"),
    ActionInfo(name="layout", text="Layouts, from side to tile", keys=(*"SWBDT",), group="Compare", where="compare"),
    ActionInfo(name="turn", text="Turn the line of a wipe", keys=("X",), group="Compare", where="compare"),
    ActionInfo(name="line", text="Move the line of a wipe", keys=(",", "."), group="Compare", where="compare"),
    ActionInfo(name="scale", text="The whole, or pixel for pixel", keys=("Z",), group="Compare", where="compare"),
    ActionInfo(name="candidate", text="Another run for B", keys=("Up", "Down"), group="Compare", where="compare"),
    ActionInfo(name="panes", text="What the model believed, side by side", keys=("P",), group="Watch", where="steps"),
    ActionInfo(name="rest", text="Pause a training, or go on", keys=("Ctrl+P",), group="Train"),
    ActionInfo(name="samples", text="Neighbouring samples", keys=("Left", "Up"), group="Train", where="train"),
    ActionInfo(name="sample", text="Open a sample large", keys=("Return",), group="Train", where="train"),
    ActionInfo(name="picture", text="Show its picture", keys=("G",), group="Watch", where="steps"),
    ActionInfo(name="pin", text="Pin this run", keys=("Shift+P",), group="Watch", where="steps"),
    ActionInfo(name="open", text="Open large", keys=("Return",), group="Pictures", where="gallery"),
    ActionInfo(name="next", text="Neighbouring pictures", keys=("Left", "Right"), group="Pictures", where="large"),
    ActionInfo(name="watch", text="Watch it form", keys=("W",), group="Pictures", where="large"),
    ActionInfo(name="verify", text="Make it again and compare", keys=("V",), group="Pictures", where="large"),
    ActionInfo(name="copy", text="Copy", keys=("Ctrl+C",), group="Pictures", where="gallery"),
    ActionInfo(name="trash", text="Move to the trash", keys=("Del",), group="Pictures", where="gallery"),
    ActionInfo(name="reorder", text="Move a waiting job", keys=("Alt+Up", "Alt+Down"), group="Queue", where="queue"),
    ActionInfo(name="remove", text="Take a job out", keys=("Del",), group="Queue", where="queue"),
)  # fmt: skip


COLUMNS = 3


def shown_keys(action: ActionInfo) -> str:
    """Return an action's keys as this system writes them."""
    keys = action.keys if action.where != "window" or action.name == "redo" else action.keys[:1]
    native = QKeySequence.SequenceFormat.NativeText
    return "  ".join(QKeySequence(key).toString(native) for key in keys)


class ShortcutsView(QWidget):
    """Dims the window and lists every key.

    Signals:
        closed: it is to go away.
    """

    closed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """List `ACTIONS`."""
        super().__init__(parent)
        self._theme = theme
        self.setAccessibleName("Keys")
        self._card = QWidget(self)
        close = IconButton(theme, "x", "Close the list of keys", kind="quiet")
        close.clicked.connect(self.closed)
        head = QHBoxLayout()
        head.addWidget(PlainLabel(theme, "Keys", kind="title"), 1)
        head.addWidget(close)
        columns = QHBoxLayout()
        columns.setSpacing(2 * SECTION)
        groups = list(dict.fromkeys(action.group for action in ACTIONS))
        for start in range(COLUMNS):
            column = QVBoxLayout()
            column.setSpacing(GAP)
            for group in groups[start::COLUMNS]:
                self._add_group(column, group)
            column.addStretch()
            columns.addLayout(column)
        layout = QVBoxLayout(self._card)
        layout.setContentsMargins(SECTION, 16, SECTION, SECTION)
        layout.setSpacing(16)
        layout.addLayout(head)
        layout.addLayout(columns)
        outer = QGridLayout(self)
        outer.addWidget(self._card, 0, 0, Qt.AlignmentFlag.AlignCenter)
        theme.changed.connect(self.update)

    def _add_group(self, column: QVBoxLayout, group: str) -> None:
        theme, grid = self._theme, QGridLayout()
        grid.setHorizontalSpacing(SECTION)
        grid.setVerticalSpacing(6)
        column.addWidget(PlainLabel(theme, group, kind="label", role="dim"))
        for row, action in enumerate(action for action in ACTIONS if action.group == group):
            grid.addWidget(PlainLabel(theme, action.text), row, 0)
            keys = PlainLabel(theme, shown_keys(action), role="dim")
            keys.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            grid.addWidget(keys, row, 1)
        column.addLayout(grid)
        column.addSpacing(GAP)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go away when the mouse presses beside the card."""
        if not self._card.geometry().contains(event.position().toPoint()):
            self.closed.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Dim the window, and draw the card."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(0, 0, 0, 140 if self._theme.dark else 70))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self._theme.colour("line"))
        painter.setBrush(self._theme.colour("panel"))
        painter.drawRoundedRect(self._card.geometry(), CARD_RADIUS, CARD_RADIUS)
