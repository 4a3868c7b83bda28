"""The filmstrip: evenly spaced frames of a run on the scrubber's axis, and a list model with a row for each step.

While a job runs, its frames are previews; one that was made with a faster decoder is marked as a draft. Once the job is
over, the frames in sight are decoded in full in the background.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, cast

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Slot,
)
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.runs.memory import is_available
from studio.ui.core.engine_call import Priority
from studio.ui.core.images import to_image
from studio.ui.language import tr
from studio.ui.run import text
from studio.ui.widgets.labels import set_tip
from studio.ui.widgets.painting import fill_rounded
from studio.ui.widgets.scrubber import EDGE, DragAlong

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtGui import QPaintEvent

    from studio.engine.events import StepDone
    from studio.runs.memory import PictureRecord
    from studio.ui.core.frame_service import FrameService
    from studio.ui.run.model import RunModel
    from studio.ui.run.timeline_model import TimelineModel
    from studio.ui.theme.theme import Theme


Index = QModelIndex | QPersistentModelIndex

StepRole = Qt.ItemDataRole.UserRole + 1
"""The `StepDone`."""
FrameRole = Qt.ItemDataRole.UserRole + 2
"""The best frame of it so far, a QImage; None before the first."""
DraftRole = Qt.ItemDataRole.UserRole + 3
"""Whether that frame is a draft: made by a faster, less accurate decoder than the model's own."""


def _available(picture: PictureRecord | None) -> list[StepDone]:
    return [done for done in picture.steps if is_available(done)] if picture is not None else []


class FilmstripModel(QAbstractListModel):
    """A row for each recorded step, oldest first; none for steps that would have to be recomputed.

    The record grows and is thinned in another thread, so the rows are those of the last `RunModel.steps_changed`.
    """

    def __init__(self, run: RunModel, frames: FrameService, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._run, self._frames = run, frames
        self._picture: PictureRecord | None = None
        self._steps: list[StepDone] = []
        self._quantity = run.quantity
        self._over = False
        self._visible: tuple[int, ...] = ()
        self._tokens: set[tuple[object, ...]] = set()
        run.steps_changed.connect(self._on_steps_changed)
        run.selection_changed.connect(self._on_selection_changed)
        run.frame_decoded.connect(self._on_frame_decoded)

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._steps)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - Qt's
        if not index.isValid() or self._picture is None or index.row() >= len(self._steps):
            return None
        done = self._steps[index.row()]
        if role == StepRole:
            return done
        if role == FrameRole:
            pixels = self._frame(done)
            return to_image(pixels) if pixels is not None else None
        if role == DraftRole:
            return self._is_draft(done)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return text.step_name(done, draft=self._is_draft(done))
        return None

    def set_visible(self, steps: Sequence[int]) -> None:
        """Note which steps are in sight. Once the job is over they are decoded in full, the nearest to the shown first.

        While it runs they are not, so that previews stay within their budget.
        """
        if tuple(steps) != self._visible:
            self._visible = tuple(steps)
            self._request_visible()

    def step_near(self, step: int) -> StepDone | None:
        """Return the recorded step nearest to this number; None if there is none."""
        after = bisect_left(self._steps, step, key=attrgetter("step"))
        near = self._steps[max(after - 1, 0) : after + 1]
        return min(near, key=lambda done: abs(done.step - step), default=None)

    def row_of(self, step: int | None) -> int:
        """Return the row of a step, the last row for None; -1 if there is none."""
        if step is None:
            return len(self._steps) - 1
        return next((row for row, done in enumerate(self._steps) if done.step == step), -1)

    def _frame(self, done: StepDone) -> NDArray[np.uint8] | None:
        job_state, picture = self._run.viewed, self._picture
        if job_state is None or picture is None or picture is not self._run.picture:
            return None
        pixels = self._frames.of_step(job_state, done, self._quantity)
        if pixels is None:  # costs nothing if the state is in pixel space
            pixels = self._frames.at_once(job_state, done.image, done.step, self._quantity)
        return pixels

    def _is_draft(self, done: StepDone) -> bool:
        job_state, picture = self._run.viewed, self._picture
        if job_state is None or picture is None or picture.frame(done, self._quantity) is None:
            return False
        drafted = done.preview is not None and done.draft
        return drafted and not self._frames.is_full(job_state, self._run.image, done.step, self._quantity)

    def _request_visible(self) -> None:
        job_state, picture = self._run.viewed, self._run.picture
        wanted: list[tuple[object, ...]] = []
        if job_state is not None and picture is not None and self._over:
            current = self._run.step if self._run.step is not None else job_state.steps_of(self._run.image)
            steps = sorted(self._visible, key=lambda step: abs(step - current))
            wanted = [
                ("filmstrip", job_state.job.id, self._run.image, step, self._quantity) for step in steps
            ]
        for token in self._tokens - set(wanted):
            self._frames.drop(token)
        known, self._tokens = self._tokens, set(wanted)
        for token in wanted:
            step = cast("int", token[3])
            if token not in known and self._run.request_frame(
                step, priority=Priority.BACKGROUND, token=token
            ):
                self._on_frame_decoded(step)

    @Slot()
    def _on_steps_changed(self) -> None:
        was_over, self._over = self._over, self._run.viewed is not None and self._run.viewed.over
        self._follow_steps()
        if self._over != was_over:
            self._announce_all()
        self._request_visible()

    def _follow_steps(self) -> None:
        picture = self._run.picture
        old, new = self._steps, _available(picture)
        settled = max(len(old) - 1, 0)  # thinning may replace the newest step with the next one
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
        if self._run.quantity != self._quantity:
            self._quantity = self._run.quantity
            self._request_visible()
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
_MARK: Final = 12  # of a draft, a folded corner
_RING: Final = 2  # around the current frame, and the room for it


class FilmstripView(QWidget):
    """Frames of steps; a click or a drag shows a step. For the keyboard there is the scrubber."""

    def __init__(
        self, theme: Theme, timeline: TimelineModel, model: FilmstripModel, parent: QWidget | None = None
    ) -> None:
        """Show frames of ``model`` at the places of ``timeline``."""
        super().__init__(parent)
        self._theme, self._timeline, self._strip = theme, timeline, model
        DragAlong(self, self._go_to)
        self.setAccessibleName(tr("Steps so far"))
        set_tip(self, tr("Click a step to show it."))
        self.setFixedHeight(FRAME + 2 * _RING)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        timeline.changed.connect(self.update)
        model.dataChanged.connect(self._on_frames_changed)
        model.modelReset.connect(self.update)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(8 * (FRAME + _GAP), FRAME + 2 * _RING)

    @property
    def slots(self) -> list[tuple[QRect, int]]:
        """The rectangle of each frame, and its step."""
        model = self._timeline
        axis = max(self.width() - 2 * EDGE, 1)
        # The frames of a fork begin at its first step.
        first = max(_RING, round(EDGE + model.position_of(model.first) * axis - FRAME / 2))
        room = self.width() - _RING - FRAME - first
        count = min(max(room // (FRAME + _GAP) + 1, 1), model.count)
        if count < 1:
            return []
        lefts = [first + round(room * number / max(count - 1, 1)) for number in range(count)]
        # Each frame shows the step whose tick is below it; the outermost show the first and the last step.
        steps = [model.nearest((left + FRAME / 2 - EDGE) / axis) for left in lefts]
        if count > 1:
            steps[0] = model.first_predicted
            steps[-1] = model.last
        return [(QRect(left, _RING, FRAME, FRAME), step) for left, step in zip(lefts, steps, strict=True)]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the frames, with a ring around the current one and empty places for steps to come."""
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        model, slots = self._timeline, self.slots
        current, newest = model.step_at(model.place), model.step_at(model.reached - 1)
        seen = [slot for slot in slots if slot[1] <= newest] or slots
        nearest = min(seen, key=lambda slot: abs(slot[1] - current), default=None)
        shown = {step: self._strip.step_near(step) for _, step in slots if step <= newest}
        self._strip.set_visible([done.step for done in shown.values() if done is not None])
        drafts = 0
        for area, step in slots:
            done = shown.get(step)
            row = self._strip.index(self._strip.row_of(done.step)) if done is not None else QModelIndex()
            draft = bool(row.data(DraftRole))
            drafts += draft
            self._paint_frame(painter, area, row.data(FrameRole), draft=draft)
            if model.reached and nearest is not None and area == nearest[0]:
                painter.setPen(QPen(self._theme.colour("text"), _RING))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(QRectF(area).adjusted(-1, -1, 1, 1), _RADIUS + 1, _RADIUS + 1)

        if (description := text.drafts(drafts)) != self.accessibleDescription():
            self.setAccessibleDescription(description)

    def _go_to(self, x: float) -> None:
        model = self._timeline
        slots = [slot for slot in self.slots if slot[1] < model.first + model.reached]
        nearest = min(slots, key=lambda slot: abs(slot[0].center().x() - x), default=None)
        if nearest is not None:
            model.go_to(nearest[1] - model.first)

    def _paint_frame(self, painter: QPainter, area: QRect, image: QImage | None, *, draft: bool) -> None:
        if image is None:
            fill_rounded(painter, area, _RADIUS, self._theme.colour("panel"))
            return
        shape = QPainterPath()
        shape.addRoundedRect(QRectF(area), _RADIUS, _RADIUS)
        painter.setClipPath(shape)
        side = min(image.width(), image.height())
        source = QRect((image.width() - side) // 2, (image.height() - side) // 2, side, side)
        painter.drawImage(area, image, source)
        if draft:
            corner = QPolygonF(
                [area.topRight(), area.topRight() - QPoint(_MARK, 0), area.topRight() + QPoint(0, _MARK)]
            )
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.colour("warn"))
            painter.drawPolygon(corner)
        painter.setClipping(False)

    @Slot()
    def _on_frames_changed(self) -> None:
        self.update()
