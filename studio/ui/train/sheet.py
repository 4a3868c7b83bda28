"""A sheet of checkpoints: training step across, denoising step down, from one prompt and one noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.ui.core.frames import decode_task, direct_pixels
from studio.ui.core.sheet_writer import Labelled
from studio.ui.train.checkpoints import spread

if TYPE_CHECKING:
    from pathlib import Path

    from studio.engine.compare import CompareRequest
    from studio.engine.events import StepDone
    from studio.ui.core.job import FrameDecoded
    from studio.ui.core.sheet_writer import SheetWriter
    from studio.ui.jobs.job_state import Course

ROWS = 6


class CheckpointSheet(QObject):
    """Waits for a comparison of checkpoints, has the steps decoded that go on the sheet, and writes it.

    Signals:
        decode_requested: a `DecodeTask` is to be done.
    """

    decode_requested = Signal(object)

    def __init__(self, writer: SheetWriter, parent: QObject | None = None) -> None:
        """Write with ``writer``, which tells how it went."""
        super().__init__(parent)
        self._writer = writer
        self._wanted: tuple[CompareRequest, Path] | None = None
        self._course: Course | None = None
        self._missing: set[tuple[int, int]] = set()

    def begin(self, request: CompareRequest, path: Path) -> None:
        """Write the sheet of a comparison that is asked for now, once it is made; one that was waited for is not."""
        self._wanted, self._course = (request, path), None
        self._missing.clear()

    @Slot(object)
    def follow(self, course: Course) -> None:
        """A job began or went on."""
        if self._wanted is None or self._course is not None or course.job.request is not self._wanted[0]:
            return
        if course.phase == "done":
            self._course = course
            self._have_decoded(course)
        elif course.over:
            self._wanted = None

    @Slot(object)
    def take_decoded(self, event: FrameDecoded) -> None:
        """A frame is decoded, or cannot be."""
        task, course = event.task, self._course
        if course is None or task.job_id != course.job.id or (task.image, task.step) not in self._missing:
            return
        self._missing.discard((task.image, task.step))
        if event.pixels is not None:
            course.job.record.put_frame(task.image, task.step, "x0", event.pixels)
        self._write_if_whole()

    def _have_decoded(self, course: Course) -> None:
        """Have decoded what was only shown cheaply, one model after another."""
        tasks = []
        for pane in range(course.count):
            record = course.job.record.picture(pane)
            for done in _rows(course, pane):
                latents = record.latents(done, "x0") if record is not None else None
                if record is None or latents is None or record.is_full(done, "x0"):
                    continue
                pixels = direct_pixels(latents, course.request_of(pane))
                if pixels is not None:
                    course.job.record.put_frame(pane, done.step, "x0", pixels)
                else:
                    self._missing.add((pane, done.step))
                    tasks.append(decode_task(course, done, "x0", latents))
        for task in tasks:
            self.decode_requested.emit(task)
        self._write_if_whole()

    def _write_if_whole(self) -> None:
        course, wanted = self._course, self._wanted
        if course is None or wanted is None or self._missing:
            return
        self._course = self._wanted = None
        columns = [_rows(course, pane) for pane in range(course.count)]
        cells = []
        for row in range(max(map(len, columns))):
            for pane, steps in enumerate(columns):
                cells.append(_cell(course, pane, steps[min(row, len(steps) - 1)]))
        title = f"{course.request.prompt}: training step across, denoising step down"
        self._writer.write(wanted[1], cells, course.count, title)


def _rows(course: Course, pane: int) -> tuple[StepDone, ...]:
    """Return the steps of a run that go on the sheet, from noise to picture."""
    record = course.job.record.picture(pane)
    return spread(record.held(), ROWS) if record is not None else ()


def _cell(course: Course, pane: int, done: StepDone) -> Labelled:
    record = course.job.record.picture(pane)
    pixels = record.frame(done, "x0") if record is not None else None
    request = course.request_of(pane)
    where = f"step {done.step} of {done.steps}, noise level {done.sigma:.2f}"
    return Labelled(pixels=pixels, lines=(request.model, where))
