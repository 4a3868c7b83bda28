"""A few choices side by side, one of them in force. The arrow keys move, as in any group of radio buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QRadioButton, QSizePolicy, QWidget

from studio.ui.theme.metrics import CONTROL, GRID, PADDING
from studio.ui.widgets.painting import draw_ring, fill_rounded, ring_after
from studio.ui.widgets.tips import tip as set_tip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QFocusEvent, QPaintEvent

    from studio.ui.theme.theme import Theme


class SegmentedSwitch(QWidget):
    """One of several choices, all of them in sight."""

    edited = Signal(str)

    def __init__(
        self,
        theme: Theme,
        name: str,
        choices: Sequence[tuple[str, str, str]],
        parent: QWidget | None = None,
    ) -> None:
        """Offer ``choices`` of (key, label, tooltip); the first is in force."""
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
        """The key of the choice in force."""
        return self._value

    def set_value(self, key: str) -> None:
        """Put another choice in force without a word; an unknown one is ignored."""
        if key in self._keys and key != self._value:
            self._value = key
            self.segments[key].setChecked(True)
            self._stop_tab_once()

    def set_choice_enabled(self, key: str, enabled: bool) -> None:
        """Let a choice be made, or not."""
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
        # Qt does this for a group that has the focus, but not for one that is set from outside.
        alone = self.segments[self._value].isEnabled()
        for key, segment in self.segments.items():
            tab = key == self._value or not alone
            segment.setFocusPolicy(Qt.FocusPolicy.StrongFocus if tab else Qt.FocusPolicy.ClickFocus)
        self.setFocusProxy(self.segments[self._value])


class _Segment(QRadioButton):
    def __init__(self, theme: Theme, label: str, tip: str) -> None:
        super().__init__(label.replace("&", "&&"))
        self._theme, self._label, self._ring = theme, label, False
        set_tip(self, tip)
        self.setFont(theme.font("body"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self._label) + 2 * PADDING, CONTROL)

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
        painter.setPen(self._theme.colour(role if self.isEnabled() else "faint"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._label)
        if self.hasFocus() and self._ring:
            draw_ring(painter, self.rect(), radius, self._theme.colour("accent"))
