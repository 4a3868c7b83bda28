"""The steps so far, side by side along the scrubber's axis: as many frames as there is room for, evenly chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.ui.widgets.labels import set_tip
from studio.ui.widgets.painting import fill_rounded
from studio.ui.widgets.scrubber import EDGE, DragAlong

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from studio.ui.models.filmstrip import FilmstripModel
    from studio.ui.models.scrubbing import ScrubbingModel
    from studio.ui.theme.theme import Theme

FRAME: Final = 64
_GAP: Final = 8
_RADIUS: Final = 4
_RING: Final = 2  # around the frame that is looked at, and the room for it


class FilmstripView(QWidget):
    """Frames of steps; a click or a drag looks at them. The keyboard has the scrubber for that."""

    def __init__(
        self, theme: Theme, scrubbing: ScrubbingModel, model: FilmstripModel, parent: QWidget | None = None
    ) -> None:
        """Show frames of ``model`` at the places of ``scrubbing``."""
        super().__init__(parent)
        self._theme, self._scrubbing, self._strip = theme, scrubbing, model
        DragAlong(self, self._go_to)
        self.setAccessibleName("Steps so far")
        set_tip(self, "Click a step to look at it.")
        self.setFixedHeight(FRAME + 2 * _RING)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        scrubbing.changed.connect(self.update)
        model.dataChanged.connect(self._on_frames_changed)
        model.modelReset.connect(self.update)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(8 * (FRAME + _GAP), FRAME + 2 * _RING)

    @property
    def slots(self) -> list[tuple[QRect, int]]:
        """Where each frame lies, and the step it is of."""
        model = self._scrubbing
        axis = max(self.width() - 2 * EDGE, 1)
        # Frames of a fork begin where it does.
        first = max(_RING, round(EDGE + model.position_of(model.first) * axis - FRAME / 2))
        room = self.width() - _RING - FRAME - first
        count = min(max(room // (FRAME + _GAP) + 1, 1), model.count)
        if count < 1:
            return []
        lefts = [first + round(room * number / max(count - 1, 1)) for number in range(count)]
        # A frame is of the step above whose tick it lies; the outermost are the first step and the last.
        steps = [model.nearest((left + FRAME / 2 - EDGE) / axis) for left in lefts]
        if count > 1:
            steps[0] = model.first_predicted
            steps[-1] = model.last
        return [(QRect(left, _RING, FRAME, FRAME), step) for left, step in zip(lefts, steps, strict=True)]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the frames, empty places for those to come, and a ring around the one that is looked at."""
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        model, slots = self._scrubbing, self.slots
        current, newest = model.step_at(model.place), model.step_at(model.reached - 1)
        seen = [slot for slot in slots if slot[1] <= newest] or slots
        nearest = min(seen, key=lambda slot: abs(slot[1] - current), default=None)
        for area, step in slots:
            image = self._strip.frame_near(step) if step <= newest else None
            self._paint_frame(painter, area, image)
            if model.reached and nearest is not None and area == nearest[0]:
                painter.setPen(QPen(self._theme.colour("text"), _RING))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(QRectF(area).adjusted(-1, -1, 1, 1), _RADIUS + 1, _RADIUS + 1)

    def _go_to(self, x: float) -> None:
        model = self._scrubbing
        slots = [slot for slot in self.slots if slot[1] < model.first + model.reached]
        nearest = min(slots, key=lambda slot: abs(slot[0].center().x() - x), default=None)
        if nearest is not None:
            model.go_to(nearest[1] - model.first)

    def _paint_frame(self, painter: QPainter, area: QRect, image: QImage | None) -> None:
        if image is None:
            fill_rounded(painter, area, _RADIUS, self._theme.colour("panel"))
            return
        shape = QPainterPath()
        shape.addRoundedRect(QRectF(area), _RADIUS, _RADIUS)
        painter.setClipPath(shape)
        side = min(image.width(), image.height())
        source = QRect((image.width() - side) // 2, (image.height() - side) // 2, side, side)
        painter.drawImage(area, image, source)
        painter.setClipping(False)

    @Slot()
    def _on_frames_changed(self) -> None:
        self.update()
