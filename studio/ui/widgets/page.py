"""A page of the window: its title and scrolling column, a row that opens a folder, and the file dropped on it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from studio.storage import ensure_folder
from studio.ui.language import tr
from studio.ui.theme.metrics import CONTROL, GAP, PADDING, SECTION
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.cards import Ground
from studio.ui.widgets.labels import PlainLabel

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtCore import QMimeData

    from studio.errors import StudioError
    from studio.ui.theme.theme import Theme

    Do = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[StudioError], None]], None]


SCROLL_BAR: Final = 12


class ScrollArea(QScrollArea):
    """Scrolls its content vertically, on the background of what it lies in."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setAutoFillBackground(False)

    def setWidget(self, widget: QWidget) -> None:
        super().setWidget(widget)
        widget.setAutoFillBackground(False)  # Qt turns it on


class Page(Ground):
    """A page whose content has a maximum width, centred in a wide window: longer lines are hard to read.

    Attributes:
        head: the row of the title, for actions.
        column: the content.
    """

    def __init__(self, theme: Theme, title: str, width: int, parent: QWidget | None = None) -> None:
        """Show ``title`` above content of at most ``width`` pixels."""
        super().__init__(theme, "window", parent=parent)
        self.head = QHBoxLayout()
        self.head.setContentsMargins(0, 0, 0, 0)
        self.head.setSpacing(GAP)
        self.head.addStrut(CONTROL)  # the same height on every page, with buttons or without
        self.head.addWidget(PlainLabel(theme, title, kind="title"), 1)
        self.column = QVBoxLayout()
        self.column.setContentsMargins(0, 0, 0, SECTION)
        self.column.setSpacing(PADDING)
        self.area = ScrollArea()
        content = QWidget()
        self._row = _centred(self.column, width)
        content.setLayout(self._row)
        self.area.setWidget(content)
        self.area.verticalScrollBar().rangeChanged.connect(self._on_range_changed)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, PADDING, 0, 0)
        page.setSpacing(PADDING)
        page.addLayout(_centred(self.head, width))
        page.addWidget(self.area, 1)

    @Slot()
    def _on_range_changed(self) -> None:
        """Keep the content in place when the scroll bar appears: it takes some of the right margin."""
        taken = SCROLL_BAR if self.area.verticalScrollBar().maximum() > 0 else 0
        self._row.setContentsMargins(SECTION, 0, SECTION - taken, 0)


def _centred(inner: QHBoxLayout | QVBoxLayout, width: int) -> QHBoxLayout:
    """Return a row with ``inner`` centred in it, at most ``width`` pixels wide."""
    content = QWidget()
    content.setLayout(inner)
    content.setMaximumWidth(width)
    row = QHBoxLayout()
    row.setContentsMargins(SECTION, 0, SECTION, 0)
    row.addStretch(1)
    row.addWidget(content, 1000)
    row.addStretch(1)
    return row


def open_folder(path: Path, do: Do, answered: Callable[[str], None]) -> None:
    """Show a folder in the system's file manager; it is created if it does not exist.

    Args:
        path: the folder.
        do: has work done in another thread, as `Background.do`.
        answered: called with one sentence on why it cannot be shown, or with "".
    """
    do(
        partial(ensure_folder, path),
        lambda _: answered(_show_folder(path)),
        lambda error: answered(tr(error.message)),
    )


def _show_folder(path: Path) -> str:
    if QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
        return ""
    return tr("No file manager was found to show the folder {path}.", path=path)


class FolderRow(QWidget):
    """A folder: its label, its path and a button that opens it.

    Signals:
        failed: a sentence on why the folder cannot be shown; "" once it can.
    """

    failed = Signal(str)

    def __init__(self, theme: Theme, label: str, path: Path, do: Do, parent: QWidget | None = None) -> None:
        """Name the folder and its path; ``do`` runs work in another thread."""
        super().__init__(parent)
        self._path, self._do = path, do
        self.place = PlainLabel(theme, str(path), wrap=True)
        self.place.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.place.setAccessibleName(f"{label}: {path}")
        self.open = TextButton(theme, tr("Open"), icon="folder-open")
        self.open.setAccessibleName(tr("Open the folder: {folder}", folder=label))
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(PlainLabel(theme, label, kind="label", role="dim"))
        words.addWidget(self.place)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(PADDING)
        row.addLayout(words, 1)
        row.addWidget(self.open, 0, Qt.AlignmentFlag.AlignVCenter)
        self.open.clicked.connect(self._on_open_clicked)

    @Slot()
    def _on_open_clicked(self) -> None:
        open_folder(self._path, self._do, self.failed.emit)


def dropped_files(data: QMimeData) -> list[Path]:
    """Return the local files and folders that are dragged."""
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]


def dropped_file(data: QMimeData) -> Path | None:
    """Return the local file or folder that is dragged; None unless it is exactly one."""
    found = dropped_files(data)
    return found[0] if len(found) == 1 else None
