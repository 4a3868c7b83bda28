"""Collapsible sections: content under a title, and the details of an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEasingCurve, QPointF, QPropertyAnimation, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QGuiApplication, QPainter
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from studio.ui.language import tr
from studio.ui.theme.metrics import CONTROL, GAP, GRID, PANEL_MS, RADIUS, SMALL_ICON
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.labels import set_tip
from studio.ui.widgets.painting import draw_ring, ring_after

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QPaintEvent

    from studio.ui.theme.theme import Theme


_ARROW: Final = SMALL_ICON + 2 * GRID
_UNLIMITED: Final = 16_777_215  # Qt's QWIDGETSIZE_MAX


class Collapsible(QWidget):
    """A title that shows or hides the content below it. With reduced motion nothing slides."""

    toggled = Signal(bool)

    def __init__(
        self, theme: Theme, title: str, content: QWidget, *, open: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._body = QWidget()  # so that the gap above the content slides too
        inside = QVBoxLayout(self._body)
        inside.setContentsMargins(0, GRID, 0, 0)
        inside.addWidget(content)
        self.header = _Header(theme, title)
        self.header.setChecked(open)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self._body)
        self._body.setVisible(open)
        self._motion = QPropertyAnimation(self._body, b"maximumHeight", self)
        self._motion.setDuration(PANEL_MS)
        self._motion.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._motion.finished.connect(self._settle)
        self.header.toggled.connect(self._on_header_toggled)

    @property
    def is_open(self) -> bool:
        return self.header.isChecked()

    def set_open(self, open: bool) -> None:
        self.header.setChecked(open)

    def set_title(self, title: str) -> None:
        self.header.set_title(title)

    def set_detail(self, detail: str) -> None:
        """Show ``detail`` beside the title while closed, after a dot in the accent: hidden settings have an effect."""
        self.header.set_detail(detail)

    @Slot(bool)
    def _on_header_toggled(self, opened: bool) -> None:
        self._motion.stop()
        self.toggled.emit(opened)
        if self._theme.reduce_motion or not self.isVisible():
            self._settle()
            return
        self._motion.setStartValue(0 if opened else self._body.height())
        self._motion.setEndValue(self._height() if opened else 0)
        if opened:
            self._body.setMaximumHeight(0)
            self._body.show()
        self._motion.start()

    @Slot()
    def _settle(self) -> None:
        self._body.setVisible(self.is_open)
        self._body.setMaximumHeight(_UNLIMITED)

    def _height(self) -> int:
        """Return the height of the content at the present width, with wrapped lines."""
        inside = self._body.layout()
        wraps = inside is not None and inside.hasHeightForWidth()
        return self._body.heightForWidth(self.width()) if wraps else self._body.sizeHint().height()


class _Header(QAbstractButton):
    # The title is aligned with the labels above it, which leaves no space for a ring around it: the arrow has the ring.
    def __init__(self, theme: Theme, title: str) -> None:
        super().__init__()
        self._theme, self._title, self._detail, self._ring = theme, title, "", False
        self.setCheckable(True)
        self.setText(title.replace("&", "&&"))
        self.setFont(theme.font("body"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def set_title(self, title: str) -> None:
        self._title = title
        self.setText(title.replace("&", "&&"))
        self.updateGeometry()

    def set_detail(self, detail: str) -> None:
        if detail != self._detail:
            self._detail = detail
            set_tip(self, detail)
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self._title) + GRID + _ARROW, CONTROL)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._ring = ring_after(event.reason(), self._ring)
        super().focusInEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        role = "text" if self.isEnabled() and self.underMouse() else "dim" if self.isEnabled() else "disabled"
        painter.setPen(self._theme.colour(role))
        metrics = self.fontMetrics()
        room = self.rect().adjusted(0, 0, -_ARROW - GRID, 0)
        shown = metrics.elidedText(self._title, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        left = metrics.horizontalAdvance(shown) + GRID
        ring = QRect(left, (self.height() - _ARROW) // 2, _ARROW, _ARROW)
        inset = (_ARROW - SMALL_ICON) // 2
        chevron = "chevron-up" if self.isChecked() else "chevron-down"
        self._theme.draw_icon(painter, ring.adjusted(inset, inset, -inset, -inset), chevron, role)
        if self._detail and not self.isChecked():
            self._paint_detail(painter, self.rect().adjusted(ring.right() + GAP, 0, 0, 0))
        if self.hasFocus() and self._ring:
            draw_ring(painter, ring, RADIUS, self._theme.colour("accent"))

    def _paint_detail(self, painter: QPainter, room: QRect) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour("accent"))
        painter.drawEllipse(QPointF(room.left() + _DOT, room.center().y() + 0.5), _DOT, _DOT)
        room.setLeft(room.left() + round(2 * _DOT) + GRID + 2)
        painter.setFont(self._theme.font("label"))
        painter.setPen(self._theme.colour("text"))
        shown = painter.fontMetrics().elidedText(self._detail, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)


_DOT: Final = 3.0
_LINES: Final = 8


class Details(QWidget):
    """The details of an error for a report: the buttons Show details and Copy, and the text."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._report = ""
        self.disclosure = TextButton(theme, tr("Show details"), kind="outline")
        self.copy = TextButton(theme, tr("Copy"), kind="outline", icon="copy")
        self.view = QPlainTextEdit()
        self.view.setReadOnly(True)
        self.view.setFont(theme.font("mono"))
        self.view.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.view.setTabChangesFocus(True)
        self.view.document().setDocumentMargin(GRID)
        self.view.setFixedHeight(QFontMetrics(theme.font("body")).lineSpacing() * _LINES + 2 * GAP)
        self.view.setAccessibleName(tr("Details"))
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
        """Set the text, closed; Copy copies ``sentence`` above it. Without ``details`` the widget is hidden."""
        self._report = f"{sentence}\n\n{details}"
        self.view.setPlainText(details)
        self._open(False)
        self.setVisible(bool(details))

    def _open(self, opened: bool) -> None:
        self.view.setVisible(opened)
        self.disclosure.setText(tr("Hide details") if opened else tr("Show details"))

    @Slot()
    def _on_disclosure_clicked(self) -> None:
        self._open(self.view.isHidden())

    @Slot()
    def _on_copy_clicked(self) -> None:
        QGuiApplication.clipboard().setText(self._report)
