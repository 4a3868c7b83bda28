"""The lineage of a run: a tree of the runs it was forked from and of its forks, in a popup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAccessible, QHelpEvent, QKeyEvent, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QFrame, QScrollArea, QToolTip, QVBoxLayout, QWidget

from studio.ui.jobs.lineage import places_of
from studio.ui.jobs.text import no_prompt, one_line
from studio.ui.language import tr
from studio.ui.run import text
from studio.ui.theme.metrics import CARD_RADIUS, GAP, GRID, PADDING, RADIUS
from studio.ui.widgets.accessibility import set_accessible_role, set_accessible_value
from studio.ui.widgets.labels import PlainLabel, plain_tip
from studio.ui.widgets.painting import draw_outline, draw_ring, fill_rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QFocusEvent, QMouseEvent, QPaintEvent

    from studio.ui.core.thumbnails import Thumbnails
    from studio.ui.jobs.lineage import Relative
    from studio.ui.theme.theme import Theme


NODE: Final = QSize(196, 56)
BETWEEN: Final = QSize(64, 12)
_SIDE: Final = 44
_INSET: Final = (NODE.height() - _SIDE) // 2


class LineageTree(QWidget):
    """A card for each run; a line, labelled with the step, from each fork to the run it was forked from.

    Signals:
        chosen: open this `Relative`.
        left: close the tree.
    """

    chosen = Signal(object)
    left = Signal()

    def __init__(self, theme: Theme, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_accessible_role(self, QAccessible.Role.Tree)
        self._theme, self._thumbnails = theme, thumbnails
        self.family: tuple[Relative, ...] = ()
        self._places: dict[str, QRect] = {}
        self._current = 0
        self.setAccessibleName(tr("Forks of this run"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        thumbnails.made.connect(self.update)
        theme.changed.connect(self.update)

    @property
    def current(self) -> Relative | None:
        """The relative at the keyboard cursor."""
        return self.family[self._current] if self.family else None

    def show_family(self, family: Sequence[Relative]) -> None:
        """Show the runs of ``family``."""
        self.family = tuple(family)
        step = NODE + BETWEEN
        self._places = {
            run: QRect(QPoint(column * step.width(), row * step.height()), NODE)
            for run, (column, row) in places_of(family).items()
        }
        self._go_to(next((place for place, one in enumerate(family) if one.is_this), 0))
        self.setFixedSize(self.sizeHint())
        self._want()

    def sizeHint(self) -> QSize:
        whole = QRect()
        for place in self._places.values():
            whole = whole.united(place)
        return whole.size() + (QSize(0, 28) if len(self.family) == 1 else QSize(0, 0))

    def place_of(self, run: str) -> QRect:
        """Return the rectangle of a run's card."""
        return self._places[run]

    # ------------------------------------------------------------------------------------------------ mouse and keys
    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the cursor with the arrow keys; Enter opens."""
        steps = {Qt.Key.Key_Up: -1, Qt.Key.Key_Left: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_Right: 1}
        if event.key() in steps:
            self._go_to(self._current + steps[Qt.Key(event.key())])
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.current is not None:
            self.chosen.emit(self.current)
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = self._at(event.position().toPoint())
        self.setCursor(Qt.CursorShape.PointingHandCursor if at is not None else Qt.CursorShape.ArrowCursor)
        if at is not None:
            self._go_to(at)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        at = self._at(event.position().toPoint())
        if at is not None and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(self.family[at])

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Close when the focus goes elsewhere in the window."""
        super().focusOutEvent(event)
        if event.reason() not in (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason):
            self.left.emit()

    def event(self, event: QEvent) -> bool:
        """Describe the relative under the mouse in a tooltip, and handle Esc before the window does."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            event.setAccepted(event.key() == Qt.Key.Key_Escape)
            return True
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            at = self._at(event.pos())
            tip = text.relative(self.family[at]) if at is not None else ""
            QToolTip.showText(event.globalPos(), plain_tip(tip), self)
            return True
        return super().event(event)

    def _at(self, point: QPoint) -> int | None:
        places = (place for place, one in enumerate(self.family) if self._places[one.run].contains(point))
        return next(places, None)

    def _go_to(self, place: int) -> None:
        self._current = min(max(place, 0), max(len(self.family) - 1, 0))
        set_accessible_value(self, text.relative(self.family[self._current]) if self.family else "")
        self.update()

    # ------------------------------------------------------------------------------------------------------ painting
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for relative in self.family:
            if relative.parent in self._places:
                self._paint_line(painter, relative)
        for place, relative in enumerate(self.family):
            self._paint_card(painter, relative, place == self._current)
        if len(self.family) == 1:
            painter.setPen(self._theme.colour("dim"))
            painter.setFont(self._theme.font("label"))
            hint = tr("No forks yet: F forks at the step that is shown")
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft, hint)

    def _paint_line(self, painter: QPainter, relative: Relative) -> None:
        assert relative.parent is not None
        start = QRectF(self._places[relative.parent])
        end = QRectF(self._places[relative.run])
        begin, to = QPointF(start.right(), start.center().y()), QPointF(end.left(), end.center().y())
        middle = begin.x() + GAP + GRID
        path = QPainterPath(begin)
        path.lineTo(middle - RADIUS if begin.y() != to.y() else middle, begin.y())
        if begin.y() != to.y():
            path.quadTo(QPointF(middle, begin.y()), QPointF(middle, begin.y() + RADIUS))
            path.lineTo(middle, to.y() - RADIUS)
            path.quadTo(QPointF(middle, to.y()), QPointF(middle + RADIUS, to.y()))
        path.lineTo(to)
        painter.setPen(QPen(self._theme.colour("faint"), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)
        label = tr("step {step}", step=relative.step)
        painter.setFont(self._theme.font("label"))
        area = QRectF(middle + GRID, to.y() - 17, to.x() - middle - GRID, 16)
        painter.setPen(self._theme.colour("dim"))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, label)

    def _paint_card(self, painter: QPainter, relative: Relative, lit: bool) -> None:
        place = self._places[relative.run]
        fill_rounded(painter, place, CARD_RADIUS, self._theme.colour("hover" if lit else "raised"))
        if relative.is_this:
            draw_ring(painter, place, CARD_RADIUS, self._theme.colour("accent"))
        elif lit and self.hasFocus():
            draw_outline(painter, place, CARD_RADIUS, self._theme.colour("dim"))
        tile = QRect(place.topLeft() + QPoint(_INSET, _INSET), QSize(_SIDE, _SIDE))
        entry = relative.entry
        image = self._thumbnails.image(entry.path, self._side_px()) if entry is not None else None
        if image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(tile, image)
        else:
            fill_rounded(painter, tile, RADIUS, self._theme.colour("panel"))
            self._theme.draw_icon(painter, tile.adjusted(14, 14, -14, -14), "image", "faint")
        left = tile.right() + GAP + 1
        room = QRect(left, place.top() + 9, place.right() - left - GAP, 18)
        for line, kind, role in (
            (one_line(relative.prompt) or no_prompt(), "body", "text"),
            (text.sampler_and_steps(relative.sampler, relative.steps), "label", "dim"),
        ):
            painter.setFont(self._theme.font("body" if kind == "body" else "label"))
            painter.setPen(self._theme.colour(role))
            cut = painter.fontMetrics().elidedText(line, Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, cut)
            room.translate(0, 20)

    def _side_px(self) -> int:
        return round(_SIDE * self.devicePixelRatioF())

    @Slot()
    def _want(self) -> None:
        keys = [(one.entry.path, self._side_px()) for one in self.family if one.entry is not None]
        self._thumbnails.want(self, keys, RADIUS * self.devicePixelRatioF())


LARGEST = QSize(760, 420)
_BAR = 16  # room for a scroll bar


class LineagePopup(QFrame):
    """A card with the tree; it closes when the focus goes elsewhere.

    Signals:
        chosen: open this `Relative`.
    """

    chosen = Signal(object)

    def __init__(self, theme: Theme, thumbnails: Thumbnails, parent: QWidget) -> None:
        """Start hidden; it is shown above the window of ``parent``."""
        super().__init__(parent)
        self._theme = theme
        self.hide()
        self.tree = LineageTree(theme, thumbnails)
        self._area = QScrollArea()
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setWidget(self.tree)
        self._area.viewport().setAutoFillBackground(False)
        self.tree.setAutoFillBackground(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(PADDING, PADDING, PADDING, PADDING)
        column.addWidget(PlainLabel(theme, tr("Forks of this run"), kind="title"))
        column.addWidget(self._area)
        self.tree.chosen.connect(self._on_chosen)
        self.tree.left.connect(self.hide)
        theme.changed.connect(self.update)

    def show_family(self, family: Sequence[Relative], corner: QPoint) -> None:
        """Open with the upper right corner at a point of the window; if it is open, close."""
        if self.isVisible():
            self.hide()
            return
        self.setParent(self.window())
        self.tree.show_family(family)
        size = self.tree.sizeHint()
        bars = QSize(_BAR * (size.height() > LARGEST.height()), _BAR * (size.width() > LARGEST.width()))
        self._area.setFixedSize((size + bars).boundedTo(LARGEST))
        self.adjustSize()
        self.move(max(corner.x() - self.width(), 0), corner.y())
        self.show()
        self.raise_()
        self.tree.setFocus(Qt.FocusReason.PopupFocusReason)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill_rounded(painter, self.rect(), CARD_RADIUS, self._theme.colour("panel"))
        draw_outline(painter, self.rect(), CARD_RADIUS, self._theme.colour("line"))

    @Slot(object)
    def _on_chosen(self, relative: Relative) -> None:
        self.hide()
        if not relative.is_this:
            self.chosen.emit(relative)
