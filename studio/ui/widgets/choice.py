"""Controls for choosing one of several: a drop-down list, and a switch that shows all choices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSignalBlocker,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QRadioButton,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from studio.ui.theme.metrics import CONTROL, GAP, GRID, INSET, PADDING, RADIUS, SMALL_ICON
from studio.ui.widgets.labels import labelled, named, plain_tip, set_tip, stand_for
from studio.ui.widgets.painting import draw_ring, fill_rounded, ring_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QFocusEvent, QPaintEvent, QWheelEvent

    from studio.ui.theme.theme import Theme


KEY_ROLE: Final = Qt.ItemDataRole.UserRole
DETAIL_ROLE: Final = Qt.ItemDataRole.UserRole + 1

_WIDEST_LIST: Final = 560
_TEXT_SHARE: Final = 0.55  # of a row too narrow for the text alone, what the text keeps
_LEAST_DETAIL: Final = 0.2  # of a row, below which an elided detail is left out


class ChoiceBox(QComboBox):
    """A drop-down list; the wheel changes it only when it is focused."""

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, closed_detail: bool = True) -> None:
        super().__init__(parent)
        self._theme, self._closed_detail = theme, closed_detail
        self.setFont(theme.font("body"))
        self.setFixedHeight(CONTROL)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setItemDelegate(_Row(theme, self))
        theme.changed.connect(self.update)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Change the choice if focused; otherwise let the wheel scroll the page."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def showPopup(self) -> None:
        self.view().setMinimumWidth(max(self.width(), self._longest_row() + 2 * (GAP + GRID) + 2))
        super().showPopup()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        enabled = self.isEnabled()
        over = enabled and self.underMouse()
        fill_rounded(painter, self.rect(), RADIUS, self._theme.colour("hover" if over else "raised"))
        arrow = QRect(
            self.width() - GAP - SMALL_ICON, (self.height() - SMALL_ICON) // 2, SMALL_ICON, SMALL_ICON
        )
        self._theme.draw_icon(painter, arrow, "chevron-down", "dim" if enabled else "disabled")
        number = self.currentIndex()
        if number >= 0:
            room = self.rect().adjusted(INSET, 0, -(self.width() - arrow.left() + GRID), 0)
            detail = str(self.itemData(number, DETAIL_ROLE) or "") if self._closed_detail else ""
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
    """Draw a text at the left of ``room`` and its detail at the right.

    If the two would overlap, the detail is elided, or left out if very little of it would fit. A text that does not
    fit by itself is elided too.
    """
    font, small = theme.font("body"), theme.font("label")
    metrics, small_metrics = QFontMetrics(font), QFontMetrics(small)
    wanted, wanted_detail = metrics.horizontalAdvance(text), small_metrics.horizontalAdvance(detail)
    width, gap = room.width(), 2 * GAP if detail else 0
    if wanted + gap + wanted_detail > width:
        if wanted > width:
            wanted = max(int(width * _TEXT_SHARE), width - gap - wanted_detail)
        wanted_detail = max(width - gap - wanted, 0)
        if wanted_detail < width * _LEAST_DETAIL:
            detail = ""
    middle = Qt.AlignmentFlag.AlignVCenter
    elided = Qt.TextElideMode.ElideRight
    painter.setFont(font)
    painter.setPen(theme.colour("text" if enabled else "disabled"))
    left = QRect(room.left(), room.top(), wanted + 1, room.height())
    painter.drawText(left, middle | Qt.AlignmentFlag.AlignLeft, metrics.elidedText(text, elided, wanted + 1))
    if detail:
        painter.setFont(small)
        painter.setPen(theme.colour("dim" if enabled else "disabled"))
        right = QRect(room.right() - wanted_detail, room.top(), wanted_detail + 1, room.height())
        shown = small_metrics.elidedText(detail, elided, wanted_detail + 1)
        painter.drawText(right, middle | Qt.AlignmentFlag.AlignRight, shown)


class ChoiceField(QWidget):
    """A drop-down list with its label above it."""

    edited = Signal(str)

    def __init__(
        self,
        theme: Theme,
        label: str,
        *,
        tip: str = "",
        closed_detail: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        """Start without choices; `set_items` sets them. ``closed_detail``: show the detail of the choice too."""
        super().__init__(parent)
        self._value = ""
        self._items: list[tuple[str, str, str, str]] = []
        self.box = ChoiceBox(theme, closed_detail=closed_detail)
        named(self.box, label, tip)
        labelled(theme, self, label, tip=tip).addWidget(self.box)
        stand_for(self, self.box)
        self.box.activated.connect(self._on_activated)

    @property
    def value(self) -> str:
        """The chosen key; "" if none is chosen."""
        return self._value

    def set_value(self, key: str) -> None:
        """Choose another key without emitting `edited`; an unknown one chooses nothing."""
        number = self.box.findData(key, KEY_ROLE) if key else -1
        self._value = key if number >= 0 else ""
        if number != self.box.currentIndex():
            with QSignalBlocker(self.box):
                self.box.setCurrentIndex(number)
            self.box.update()

    def set_items(self, items: Sequence[tuple[str, str, str, str]]) -> None:
        """Offer ``items`` of (key, text, detail, tooltip); the choice is kept if it is among them.

        The same items again change nothing, so that an open list stays open.
        """
        if list(items) == self._items:
            return
        before, self._items = self._value, list(items)
        with QSignalBlocker(self.box):
            self.box.clear()
            for number, (key, text, detail, tip) in enumerate(items):
                self.box.addItem(text)
                self.box.setItemData(number, key, KEY_ROLE)
                self.box.setItemData(number, detail, DETAIL_ROLE)
                self.box.setItemData(number, plain_tip(tip), Qt.ItemDataRole.ToolTipRole)
                spoken = f"{text}, {detail}" if detail else text
                self.box.setItemData(number, spoken, Qt.ItemDataRole.AccessibleTextRole)
            self.box.setCurrentIndex(-1)
        self.set_value(before)
        self.box.updateGeometry()
        self.box.update()

    @Slot(int)
    def _on_activated(self, number: int) -> None:
        key = self.box.itemData(number, KEY_ROLE)
        if isinstance(key, str) and key != self._value:
            self._value = key
            self.edited.emit(key)


class SegmentedSwitch(QWidget):
    """Radio buttons in a row: one of several choices, all of them visible."""

    edited = Signal(str)

    def __init__(
        self,
        theme: Theme,
        name: str,
        choices: Sequence[tuple[str, str, str]],
        parent: QWidget | None = None,
    ) -> None:
        """Offer ``choices`` of (key, label, tooltip); the first is chosen."""
        super().__init__(parent)
        self._keys = [key for key, _, _ in choices]
        self._group = QButtonGroup(self)
        self.segments: dict[str, QRadioButton] = {}
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # without one, QWidget.setTabOrder passes over it
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        for number, (key, label, tip) in enumerate(choices):
            segment = _Segment(theme, label, tip)
            self._group.addButton(segment, number)
            self.segments[key] = segment
            row.addWidget(segment)
        self._value = self._keys[0]
        self.segments[self._value].setChecked(True)
        self._stop_tab_once()
        self._group.idClicked.connect(self._on_clicked)

    @property
    def value(self) -> str:
        """The chosen key."""
        return self._value

    def set_value(self, key: str) -> None:
        """Choose another key without emitting `edited`; an unknown one is ignored."""
        if key in self._keys and key != self._value:
            self._value = key
            self.segments[key].setChecked(True)
            self._stop_tab_once()

    def set_choice_enabled(self, key: str, enabled: bool) -> None:
        """Enable or disable a choice."""
        self.segments[key].setEnabled(enabled)
        self._stop_tab_once()

    @Slot(int)
    def _on_clicked(self, number: int) -> None:
        key = self._keys[number]
        if key != self._value:
            self._value = key
            self._stop_tab_once()
            self.edited.emit(key)

    def _stop_tab_once(self) -> None:
        # Qt keeps one tab stop in a group that has the focus, but not if the program sets the choice.
        alone = self.segments[self._value].isEnabled()
        for key, segment in self.segments.items():
            tab = key == self._value or not alone
            segment.setFocusPolicy(Qt.FocusPolicy.StrongFocus if tab else Qt.FocusPolicy.ClickFocus)
        self.setFocusProxy(self.segments[self._value])


_LINE: Final = 2


class _Segment(QRadioButton):
    def __init__(self, theme: Theme, label: str, tip: str) -> None:
        super().__init__(label.replace("&", "&&"))
        self._theme, self._label, self._ring = theme, label, False
        set_tip(self, tip)
        self.setFont(theme.font("body"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        bold = QFontMetrics(
            self._theme.font("body", bold=True)
        )  # so that nothing moves when another is chosen
        return QSize(bold.horizontalAdvance(self._label) + 2 * PADDING, CONTROL)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def hitButton(self, position: QPoint) -> bool:
        return self.rect().contains(position)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._ring = ring_after(event.reason(), self._ring)
        super().focusInEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        radius = self.height() / 2
        if self.isChecked():
            fill_rounded(painter, self.rect(), radius, self._theme.colour("raised"))
        over = self.isEnabled() and self.underMouse()
        role = "text" if self.isChecked() or over else "dim"
        painter.setFont(self._theme.font("body", bold=self.isChecked()))
        painter.setPen(self._theme.colour(role if self.isEnabled() else "disabled"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._label)
        if self.isChecked():  # a shade of grey alone would not show which one is chosen
            line = QRectF(PADDING, self.height() - _LINE - 3, self.width() - 2 * PADDING, _LINE)
            fill_rounded(
                painter, line, _LINE / 2, self._theme.colour("accent" if self.isEnabled() else "disabled")
            )
        if self.hasFocus() and self._ring:
            draw_ring(painter, self.rect(), radius, self._theme.colour("accent"))
