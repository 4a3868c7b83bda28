"""A sweep on its way: its cells as they form, one comparison after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from studio.errors import RequestError, shorten
from studio.ui.models.sweep_plan import Axis, batches, requests

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.compare import CompareRequest
    from studio.engine.requests import GenerateRequest
    from studio.ui.models.catalog import Catalog
    from studio.ui.models.course import Course
    from studio.ui.models.form import FormModel


class SweepModel(QObject):
    """The newest sweep. Each comparison is asked for when the one before it is done, so that it can be stopped.

    Attributes:
        across: what changes from left to right; None before the first sweep.
        down: what changes from top to bottom.
        cells: what each cell is made with, row by row.
        running: whether more is to come.

    Signals:
        changed: another sweep, or it is over.
        cells_changed: there is more to see.
        compare_requested: a `CompareRequest` is to be run.
    """

    changed = Signal()
    cells_changed = Signal()
    compare_requested = Signal(object)

    def __init__(self, form: FormModel, catalog: Catalog, parent: QObject | None = None) -> None:
        """Sweep what stands in ``form``."""
        super().__init__(parent)
        self._form, self._catalog = form, catalog
        self.across: Axis | None = None
        self.down: Axis | None = None
        self.cells: tuple[GenerateRequest, ...] = ()
        self.running = False
        self._pixels: dict[int, NDArray[np.uint8]] = {}
        self._finished: set[int] = set()
        self._waiting: list[tuple[int, CompareRequest]] = []
        self._current: tuple[int, CompareRequest] | None = None

    @property
    def prompt(self) -> str:
        """What the form says is made."""
        return self._form.values.prompt

    @property
    def finished(self) -> int:
        """How many cells are finished."""
        return len(self._finished)

    def pixels(self, place: int) -> NDArray[np.uint8] | None:
        """Return what there is to see of a cell."""
        return self._pixels.get(place)

    def plan(self, across: Axis, down: Axis) -> tuple[GenerateRequest, ...]:
        """Return what every cell would be made with.

        Raises:
            RequestError: it cannot be made; the sentence says why.
        """
        values, card = self._form.values, self._form.card
        if card is None:
            raise RequestError("model", f"{shorten(values.model)!r} is not here")
        return requests(values, card, across, down)

    def start(self, across: Axis, down: Axis) -> None:
        """Make every cell; what ran before is not followed any more.

        Raises:
            RequestError: as `plan`.
        """
        self.cells = self.plan(across, down)
        self.across, self.down, self.running = across, down, True
        self._pixels.clear()
        self._finished.clear()
        self._waiting, first = [], 0
        for batch in batches(self.cells):
            self._waiting.append((first, batch))
            first += len(batch.requests)
        self.changed.emit()
        self._ask_for_next()

    def follow(self, course: Course) -> bool:
        """Take in how a job went on; False where it belongs to no sweep of this one."""
        if self._current is None or course.job.request is not self._current[1]:
            return False
        first, batch = self._current
        for image in range(len(batch.requests)):
            event, record = course.pictures.get(image), course.job.record.picture(image)
            if event is not None:
                self._pixels[first + image] = event.done.pixels
                self._finished.add(first + image)
            elif record is not None and (frame := record.latest_frame()) is not None:
                self._pixels[first + image] = frame
        self.cells_changed.emit()
        if course.phase == "done" and self._waiting:
            self._ask_for_next()
        elif course.over:
            self.running, self._waiting = False, []
            self.changed.emit()
        return True

    def _ask_for_next(self) -> None:
        self._current = self._waiting.pop(0)
        self.compare_requested.emit(self._current[1])
