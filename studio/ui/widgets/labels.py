"""Tooltips that show any text as it is: Qt would read some of it as HTML, and fetch what it names.

A label that shows any text as it is, in one of the program's fonts and colours.

A label above a control, as every row of a form has it.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout

from studio.ui.theme.metrics import GAP, GRID

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent, QResizeEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.fonts import FontKind
    from studio.ui.theme.theme import Theme


def plain_tip(text: str) -> str:
    """Return what a tooltip is given so that it shows ``text``, letter for letter, and wraps long lines."""
    if not text:
        return ""
    escaped = html.escape(text.replace("\0", "\ufffd"))
    return f'<qt><p style="white-space: pre-wrap">{escaped}</p></qt>'


def set_tip(widget: QWidget, text: str) -> None:
    """Give ``widget`` a tooltip of plain text, and the same as its accessible description."""
    widget.setToolTip(plain_tip(text))
    widget.setAccessibleDescription(text)


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
        palette.setColor(QPalette.ColorGroup.Disabled, role, self._theme.colour("disabled"))
        self.setPalette(palette)


def labelled(theme: Theme, owner: QWidget, label: str, *, tip: str = "") -> QHBoxLayout:
    """Put ``label`` above a row in ``owner``, and return the row, to be filled."""
    column = QVBoxLayout(owner)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(GRID)
    if label:  # else what lies above says it already
        column.addWidget(PlainLabel(theme, label, kind="label", role="dim", tip=tip))
    row = QHBoxLayout()
    row.setSpacing(GAP)
    column.addLayout(row)
    return row


def named(control: QWidget, name: str, tip: str = "") -> None:
    """Tell assistive technology what ``control`` is, and give it its tooltip."""
    control.setAccessibleName(name)
    if tip:
        set_tip(control, tip)


def stand_for(owner: QWidget, control: QWidget) -> None:
    """Let whoever gives ``owner`` the focus, or a place in the order of Tab, give it to ``control``.

    It must be the first stop in ``owner``: Tab goes to it at once, and on from there.
    """
    owner.setAccessibleName(control.accessibleName())
    owner.setFocusProxy(control)
    owner.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # without one, QWidget.setTabOrder passes over it
