"""Details that are shown on demand, in a typewriter face, and can be copied for a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QFontMetrics, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from studio.ui.theme.metrics import GAP, GRID
from studio.ui.widgets.text_button import TextButton

if TYPE_CHECKING:
    from studio.ui.theme.theme import Theme

_LINES: Final = 8
_SHOW: Final = "Show details"
_HIDE: Final = "Hide details"


class Details(QWidget):
    """Two buttons, Show details and Copy, and the text that the first one opens."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start without a text, hidden."""
        super().__init__(parent)
        self._report = ""
        self.disclosure = TextButton(theme, _SHOW, kind="outline")
        self.copy = TextButton(theme, "Copy", kind="outline", icon="copy")
        self.view = QPlainTextEdit()
        self.view.setReadOnly(True)
        self.view.setFont(theme.font("mono"))
        self.view.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.view.setTabChangesFocus(True)
        self.view.document().setDocumentMargin(GRID)
        self.view.setFixedHeight(QFontMetrics(theme.font("body")).lineSpacing() * _LINES + 2 * GAP)
        self.view.setAccessibleName("Details")
        self.view.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self.disclosure)
        row.addWidget(self.copy)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addLayout(row)
        column.addWidget(self.view)
        self.disclosure.clicked.connect(self._on_disclosure_clicked)
        self.copy.clicked.connect(self._on_copy_clicked)
        self.set_details("", "")

    def set_details(self, sentence: str, details: str) -> None:
        """Hold ``details``, closed; Copy takes ``sentence`` along. Without details there is nothing to see."""
        self._report = f"{sentence}\n\n{details}"
        self.view.setPlainText(details)
        self._open(False)
        self.setVisible(bool(details))

    def _open(self, opened: bool) -> None:
        self.view.setVisible(opened)
        self.disclosure.setText(_HIDE if opened else _SHOW)

    @Slot()
    def _on_disclosure_clicked(self) -> None:
        self._open(self.view.isHidden())

    @Slot()
    def _on_copy_clicked(self) -> None:
        QGuiApplication.clipboard().setText(self._report)
