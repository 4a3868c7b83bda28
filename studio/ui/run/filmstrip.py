"""The steps of the picture that is looked at, as rows.

The steps so far, side by side along the scrubber's axis: as many frames as there is room for, evenly chosen.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Slot,
)
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.runs.picture_record import is_held
from studio.ui.core.images import to_image
from studio.ui.widgets.labels import set_tip
from studio.ui.widgets.painting import fill_rounded
from studio.ui.widgets.scrubber import EDGE, DragAlong

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from studio.engine.events import StepDone
    from studio.runs.picture_record import PictureRecord
    from studio.ui.run.model import RunModel
    from studio.ui.run.timeline_model import ScrubbingModel
    from studio.ui.theme.theme import Theme


Index = QModelIndex | QPersistentModelIndex

StepRole = Qt.ItemDataRole.UserRole + 1
"""The `StepDone`."""
FrameRole = Qt.ItemDataRole.UserRole + 2
"""Its frame as a QImage, or None where none is there yet; once the job is over, asking for it has it decoded."""


def _held(picture: PictureRecord | None) -> list[StepDone]:
    return [done for done in picture.steps if is_held(done)] if picture is not None else []


class FilmstripModel(QAbstractListModel):
    """A row for each step that is kept, oldest first; none for those that would have to be made again.

    The record grows and is thinned in another thread, so the rows are those that were there at the last
    `RunModel.steps_changed`, and no others.
    """

    def __init__(self, run: RunModel, parent: QObject | None = None) -> None:
        """Show the steps of ``run``'s picture."""
        super().__init__(parent)
        self._run = run
        self._picture: PictureRecord | None = None
        self._steps: list[StepDone] = []
        self._what = run.what
        self._over = False
        run.steps_changed.connect(self._on_steps_changed)
        run.selection_changed.connect(self._on_selection_changed)
        run.frames.decoded.connect(self._on_frame_decoded)

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        """Return how many steps there are."""
        return 0 if parent.isValid() else len(self._steps)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - Qt's
        """Return what a role means for a step."""
        if not index.isValid() or self._picture is None or index.row() >= len(self._steps):
            return None
        done = self._steps[index.row()]
        if role == StepRole:
            return done
        if role == FrameRole:
            pixels = self._picture.frame(done, self._what)
            if pixels is None:  # while it runs, previews keep to their budget
                self._run.frames.request(done, at_once=not self._over)
                pixels = self._picture.frame(done, self._what)
            return to_image(pixels) if pixels is not None else None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"Step {done.step} of {done.steps}, noise level {done.sigma:.2f}"
        return None

    def row_of(self, step: int | None) -> int:
        """Return the row of a step's number; the last row for None; -1 where there is none."""
        if step is None:
            return len(self._steps) - 1
        return next((row for row, done in enumerate(self._steps) if done.step == step), -1)

    def frame_near(self, step: int) -> QImage | None:
        """Return the frame of a step, or where that is not kept of the nearest; None where it is not there yet."""
        after = bisect_left(self._steps, step, key=attrgetter("step"))
        rows = range(max(after - 1, 0), min(after + 1, len(self._steps)))
        row = min(rows, key=lambda row: abs(self._steps[row].step - step), default=None)
        frame: QImage | None = self.index(row).data(FrameRole) if row is not None else None
        return frame

    @Slot()
    def _on_steps_changed(self) -> None:
        was_over, self._over = self._over, self._run.viewed is not None and self._run.viewed.over
        self._follow_steps()
        if self._over and not was_over:  # now frames that are missing may be asked for
            self._announce_all()

    def _follow_steps(self) -> None:
        picture = self._run.picture
        old, new = self._steps, _held(picture)
        settled = max(len(old) - 1, 0)  # the newest of a thinned record gives way to the next
        if picture is not self._picture or len(new) < len(old) or new[:settled] != old[:settled]:
            self.beginResetModel()
            self._picture, self._steps = picture, new
            self.endResetModel()
            return
        replaced = bool(old) and new[settled] is not old[settled]
        if len(new) > len(old):
            self.beginInsertRows(QModelIndex(), len(old), len(new) - 1)
            self._steps = new
            self.endInsertRows()
        self._steps = new
        if replaced:
            row = self.index(settled)
            self.dataChanged.emit(row, row)

    @Slot()
    def _on_selection_changed(self) -> None:
        if self._run.what != self._what:
            self._what = self._run.what
            self._announce_all()

    def _announce_all(self) -> None:
        if self._steps:
            self.dataChanged.emit(self.index(0), self.index(len(self._steps) - 1))

    @Slot(int)
    def _on_frame_decoded(self, step: int) -> None:
        row = self.row_of(step)
        if row >= 0:
            self.dataChanged.emit(self.index(row), self.index(row))


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
