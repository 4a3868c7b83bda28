"""A sweep on its way: its cells as they form, one job after another; stopped, and gone on with at another start."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.engine.compare import CompareRequest
from studio.errors import RequestError, shorten
from studio.gallery.keeping import PictureKept
from studio.ui.core.background import Background
from studio.ui.models.sweep_file import Finished, Sweep, read_sweep
from studio.ui.models.sweep_pictures import SweepPictures
from studio.ui.models.sweep_plan import batches, requests

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from studio.checkpoints.card import ModelCard
    from studio.engine.requests import GenerateRequest
    from studio.errors import StudioError
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.job import Job
    from studio.ui.core.settings import SettingsFile
    from studio.ui.jobs.job_state import Course
    from studio.ui.models.form import FormModel
    from studio.ui.models.sweep_plan import Axis, Batch

SAVE_AFTER_MS = 500


class SweepModel(QObject):
    """The newest sweep. Each job is asked for when the one before it is done, so that it can be stopped.

    Attributes:
        sweep: its cells, and which are finished; None before the first.
        running: whether more is to come.
        fault: why it ended before its end, a sentence; "" where it did not.
        job: the job that was asked for last, set by who runs it.
        chosen: the places of up to two cells that are to be compared, in the order in which they were chosen.
        background: does what takes long: files.

    Signals:
        changed: another sweep, it goes on, or it is over.
        cells_changed: there is more to see.
        chosen_changed: other cells are chosen.
        stop_requested: a `Job` is to stop.
        job_requested: a `CompareRequest`, or for a single cell a `GenerateRequest`, is to be run.
        runs_requested: these recorded runs are to lie side by side.
        comparison_requested: a `CompareRequest` is to be run and looked at: cells that are not recorded.
    """

    changed = Signal()
    cells_changed = Signal()
    chosen_changed = Signal()
    stop_requested = Signal(object)
    job_requested = Signal(object)
    runs_requested = Signal(object)
    comparison_requested = Signal(object)

    def __init__(
        self,
        form: FormModel,
        catalog: Catalog,
        file: SettingsFile | None = None,
        parent: QObject | None = None,
    ) -> None:
        """Sweep what stands in ``form``; keep how far it came in ``file``."""
        super().__init__(parent)
        self._form, self._catalog, self._file = form, catalog, file
        self.sweep: Sweep | None = None
        self.running, self.fault = False, ""
        self.job: Job | None = None
        self.chosen: tuple[int, ...] = ()
        self.background = Background(self)
        self._pictures = SweepPictures(self.background, parent=self)
        self._waiting: list[Batch] = []
        self._current: Batch | None = None
        self._saving = QTimer(self, interval=SAVE_AFTER_MS, singleShot=True)
        self._saving.timeout.connect(self._save)
        self._pictures.read.connect(self.cells_changed)
        self._pictures.gone.connect(self._on_gone)

    # ------------------------------------------------------------------------------------------------ what there is
    @property
    def count(self) -> int:
        """How many cells there are."""
        return len(self.sweep.cells) if self.sweep is not None else 0

    @property
    def finished(self) -> int:
        """How many of them are finished."""
        return len(self.sweep.finished) if self.sweep is not None else 0

    @property
    def can_resume(self) -> bool:
        """Whether cells are missing that nothing makes now."""
        return self.sweep is not None and not self.running and bool(self.sweep.missing)

    def pixels(self, place: int) -> NDArray[np.uint8] | None:
        """Return what there is to see of a cell; what has to be read first comes with `cells_changed`."""
        pixels = self._pictures.get(place)
        if pixels is None and (path := self.picture(place)) is not None:
            self._pictures.want(place, path)
        return pixels

    def picture(self, place: int) -> Path | None:
        """Return the file of a finished cell's picture; None where it has none."""
        found = self.sweep.finished.get(place) if self.sweep is not None else None
        return found.picture if found is not None else None

    def plan(self, across: Axis, down: Axis) -> tuple[GenerateRequest, ...]:
        """Return what every cell would be made with.

        Raises:
            RequestError: it cannot be made; the sentence says why.
        """
        return requests(self._form.values, self._card_of, across, down)

    # ----------------------------------------------------------------------------------------------------- intents
    def load(self) -> None:
        """Read the sweep that was kept at an earlier start, unless there is one already."""
        if self._file is not None and self.sweep is None:
            self.background.do(self._file.load, self._on_loaded, _nothing, key="load")

    def start(self, across: Axis, down: Axis) -> None:
        """Make every cell; what ran before is not followed any more.

        Raises:
            RequestError: as `plan`.
        """
        self._take(Sweep(across=across, down=down, cells=self.plan(across, down)))
        self.resume()

    @Slot()
    def resume(self) -> None:
        """Make the cells that are missing."""
        if self.sweep is None or not self.can_resume:
            return
        self.running, self.fault = True, ""
        self._waiting = list(batches(self.sweep.cells, self.sweep.missing))
        self._saving.start()
        self.changed.emit()
        self._ask_for_next()

    @Slot()
    def stop(self) -> None:
        """Make no more; what is finished stays, and `resume` goes on from there."""
        if self.running:
            self.running, self._waiting = False, []
            if self.job is not None:
                self.stop_requested.emit(self.job)
            self.changed.emit()

    def choose(self, place: int) -> None:
        """Choose a cell, or let go of it; of three the one chosen first is let go of."""
        if place in self.chosen:
            self.chosen = tuple(one for one in self.chosen if one != place)
        else:
            self.chosen = (*self.chosen, place)[-2:]
        self.chosen_changed.emit()

    @Slot()
    def compare_chosen(self) -> None:
        """Lay the two chosen cells side by side: as they were recorded, or else made again."""
        if self.sweep is None or len(self.chosen) < 2:
            return
        finished = [self.sweep.finished.get(place) for place in self.chosen]
        runs = tuple(one.run for one in finished if one is not None and one.run)
        if len(runs) == len(self.chosen):
            self.runs_requested.emit(runs)
        else:
            cells = tuple(self.sweep.cells[place] for place in self.chosen)
            self.comparison_requested.emit(CompareRequest(requests=cells))

    def close(self) -> None:
        """Keep how far it came."""
        if self._saving.isActive() and self._file is not None and self.sweep is not None:
            self._file.save(self.sweep.to_dict())
        self._saving.stop()
        self.background.close()

    # ------------------------------------------------------------------------------------------------------- facts
    def follow(self, course: Course) -> bool:
        """Take in how a job went on; False where it belongs to no sweep of this one."""
        sweep, batch = self.sweep, self._current
        if sweep is None or batch is None or course.job.request is not batch.request:
            return False
        for image, place in enumerate(batch.places):
            event, record = course.pictures.get(image), course.job.record.picture(image)
            if event is not None:
                if place not in sweep.finished:
                    self._pictures.put(place, event.done.pixels)
                kept = event.entry.path if isinstance(event, PictureKept) else None
                sweep.finished[place] = Finished(picture=kept, run=course.run_ids.get(image, ""))
            elif record is not None and (frame := record.latest_frame()) is not None:
                self._pictures.put(place, frame)
        self._saving.start()
        self.cells_changed.emit()
        if course.phase == "done" and self._waiting:
            self._ask_for_next()
        elif course.over:
            self.running, self._waiting = False, []
            self.fault = course.failure.sentence if course.failure is not None else ""
            self.changed.emit()
        return True

    def _take(self, sweep: Sweep) -> None:
        self.sweep, self.running, self.chosen, self.fault = sweep, False, (), ""
        self._waiting, self._current = [], None
        self._pictures.clear()
        self.chosen_changed.emit()

    def _ask_for_next(self) -> None:
        self._current = self._waiting.pop(0)
        self.job_requested.emit(self._current.request)

    def _card_of(self, name: str) -> ModelCard:
        card = self._catalog.card(name)
        if card is None:
            raise RequestError("model", f"{shorten(name)!r} is not here")
        return card

    def _on_loaded(self, saved: dict[str, object]) -> None:
        found = read_sweep(saved)
        if found is not None and self.sweep is None:
            self._take(found)
            self.changed.emit()

    @Slot(int)
    def _on_gone(self, place: int) -> None:
        """Count a cell whose picture is gone as one that is still to be made."""
        if self.sweep is not None and self.sweep.finished.pop(place, None) is not None:
            self.changed.emit()

    @Slot()
    def _save(self) -> None:
        if self._file is not None and self.sweep is not None:
            work = partial(self._file.save, self.sweep.to_dict())
            self.background.do(work, _nothing, _nothing, key="save")


def _nothing(answer: StudioError | object) -> None:
    """Take no notice: a sweep that cannot be kept is lost at the end only, and its pictures are in the gallery."""
    del answer
