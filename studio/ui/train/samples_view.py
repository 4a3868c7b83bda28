"""The samples of a training: a strip with a column for each time and a row for each prompt, and one sample enlarged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAccessible, QImage, QPainter
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from studio.ui.core.images import to_image
from studio.ui.language import tr
from studio.ui.theme.metrics import GAP, GRID, RADIUS
from studio.ui.train import text
from studio.ui.widgets.accessibility import set_accessible_role, set_accessible_value
from studio.ui.widgets.buttons import IconButton
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.painting import draw_ring, ring_after
from studio.ui.widgets.picture_view import PictureView

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPaintEvent, QResizeEvent, QWheelEvent

    from studio.engine.training.events import TrainingSampled
    from studio.ui.core.settings import Preferences
    from studio.ui.theme.theme import Theme
    from studio.ui.train.run import TrainRun


_NAMES: Final = 120  # width of the prompts at the left
_FOOT: Final = 18  # the step beneath a column
_BAR: Final = 14  # room for the scroll bar
_SMALLEST: Final = 40
_LARGEST: Final = 128


class SampleStrip(QAbstractScrollArea):
    """Paints the visible samples; follows the newest one unless it was scrolled away from.

    Signals:
        opened: enlarge the sample at this column and row, a pair.
    """

    opened = Signal(object)

    def __init__(self, theme: Theme, run: TrainRun, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_accessible_role(self, QAccessible.Role.Table)
        self._theme, self._run, self._ring = theme, run, False
        self._images: dict[int, list[QImage]] = {}
        self._samples: tuple[TrainingSampled, ...] = ()
        self.current: tuple[int, int] | None = None
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.viewport().setAutoFillBackground(False)
        self.setAccessibleName(tr("Samples, oldest first"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        run.sampled.connect(self._on_sampled)
        theme.changed.connect(self.viewport().update)
        self._on_sampled()

    @property
    def rows(self) -> int:
        """The most pictures in a column."""
        return max((len(one.pictures) for one in self._samples), default=4)

    def side(self) -> int:
        """Return the side of a picture: all rows fit the height, with or without a scroll bar."""
        room = self.height() - _BAR - _FOOT - self.rows * GRID
        return max(min(room // max(self.rows, 1), _LARGEST), _SMALLEST)

    def rect_of(self, column: int, row: int) -> QRect:
        """Return the rectangle of a picture, in viewport coordinates."""
        side = self.side()
        left = _NAMES + column * (side + GAP) - self.horizontalScrollBar().value()
        return QRect(left, row * (side + GRID), side, side)

    def at(self, point: QPoint) -> tuple[int, int] | None:
        """Return the column and row at a point of the viewport; None between pictures, and over the prompts."""
        side = self.side()
        if point.x() < _NAMES:
            return None
        column = (point.x() - _NAMES + self.horizontalScrollBar().value()) // (side + GAP)
        row = point.y() // (side + GRID)
        there = 0 <= column < len(self._samples) and 0 <= row < len(self._samples[column].pictures)
        return (column, row) if there and self.rect_of(column, row).contains(point) else None

    def image(self, column: int, row: int) -> QImage:
        event = self._samples[column]
        key = id(event)
        if key not in self._images:
            self._images[key] = [to_image(pixels) for pixels in event.pictures]
        return self._images[key][row]

    def original(self, column: int, row: int) -> QImage | None:
        """Return the original of a reconstruction; None for other samples."""
        originals = self._samples[column].originals
        return None if originals is None else to_image(originals[row])

    def sizeHint(self) -> QSize:
        return QSize(480, 4 * (96 + GRID) + _FOOT + 12)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 4 * (_SMALLEST + GRID) + _FOOT + 12)

    def go_to(self, column: int, row: int) -> None:
        """Make a picture current, and scroll to it."""
        if not self._samples:
            return
        column = min(max(column, 0), len(self._samples) - 1)
        row = min(max(row, 0), len(self._samples[column].pictures) - 1)
        self.current = column, row
        area, bar = self.rect_of(column, row), self.horizontalScrollBar()
        if area.left() < _NAMES:
            bar.setValue(bar.value() - (_NAMES - area.left()))
        elif area.right() > self.viewport().width():
            bar.setValue(bar.value() + area.right() - self.viewport().width() + GAP)
        self._describe()
        self.viewport().update()

    def _describe(self) -> None:
        """Describe the current sample to screen readers, or the newest if none is current."""
        column, row = self.current or (-1, 0)
        value = text.sample_description(self._samples[column], row) if self._samples else ""
        set_accessible_value(self, value)

    # --------------------------------------------------------------------------------------------------- Qt's side
    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        place = self.at(event.position().toPoint())
        if place is not None and event.button() == Qt.MouseButton.LeftButton:
            self.go_to(*place)
            self.opened.emit(place)

    def wheelEvent(self, event: QWheelEvent) -> None:
        turned = event.angleDelta()
        by = turned.x() or turned.y()
        self.horizontalScrollBar().setValue(self.horizontalScrollBar().value() - by)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        column, row = self.current or (len(self._samples) - 1, 0)
        moves = {
            Qt.Key.Key_Left: (column - 1, row),
            Qt.Key.Key_Right: (column + 1, row),
            Qt.Key.Key_Up: (column, row - 1),
            Qt.Key.Key_Down: (column, row + 1),
            Qt.Key.Key_Home: (0, row),
            Qt.Key.Key_End: (len(self._samples) - 1, row),
        }
        key = Qt.Key(event.key())
        if key in moves:
            self.go_to(*moves[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._samples:
            self.go_to(column, row)
            self.opened.emit((column, row))
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._ring = ring_after(event.reason(), self._ring)
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        del dx, dy
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter, theme = QPainter(self.viewport()), self._theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setFont(theme.font("label"))
        focused = self.hasFocus() and self._ring
        width = self.viewport().width()
        painter.setClipRect(_NAMES, 0, width - _NAMES, self.viewport().height())
        for column, sampled in enumerate(self._samples):
            first = self.rect_of(column, 0)
            if first.right() < _NAMES or first.left() > width:
                continue
            for row in range(len(sampled.pictures)):
                area = self.rect_of(column, row)
                painter.drawImage(area, self.image(column, row))
                if focused and (column, row) == (self.current or (len(self._samples) - 1, 0)):
                    draw_ring(painter, area, RADIUS, theme.colour("accent"))
            foot = QRect(first.left() - GAP, self.rows * (self.side() + GRID), self.side() + 2 * GAP, _FOOT)
            painter.setPen(theme.colour("dim"))
            painter.drawText(foot, Qt.AlignmentFlag.AlignCenter, text.sample_label(sampled))
        painter.setClipping(False)
        if self._samples:
            self._paint_prompts(painter, self._samples[-1])

    def _paint_prompts(self, painter: QPainter, sampled: TrainingSampled) -> None:
        painter.setPen(self._theme.colour("dim"))
        flags = Qt.AlignmentFlag.AlignVCenter.value | Qt.TextFlag.TextWordWrap.value
        for row, prompt in enumerate(sampled.prompts):
            area = self.rect_of(0, row)
            room = QRect(0, area.top(), _NAMES - GAP - GRID, area.height())
            metrics = painter.fontMetrics()
            lines = max(room.height() // metrics.lineSpacing(), 1)
            shown = metrics.elidedText(
                prompt, Qt.TextElideMode.ElideRight, int(min(lines, 3) * room.width() * 0.85)
            )
            painter.drawText(room, flags, shown)

    def _fit(self) -> None:
        bar = self.horizontalScrollBar()
        at_end = bar.value() >= bar.maximum()
        room = self.viewport().width() - _NAMES
        whole = len(self._samples) * (self.side() + GAP)
        bar.setPageStep(max(room, 1))
        bar.setSingleStep(self.side() + GAP)
        bar.setRange(0, max(whole - room, 0))
        if at_end:
            bar.setValue(bar.maximum())

    @Slot()
    def _on_sampled(self) -> None:
        self._samples = self._run.samples
        known = set(map(id, self._samples))
        self._images = {key: images for key, images in self._images.items() if key in known}
        if self.current is not None and self.current[0] >= len(self._samples):
            self.current = None
        self._describe()
        self._fit()
        self.viewport().update()


class LargeSample(QWidget):
    """The current sample of a `SampleStrip`, enlarged; a reconstruction with its original. Arrow keys go to neighbours.

    Signals:
        closed: show the strip again.
    """

    closed = Signal()

    def __init__(
        self,
        theme: Theme,
        run: TrainRun,
        strip: SampleStrip,
        preferences: Preferences,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        set_accessible_role(self, QAccessible.Role.Grouping)
        self._run, self._strip, self._preferences = run, strip, preferences
        self.setAccessibleName(tr("Sample"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.title = PlainLabel(theme, kind="title", elide=True)
        self.caption = PlainLabel(theme, role="dim", elide=True)
        self.close_button = IconButton(
            theme, "x", tr("Back to the training"), kind="quiet", tip=tr("Back (Esc)")
        )
        self.picture = PictureView(theme, tr("Enlarged sample"))
        self.original = PictureView(theme, tr("Original picture"))
        lines = QVBoxLayout()
        lines.setSpacing(0)
        lines.addWidget(self.title)
        lines.addWidget(self.caption)
        head = QHBoxLayout()
        head.addLayout(lines, 1)
        head.addWidget(self.close_button)
        pictures = QHBoxLayout()
        pictures.setSpacing(GAP)
        pictures.addWidget(self.picture)
        pictures.addWidget(self.original)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP)
        layout.addLayout(head)
        layout.addLayout(pictures, 1)
        self.close_button.clicked.connect(self.closed)
        preferences.changed.connect(self._on_preference_changed)
        self._on_preference_changed("enlarge")

    def show_place(self, column: int, row: int) -> None:
        """Show the sample at ``column`` and ``row``, or the nearest one."""
        samples = self._run.samples
        if not samples:
            return
        self._strip.go_to(column, row)
        assert self._strip.current is not None, "it went to one that is there"
        column, row = self._strip.current
        sampled = samples[column]
        set_accessible_value(self, text.sample_description(sampled, row))
        self.title.setText(sampled.prompts[row])
        self.caption.setText(text.sample_caption(sampled, row))
        self.picture.set_image(self._strip.image(column, row))
        original = self._strip.original(column, row)
        self.original.set_image(original)
        self.original.setVisible(original is not None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        by = moves.get(Qt.Key(event.key()))
        if by is None or self._strip.current is None:
            super().keyPressEvent(event)
            return
        column, row = self._strip.current
        self.show_place(column + by[0], row + by[1])

    @Slot(str)
    def _on_preference_changed(self, name: str) -> None:
        if name == "enlarge":
            self.picture.set_enlarge(self._preferences.enlarge)
            self.original.set_enlarge(self._preferences.enlarge)
