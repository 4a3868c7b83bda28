"""Labels, tooltips and lists of facts that show any text literally: Qt would read some of it as HTML."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPalette
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from studio.ui.theme.metrics import GAP, GRID, SECTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PySide6.QtGui import QPaintEvent, QResizeEvent

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
            self._update_tip()

    def minimumSizeHint(self) -> QSize:
        """A label that may be cut needs no width of its own."""
        hint = super().minimumSizeHint()
        return QSize(0, hint.height()) if self._elide else hint

    def changeEvent(self, event: QEvent) -> None:
        """Keep the colour when the style sheet restores an earlier palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._recolour()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the whole text as a tooltip where it does not fit."""
        super().resizeEvent(event)
        if self._elide:
            self._update_tip()

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

    def _update_tip(self) -> None:
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
    """Set the accessible name of ``control``, and its tooltip."""
    control.setAccessibleName(name)
    if tip:
        set_tip(control, tip)


def stand_for(owner: QWidget, control: QWidget) -> None:
    """Pass the focus, and a place in the tab order, from ``owner`` on to ``control``.

    It must be the first stop in ``owner``: Tab goes to it at once, and on from there.
    """
    owner.setAccessibleName(control.accessibleName())
    owner.setFocusProxy(control)
    owner.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # without one, QWidget.setTabOrder passes over it


class FactList(QWidget):
    """Each fact's label above what it says; as many columns as asked, filled row by row."""

    def __init__(
        self, theme: Theme, *, columns: int = 1, spacing: int = GAP, parent: QWidget | None = None
    ) -> None:
        """Start with none; ``spacing`` is between the rows."""
        super().__init__(parent)
        self._theme, self._columns = theme, columns
        self._shown: list[tuple[str, str]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(SECTION)
        self._grid.setVerticalSpacing(0)
        self._spacing = spacing
        for column in range(columns):
            self._grid.setColumnStretch(column, 1)

    def set_facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Show other facts."""
        facts = list(facts)
        if facts == self._shown:
            return
        self._shown = facts
        while (item := self._grid.takeAt(0)) is not None:
            if (cell := item.widget()) is not None:
                cell.hide()
                cell.deleteLater()
        for place, (label, value) in enumerate(facts):
            row, column = divmod(place, self._columns)
            # Straight into the grid: around cells of their own, lines that wrap would ask for room they do not need.
            self._grid.addWidget(PlainLabel(self._theme, label, kind="label", role="dim"), 3 * row, column)
            self._grid.addWidget(self._value(label, value), 3 * row + 1, column)
            if row:
                self._grid.setRowMinimumHeight(3 * row - 1, self._spacing)

    @property
    def texts(self) -> Iterable[tuple[str, str]]:
        """The facts shown."""
        return tuple(self._shown)

    def _value(self, label: str, value: str) -> PlainLabel:
        text = PlainLabel(self._theme, value, wrap=True)
        text.setAccessibleName(f"{label}: {value}")
        text.setAlignment(Qt.AlignmentFlag.AlignTop)
        return text
