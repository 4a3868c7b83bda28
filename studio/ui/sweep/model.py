"""The sweep: making its cells job by job, stopping and resuming it, also after a restart, and comparing two cells.

Between sessions a file keeps the requests of the cells and the paths of their pictures and runs. A cell counts as
missing, and is generated on resuming, if its picture cannot be read.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from msgspec import Meta
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.generate import GenerateRequest
from studio.errors import RequestError, shorten
from studio.gallery.store import PictureSaved
from studio.messages import message
from studio.runs.format import RUN_ID
from studio.strict_json import InvalidJsonError, convert, without_version
from studio.ui.core.background import Background
from studio.ui.core.images import ByteCache
from studio.ui.language import tr
from studio.ui.sweep.plan import MAX_CELLS, Axis, batches, field_of, requests

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.errors import StudioError

    Pixels = NDArray[np.uint8]
    from studio.families.interface import ModelInfo
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.intents import Intents
    from studio.ui.core.job import Job
    from studio.ui.core.job_state import JobState
    from studio.ui.core.settings import SettingsFile
    from studio.ui.jobs.run_settings import RunSettings
    from studio.ui.sweep.plan import Batch


VERSION = 1
MAX_NAME = 2_000
"""The most characters of the name of a swept setting, which may contain that of a LoRA."""


@dataclass(frozen=True, kw_only=True)
class FinishedCell:
    """A finished cell.

    Attributes:
        picture: the file of its picture; None if it could not be saved.
        run: the id of its recorded run; "" if it has none.
    """

    picture: Path | None
    run: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """A sweep and its progress.

    Attributes:
        across: the axis from left to right.
        down: the axis from top to bottom.
        cells: the resolved request of each cell, row by row.
        finished: the finished cells by index.
    """

    across: Axis
    down: Axis
    cells: tuple[GenerateRequest, ...]
    finished: dict[int, FinishedCell] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[int, ...]:
        """The indices of the cells that are not finished."""
        return tuple(place for place in range(len(self.cells)) if place not in self.finished)

    def to_dict(self) -> dict[str, Any]:
        """Return the sweep as JSON values; of all cells but the first, only what differs from the first."""
        first = self.cells[0].to_dict()
        others = [cell.to_dict() for cell in self.cells[1:]]
        return {
            "version": VERSION,
            "across": {"field": self.across.field, "values": list(self.across.values)},
            "down": {"field": self.down.field, "values": list(self.down.values)},
            "first": first,
            "others": [{key: one[key] for key in one if one[key] != first[key]} for one in others],
            "finished": {
                str(place): {"picture": str(one.picture), "run": one.run}
                for place, one in self.finished.items()
                if one.picture is not None
            },
        }


@dataclass(frozen=True, kw_only=True)
class _SavedAxis:
    field: Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
    values: Annotated[list[int | float | str], Meta(min_length=1, max_length=MAX_CELLS)]

    def axis(self) -> Axis:
        """Return the axis; raises ValueError, KeyError or RequestError if it is invalid."""
        values = tuple(field_of(self.field).read(str(value)) for value in self.values)
        if len(set(values)) != len(values):
            raise ValueError(self.field)
        return Axis(field=self.field, values=values)


@dataclass(frozen=True, kw_only=True)
class _SavedCell:
    picture: Annotated[str, Meta(pattern=r"\A[^\0]*\Z")]
    run: Annotated[str, Meta(pattern=rf"\A(?:{RUN_ID})?\Z")]


@dataclass(frozen=True, kw_only=True)
class _SavedSweep:
    across: _SavedAxis
    down: _SavedAxis
    first: Mapping[str, Any]
    others: Annotated[list[dict[str, Any]], Meta(max_length=MAX_CELLS - 1)]
    finished: dict[str, _SavedCell]


def read_sweep(values: Mapping[str, Any]) -> Sweep | None:
    """Return the sweep that `Sweep.to_dict` wrote; None for anything else."""
    try:
        saved = convert(without_version(values, VERSION, "version"), _SavedSweep)
        across, down = saved.across.axis(), saved.down.axis()
        cells = tuple(GenerateRequest.from_dict({**saved.first, **other}) for other in ({}, *saved.others))
        finished = {
            int(place): FinishedCell(picture=Path(one.picture), run=one.run)
            for place, one in saved.finished.items()
        }
    except (ValueError, KeyError, RequestError, InvalidJsonError):
        return None
    if len(cells) != len(across.values) * len(down.values) or not finished.keys() <= set(range(len(cells))):
        return None
    if any(None in (cell.sampler, cell.steps, cell.width, cell.height) for cell in cells):
        return None  # they were kept with everything filled in
    return Sweep(across=across, down=down, cells=cells, finished=finished)


MAX_BYTES: Final = 96 * 2**20


class SweepPictures(QObject):
    """The pixels of the cells by index, read from their files when they are needed.

    Signals:
        read: the picture of a cell was read.
        gone: the picture of the cell with this index cannot be read.
    """

    read = Signal()
    gone = Signal(int)

    def __init__(
        self, background: Background, max_bytes: int = MAX_BYTES, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._background = background
        self._pixels: ByteCache[int, Pixels] = ByteCache(max_bytes, lambda pixels: pixels.nbytes)
        self._version = 0
        self._asked: set[int] = set()

    def clear(self) -> None:
        """Drop all pictures, including those that are being read."""
        self._pixels.clear()
        self._asked.clear()
        self._version += 1

    def get(self, place: int) -> Pixels | None:
        """Return the picture of a cell, uint8 (H, W, 3); None if it is not in memory."""
        return self._pixels.get(place)

    def put(self, place: int, pixels: Pixels) -> None:
        """Keep the picture of a cell; the least recently used are dropped first."""
        self._pixels[place] = pixels

    def want(self, place: int, path: Path) -> None:
        """Read the picture of a cell in the background, unless that was requested already."""
        if place not in self._asked:
            self._asked.add(place)
            key = place, self._version
            self._background.do(
                partial(_read, path), partial(self._on_read, key), partial(self._on_failed, key)
            )

    def _on_read(self, key: tuple[int, int], pixels: Pixels) -> None:
        place, version = key
        if version == self._version:
            self._asked.discard(place)
            self.put(place, pixels)
            self.read.emit()

    def _on_failed(self, key: tuple[int, int], error: StudioError) -> None:
        del error
        place, version = key
        if version == self._version:
            self._asked.discard(place)
            self.gone.emit(place)


def _read(path: Path) -> Pixels:
    # By name: it brings numpy and Pillow, which the window opens without.
    pixels: Pixels = importlib.import_module("studio.gallery.images").read_pixels(path)
    return pixels


SAVE_AFTER_MS = 500


class SweepModel(QObject):
    """The newest sweep. Each job is requested when the previous one is done, so that stopping is immediate.

    Attributes:
        sweep: the sweep; None before the first.
        running: whether its cells are being made.
        fault: why it ended early, a sentence; "" if it did not.
        job: the job requested last, set by the session that runs it.
        chosen: the indices of up to two selected cells, in the order of selection.
        background: reads and writes files.

    Signals:
        changed: another sweep, or it was started, stopped or finished.
        cells_changed: a cell has a new picture.
        chosen_changed: other cells are selected.
        stop_requested: stop this `Job`.
        job_requested: run this `CompareRequest`, or for a single cell this `GenerateRequest`.
    """

    changed = Signal()
    cells_changed = Signal()
    chosen_changed = Signal()
    stop_requested = Signal(object)
    job_requested = Signal(object)

    def __init__(
        self,
        form: RunSettings,
        catalog: Catalog,
        intents: Intents,
        file: SettingsFile | None = None,
        parent: QObject | None = None,
    ) -> None:
        """Sweep the settings of ``form``; save the progress in ``file``."""
        super().__init__(parent)
        self._form, self._catalog, self._file = form, catalog, file
        self._intents = intents
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

    # -------------------------------------------------------------------------------------------------------- state
    @property
    def count(self) -> int:
        return len(self.sweep.cells) if self.sweep is not None else 0

    @property
    def finished(self) -> int:
        return len(self.sweep.finished) if self.sweep is not None else 0

    @property
    def can_resume(self) -> bool:
        """Whether cells are missing and the sweep is not running."""
        return self.sweep is not None and not self.running and bool(self.sweep.missing)

    def pixels(self, place: int) -> NDArray[np.uint8] | None:
        """Return the picture of a cell, or None; if it must be read first, `cells_changed` follows."""
        pixels = self._pictures.get(place)
        if pixels is None and (path := self.picture(place)) is not None:
            self._pictures.want(place, path)
        return pixels

    def picture(self, place: int) -> Path | None:
        """Return the file of a finished cell's picture, or None."""
        found = self.sweep.finished.get(place) if self.sweep is not None else None
        return found.picture if found is not None else None

    def plan(self, across: Axis, down: Axis) -> tuple[GenerateRequest, ...]:
        """Return the requests of the cells for these axes; see `studio.ui.sweep.plan.requests`.

        Raises:
            RequestError: the sweep is not valid.
        """
        return requests(self._form.values, self._card_of, across, down)

    # ----------------------------------------------------------------------------------------------------- intents
    def load(self) -> None:
        """Read the sweep of the last session, unless there is one already."""
        if self._file is not None and self.sweep is None:
            self.background.do(partial(_load, self._file), self._on_loaded, _nothing, key="load")

    def start(self, across: Axis, down: Axis) -> None:
        """Start a new sweep; the previous one is no longer followed.

        Raises:
            RequestError: as `plan`.
        """
        self._take(Sweep(across=across, down=down, cells=self.plan(across, down)))
        self.resume()

    @Slot()
    def resume(self) -> None:
        if self.sweep is None or not self.can_resume:
            return
        self.running, self.fault = True, ""
        self._waiting = list(batches(self.sweep.cells, self.sweep.missing))
        self._saving.start()
        self.changed.emit()
        self._ask_for_next()

    @Slot()
    def stop(self) -> None:
        """Stop; finished cells stay, and `resume` makes the others."""
        if self.running:
            self.running, self._waiting = False, []
            if self.job is not None:
                self.stop_requested.emit(self.job)
            self.changed.emit()

    def choose(self, place: int) -> None:
        """Select or deselect a cell; a third one replaces the one selected first."""
        if place in self.chosen:
            self.chosen = tuple(one for one in self.chosen if one != place)
        else:
            self.chosen = (*self.chosen, place)[-2:]
        self.chosen_changed.emit()

    @Slot()
    def compare_chosen(self) -> None:
        """Compare the two selected cells: their recorded runs, or if one has none, new runs of both."""
        if self.sweep is None or len(self.chosen) < 2:
            return
        finished = [self.sweep.finished.get(place) for place in self.chosen]
        runs = [one.run for one in finished if one is not None and one.run]
        if len(runs) == len(self.chosen):
            self._intents.compare_runs.emit(runs)
        else:
            cells = tuple(self.sweep.cells[place] for place in self.chosen)
            self._intents.compare.emit(CompareRequest(requests=cells))

    def close(self) -> None:
        """Save the progress."""
        if self._saving.isActive() and self._file is not None and self.sweep is not None:
            self._file.save(self.sweep.to_dict())
        self._saving.stop()
        self.background.close()

    # ------------------------------------------------------------------------------------------------- job updates
    def follow(self, job_state: JobState) -> bool:
        """Process the new state of a job; return whether it makes cells of this sweep."""
        sweep, batch = self.sweep, self._current
        if sweep is None or batch is None or job_state.job.request is not batch.request:
            return False
        for image, place in enumerate(batch.places):
            event, record = job_state.pictures.get(image), job_state.job.record.picture(image)
            if event is not None:
                if place not in sweep.finished:
                    self._pictures.put(place, event.done.pixels)
                kept = event.entry.path if isinstance(event, PictureSaved) else None
                sweep.finished[place] = FinishedCell(picture=kept, run=job_state.run_ids.get(image, ""))
            elif record is not None and (frame := record.latest_frame()) is not None:
                self._pictures.put(place, frame)
        self._saving.start()
        self.cells_changed.emit()
        if job_state.phase == "done" and self._waiting:
            self._ask_for_next()
        elif job_state.over:
            self.running, self._waiting = False, []
            self.fault = job_state.failure.sentence if job_state.failure is not None else ""
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

    def _card_of(self, name: str) -> ModelInfo:
        card = self._catalog.card(name)
        if card is None:
            raise RequestError("model", message("{model} is not installed", model=repr(shorten(name))))
        return card

    def _on_loaded(self, found: Sweep | None) -> None:
        if self.sweep is None and self._file is not None:
            if found is not None:
                self._take(found)
            self.fault = tr(self._file.fault) if self._file.fault else ""
            self.changed.emit()

    @Slot(int)
    def _on_gone(self, place: int) -> None:
        """Count a cell whose picture cannot be read as missing."""
        if self.sweep is not None and self.sweep.finished.pop(place, None) is not None:
            self.changed.emit()

    @Slot()
    def _save(self) -> None:
        if self._file is not None and self.sweep is not None:
            work = partial(self._file.save, self.sweep.to_dict())
            self.background.do(work, _nothing, _nothing, key="save")


def _load(file: SettingsFile) -> Sweep | None:
    """Return the sweep in a file; one that cannot be used is kept under another name."""
    values = file.load()
    found = read_sweep(values)
    if values and found is None:
        file.put_aside(message("contains a sweep that this program cannot use"))
    return found


def _nothing(answer: StudioError | object) -> None:
    """Ignore the result: a sweep that cannot be saved only cannot be resumed; its pictures are in the gallery."""
    del answer
