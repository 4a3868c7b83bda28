"""A sheet of checkpoints: training step across, denoising step down, from one prompt and one noise."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from studio.ui.core.engine_call import Priority
from studio.ui.jobs.sheet_writer import Labelled
from studio.ui.train import text
from studio.ui.train.checkpoints import spread

if TYPE_CHECKING:
    from pathlib import Path

    from studio.engine.events import StepDone
    from studio.engine.requests.compare import CompareRequest
    from studio.ui.core.frame_service import FrameService
    from studio.ui.core.job_state import JobState
    from studio.ui.jobs.sheet_writer import SheetWriter

ROWS = 6


class CheckpointSheet(QObject):
    """Waits until a comparison of checkpoints is done, decodes the frames of the sheet, and writes it."""

    def __init__(self, writer: SheetWriter, frames: FrameService, parent: QObject | None = None) -> None:
        """Write frames of ``frames`` with ``writer``, which posts the result."""
        super().__init__(parent)
        self._writer, self._frames = writer, frames
        self._wanted: tuple[CompareRequest, Path] | None = None
        self._job_state: JobState | None = None
        self._missing: set[tuple[int, int]] = set()

    def begin(self, request: CompareRequest, path: Path) -> None:
        """Write the sheet of ``request`` to ``path`` once it is done; an earlier sheet that still waits is dropped."""
        self._wanted, self._job_state = (request, path), None
        self._missing.clear()

    @Slot(object)
    def follow(self, job_state: JobState) -> None:
        """Note the progress of a job; it may be the comparison."""
        if (
            self._wanted is None
            or self._job_state is not None
            or job_state.job.request is not self._wanted[0]
        ):
            return
        if job_state.phase == "done":
            self._job_state = job_state
            self._decode(job_state)
        elif job_state.over:
            self._wanted = None

    def _decode(self, job_state: JobState) -> None:
        """Decode the frames of the sheet in full, one model after another."""
        wanted = [(pane, done.step) for pane in range(job_state.count) for done in _rows(job_state, pane)]
        self._missing = set(wanted)
        for pane, step in wanted:
            settled = partial(self._settle, job_state, pane, step)
            pixels = self._frames.get(job_state, pane, step, "x0", settled, settled, priority=Priority.NORMAL)
            if pixels is not None:
                settled()
        self._write_if_whole()

    def _settle(self, job_state: JobState, pane: int, step: int, _: object = None) -> None:
        """Note that a frame is decoded, or cannot be; the sheet then shows its preview."""
        if job_state is self._job_state:
            self._missing.discard((pane, step))
            self._write_if_whole()

    def _write_if_whole(self) -> None:
        job_state, wanted = self._job_state, self._wanted
        if job_state is None or wanted is None or self._missing:
            return
        self._job_state = self._wanted = None
        columns = [_rows(job_state, pane) for pane in range(job_state.count)]
        cells = []
        for row in range(max(map(len, columns))):
            for pane, steps in enumerate(columns):
                cells.append(self._cell(job_state, pane, steps[min(row, len(steps) - 1)]))
        title = text.sheet_title(job_state.request.prompt)
        self._writer.write(wanted[1], cells, job_state.count, title)

    def _cell(self, job_state: JobState, pane: int, done: StepDone) -> Labelled:
        pixels = self._frames.best(job_state, pane, done.step, "x0")
        request = job_state.request_of(pane)
        where = text.sheet_cell(done.step, done.steps, done.level)
        return Labelled(pixels=pixels, lines=(request.model, where))


def _rows(job_state: JobState, pane: int) -> tuple[StepDone, ...]:
    """Return the steps of a run that go on the sheet, in order."""
    record = job_state.job.record.picture(pane)
    return spread(record.available(), ROWS) if record is not None else ()
