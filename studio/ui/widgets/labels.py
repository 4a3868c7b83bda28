"""Labels, tooltips and lists of facts that show every text literally: Qt would take some texts for HTML."""

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
    """Return the rich text with which a tooltip shows ``text`` literally and wraps long lines."""
    if not text:
        return ""
    escaped = html.escape(text.replace("\0", "\ufffd"))
    return f'<qt><p style="white-space: pre-wrap">{escaped}</p></qt>'


def set_tip(widget: QWidget, text: str) -> None:
    """Set the tooltip of ``widget``, as plain text, and its accessible description."""
    widget.setToolTip(plain_tip(text))
    widget.setAccessibleDescription(text)


class PlainLabel(QLabel):
    """A label for plain text; with ``elide`` it is elided to its width, and the tooltip has the whole text."""

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
        """Set another colour of the palette."""
        if role != self._role:
            self._role = role
            self._recolour()

    def setText(self, text: str) -> None:
        super().setText(text)
        if self._elide:
            self._update_tip()

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        return QSize(0, hint.height()) if self._elide else hint

    def changeEvent(self, event: QEvent) -> None:
        """Restore the colour when the style sheet replaces the palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._recolour()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._elide:
            self._update_tip()

    def paintEvent(self, event: QPaintEvent) -> None:
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
    """Lay out ``owner`` as a label above a row, and return the empty row."""
    column = QVBoxLayout(owner)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(GRID)
    if label:  # a heading above may say it already
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
    """Make ``control`` the focus proxy of ``owner``, with the same accessible name.

    ``control`` must be the first tab stop in ``owner``.
    """
    owner.setAccessibleName(control.accessibleName())
    owner.setFocusProxy(control)
    owner.setFocusPolicy(
        Qt.FocusPolicy.StrongFocus
    )  # QWidget.setTabOrder skips widgets without a focus policy


class FactList(QWidget):
    """Facts in columns, filled row by row: a label above each value."""

    def __init__(
        self, theme: Theme, *, columns: int = 1, spacing: int = GAP, parent: QWidget | None = None
    ) -> None:
        """Start empty; ``spacing`` is the gap between rows in pixels."""
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
        """Show other facts: (label, value)."""
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
            # Straight into the grid: inside cell widgets, wrapped lines would request more height than they need.
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
