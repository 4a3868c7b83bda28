"""A label that shows any text as it is, in one of the program's fonts and colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPalette
from PySide6.QtWidgets import QLabel, QSizePolicy

from studio.ui.widgets.tips import tip as set_tip

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent, QResizeEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.fonts import FontKind
    from studio.ui.theme.theme import Theme


class PlainLabel(QLabel):
    """Plain text only, whatever it looks like; with ``elide`` it is cut to its width and whole in the tooltip."""

    def __init__(
        self,
        theme: Theme,
        text: str = "",
        *,
        kind: FontKind = "body",
        role: str = "text",
        wrap: bool = False,
        elide: bool = False,
        bold: bool = False,
        tip: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """Show ``text`` in the font ``kind`` and the colour ``role``."""
        super().__init__(parent)
        self._theme, self._role, self._elide = theme, role, elide
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(theme.font(kind, bold or kind == "title"))
        self.setWordWrap(wrap and not elide)
        if elide:
            self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setText(text)
        if tip:
            set_tip(self, tip)
        self._recolour()
        theme.changed.connect(self._recolour)

    def set_role(self, role: str) -> None:
        """Show the text in another colour of the palette."""
        if role != self._role:
            self._role = role
            self._recolour()

    def setText(self, text: str) -> None:
        """Show another text."""
        super().setText(text)
        if self._elide:
            self._tell_the_whole()

    def minimumSizeHint(self) -> QSize:
        """A label that may be cut needs no width of its own."""
        hint = super().minimumSizeHint()
        return QSize(0, hint.height()) if self._elide else hint

    def changeEvent(self, event: QEvent) -> None:
        """Keep the colour when the style puts back the palette of before its sheet."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._recolour()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Offer the whole text where it no longer fits."""
        super().resizeEvent(event)
        if self._elide:
            self._tell_the_whole()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the text, cut with an ellipsis if it may be."""
        if not self._elide:
            super().paintEvent(event)
            return
        painter = QPainter(self)
        rect = self.contentsRect()
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, rect.width())
        role = QPalette.ColorRole.WindowText
        painter.setPen(self.palette().color(role))
        painter.drawText(rect, int(self.alignment().value) | Qt.TextFlag.TextSingleLine.value, shown)

    def _tell_the_whole(self) -> None:
        cut = self.fontMetrics().horizontalAdvance(self.text()) > self.contentsRect().width()
        set_tip(self, self.text() if cut else "")

    @Slot()
    def _recolour(self) -> None:
        palette, role = self.palette(), QPalette.ColorRole.WindowText
        wanted = self._theme.colour(self._role)
        if palette.color(QPalette.ColorGroup.Active, role) == wanted:
            return
        palette.setColor(role, wanted)
        palette.setColor(QPalette.ColorGroup.Disabled, role, self._theme.colour("faint"))
        self.setPalette(palette)
