"""The box of a choice and the rows of its list, painted alike: text at the left, detail at the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QComboBox, QSizePolicy, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from studio.ui.theme.metrics import CONTROL, GAP, GRID, INSET, RADIUS, SMALL_ICON
from studio.ui.widgets.painting import draw_ring, fill_rounded

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent, QWheelEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme

KEY_ROLE: Final = Qt.ItemDataRole.UserRole
DETAIL_ROLE: Final = Qt.ItemDataRole.UserRole + 1

_WIDEST_LIST: Final = 560
_TEXT_SHARE: Final = 0.55  # of a row too narrow for both, what the text keeps


class ChoiceBox(QComboBox):
    """A closed choice; the wheel changes it only when it is focused."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Paint with ``theme``."""
        super().__init__(parent)
        self._theme = theme
        self.setFont(theme.font("body"))
        self.setFixedHeight(CONTROL)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setItemDelegate(_Row(theme, self))
        theme.changed.connect(self.update)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Change the choice if focused; if not, the wheel scrolls what the box lies in."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def showPopup(self) -> None:
        """Open the list, wide enough for its longest row."""
        self.view().setMinimumWidth(max(self.width(), self._longest_row() + 2 * (GAP + GRID) + 2))
        super().showPopup()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw ground, text, detail, arrow and ring."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        enabled = self.isEnabled()
        over = enabled and self.underMouse()
        fill_rounded(painter, self.rect(), RADIUS, self._theme.colour("hover" if over else "raised"))
        arrow = QRect(
            self.width() - GAP - SMALL_ICON, (self.height() - SMALL_ICON) // 2, SMALL_ICON, SMALL_ICON
        )
        self._theme.draw_icon(painter, arrow, "chevron-down", "dim" if enabled else "faint")
        number = self.currentIndex()
        if number >= 0:
            room = self.rect().adjusted(INSET, 0, -(self.width() - arrow.left() + GRID), 0)
            detail = str(self.itemData(number, DETAIL_ROLE) or "")
            draw_row(painter, self._theme, room, self.itemText(number), detail, enabled=enabled)
        if self.hasFocus():
            draw_ring(painter, self.rect(), RADIUS, self._theme.colour("accent"))

    def _longest_row(self) -> int:
        text, detail = QFontMetrics(self.font()), QFontMetrics(self._theme.font("label"))
        rows = (
            text.horizontalAdvance(self.itemText(number))
            + 2 * GAP
            + detail.horizontalAdvance(str(self.itemData(number, DETAIL_ROLE) or ""))
            for number in range(self.count())
        )
        return min(max(rows, default=0), _WIDEST_LIST)


class _Row(QStyledItemDelegate):
    def __init__(self, theme: Theme, parent: ChoiceBox) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(super().sizeHint(option, index).width(), CONTROL)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRect(option.rect)
        state = QStyle.StateFlag(option.state)
        if state & QStyle.StateFlag.State_Selected:
            fill_rounded(painter, rect, GRID, self._theme.colour("line"))
        room = rect.adjusted(GAP, 0, -GAP, 0)
        text = str(index.data(Qt.ItemDataRole.DisplayRole) or "")
        detail = str(index.data(DETAIL_ROLE) or "")
        enabled = bool(state & QStyle.StateFlag.State_Enabled)
        draw_row(painter, self._theme, room, text, detail, enabled=enabled)
        painter.restore()


def draw_row(painter: QPainter, theme: Theme, room: QRect, text: str, detail: str, *, enabled: bool) -> None:
    """Draw both texts into ``room``, each cut where the two would meet."""
    font, small = theme.font("body"), theme.font("label")
    metrics, small_metrics = QFontMetrics(font), QFontMetrics(small)
    wanted, wanted_detail = metrics.horizontalAdvance(text), small_metrics.horizontalAdvance(detail)
    width, gap = room.width(), 2 * GAP if detail else 0
    if wanted + gap + wanted_detail > width:
        wanted = min(wanted, max(int(width * _TEXT_SHARE), width - gap - wanted_detail))
        wanted_detail = max(width - gap - wanted, 0)
    middle = Qt.AlignmentFlag.AlignVCenter
    elided = Qt.TextElideMode.ElideRight
    painter.setFont(font)
    painter.setPen(theme.colour("text" if enabled else "faint"))
    left = QRect(room.left(), room.top(), wanted + 1, room.height())
    painter.drawText(left, middle | Qt.AlignmentFlag.AlignLeft, metrics.elidedText(text, elided, wanted + 1))
    if detail:
        painter.setFont(small)
        painter.setPen(theme.colour("dim" if enabled else "faint"))
        right = QRect(room.right() - wanted_detail, room.top(), wanted_detail + 1, room.height())
        shown = small_metrics.elidedText(detail, elided, wanted_detail + 1)
        painter.drawText(right, middle | Qt.AlignmentFlag.AlignRight, shown)
