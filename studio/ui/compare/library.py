"""The recorded runs to compare: their list, its search and selection, and reading two to six as one comparison."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt, Signal, Slot

from studio.engine.events import JobFinished
from studio.engine.requests.compare import MAX_PANES, MIN_PANES, CompareRequest
from studio.errors import RequestError, StorageError, StudioError
from studio.gallery.store import PictureSaved, PictureUnsaved
from studio.messages import message
from studio.runs.memory import MAX_BYTES
from studio.runs.replay import model_of
from studio.ui.compare import text as words
from studio.ui.core.background import Background
from studio.ui.core.job import Job
from studio.ui.core.job_state import JobState
from studio.ui.jobs.recorded_runs import NOT_RECORDED, fill, finished, started, stride
from studio.ui.language import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtCore import QObject

    from studio.engine.events import PictureDone
    from studio.engine.requests.generate import GenerateRequest
    from studio.folders import Folders
    from studio.gallery.index import Catalogue, Entry
    from studio.runs.reader import StoredRun
    from studio.runs.store import RunStore


class NotComparableError(StudioError):
    """The selected runs cannot be compared."""


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """A row of the list.

    Attributes:
        run: the run's id.
        request: its request.
        fault: why it cannot be shown, a sentence; "" if it can.
        entry: its picture in the gallery; None if there is none.
    """

    run: str
    request: GenerateRequest
    fault: str
    entry: Entry | None

    @property
    def number(self) -> int:
        return number_of(self.run)


def number_of(run: str) -> int:
    """Return the number that the window shows for a run id."""
    return int(run.partition("-")[0])


def list_recorded(store: RunStore, catalogue: Catalogue) -> tuple[RecordedRun, ...]:
    """Return every readable run, newest first.

    Raises:
        StorageError: the catalogue cannot be read.
    """
    known, pictures = store.known(), catalogue.ids_by_final_hash()
    ids = {pictures[one.final_sha256] for _, one in known if one.final_sha256 in pictures}
    entries = {entry.id: entry for entry in catalogue.entries_of(tuple(ids))}
    found = []
    for run, one in known:
        try:
            request = one.header.generate_request
        except RequestError:
            continue
        fault = "" if store.has_states(run) else words.steps_deleted()
        entry = entries.get(pictures.get(one.final_sha256 or "", -1))
        found.append(RecordedRun(run=run, request=request, fault=fault, entry=entry))
    return tuple(found)


def comparison_of(runs: Sequence[str], store: RunStore, catalogue: Catalogue, folders: Folders) -> JobState:
    """Read recorded runs into memory and return them as one comparison; for any thread.

    Runs that cannot be read are left out; the note of the returned state says why.

    Args:
        runs: two to six run ids, in the order in which they are shown.
        store: holds the runs.
        catalogue: lists their pictures.
        folders: where the models are.

    Raises:
        NotComparableError: their pictures have different sizes, or fewer than two runs can be read.
        StorageError: the catalogue cannot be read.
    """
    read: list[StoredRun] = []
    notes: list[str] = []
    for run in runs[:MAX_PANES]:
        try:
            stored = store.open(run)
            stored.state(stored.header.first_index)
            stored.header.generate_request.validate()
        except (StorageError, RequestError) as error:
            notes.append(words.left_out(number_of(run), error.message))
        else:
            read.append(stored)
    _check(read, notes)
    requests = tuple(run.header.generate_request for run in read)
    job_state = JobState(Job(request=CompareRequest(requests=requests)))
    job_state.take(started(job_state, read))
    every = stride(read, MAX_BYTES // 2)  # all fit into the record, and none takes the place of another
    finals = [stored.picture.final_sha256 for stored in read if stored.picture is not None]
    pictures = catalogue.ids_by_final_hash(finals)
    for place, stored in enumerate(read):
        job_state.run_ids[place] = stored.id
        faults = (fill(job_state, stored, place, every=every), _why_not_decoded(stored, folders))
        notes += [words.note(number_of(stored.id), fault) for fault in faults if fault]
        _finish(job_state, stored, place, _entry_of(stored, pictures, catalogue))
    seconds = sum(event.done.seconds for event in job_state.pictures.values())
    job_state.take(JobFinished(job_id=job_state.job.id, pictures=len(job_state.pictures), seconds=seconds))
    job_state.note = " ".join(notes)
    return job_state


def _check(runs: Sequence[StoredRun], notes: Sequence[str]) -> None:
    if len(runs) < MIN_PANES:
        raise NotComparableError(
            message("A comparison needs at least two recorded runs. {reason}", reason=" ".join(notes))
            if notes
            else message("A comparison needs at least two recorded runs.")
        )
    sizes = {_size(run): run for run in reversed(runs)}
    if len(sizes) > 1:
        first, second, *_ = sorted(sizes.items(), key=lambda item: runs.index(item[1]))
        raise NotComparableError(
            message(
                "Run {first} is {first_size} pixels and run {second} is {second_size}: "
                "only runs of the same size can be compared.",
                first=number_of(first[1].id),
                first_size=first[0],
                second=number_of(second[1].id),
                second_size=second[0],
            )
        )


def _size(run: StoredRun) -> str:
    request = run.header.generate_request
    return f"{request.width} x {request.height}"


def _why_not_decoded(run: StoredRun, folders: Folders) -> str:
    """Return why steps of a run cannot be decoded; "" if they can, or need no decoding."""
    request = run.header.generate_request
    if run.header.shape == (3, request.height, request.width):
        return ""
    try:
        model_of(run, folders)
    except StudioError as error:
        return words.not_decoded(error.message)
    return ""


def _entry_of(run: StoredRun, pictures: dict[str, int], catalogue: Catalogue) -> Entry | None:
    number = pictures.get(run.picture.final_sha256) if run.picture is not None else None
    found = catalogue.entries_of((number,)) if number is not None else ()
    return found[0] if found else None


def _finish(job_state: JobState, run: StoredRun, place: int, entry: Entry | None) -> None:
    """Add a run's end and its picture, which is read from its file and not decoded again."""
    from studio.gallery.images import read_pixels  # noqa: PLC0415 - it brings numpy and Pillow

    pixels, fault = None, StorageError(job_state.run_ids[place], message("has no picture in the gallery"))
    if entry is not None:
        try:
            pixels = read_pixels(entry.path)
        except StorageError as error:
            fault = error
    done: PictureDone | None = finished(job_state, run, place, pixels)
    if done is None:
        return
    if entry is not None and pixels is not None:
        job_state.take(PictureSaved(job_id=job_state.job.id, done=done, entry=entry))
        last = job_state.latest(place)
        if last is not None and last.step == last.steps:
            job_state.job.record.put_frame(place, last.step, "x0", pixels)
            job_state.job.record.put_frame(place, last.step, "x_t", pixels)
    else:
        job_state.take(PictureUnsaved(job_id=job_state.job.id, done=done, error=fault))


Index = QModelIndex | QPersistentModelIndex
RunRole = Qt.ItemDataRole.UserRole + 1
"""The row's `RecordedRun`."""
PlaceRole = Qt.ItemDataRole.UserRole + 2
"""The row's index in the selection, from 0; None if it is not selected."""


class CompareLibrary(QAbstractListModel):
    """A row for each recorded run that matches the search, newest first.

    Attributes:
        loaded: whether the list was read.
        chosen: the ids of the selected runs, in the order of selection.

    Signals:
        changed: the rows or the selection.
        opened: the selected runs were read, a `JobState`.
        failed: an error, or why a run cannot be selected: a sentence.
        offered: a single run was selected from outside: show the list, to select others.
    """

    changed = Signal()
    opened = Signal(object)
    failed = Signal(str)
    offered = Signal()

    def __init__(
        self, store: RunStore, catalogue: Catalogue, folders: Folders, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._store, self._catalogue, self._folders = store, catalogue, folders
        self._background = Background(self)
        self._all: tuple[RecordedRun, ...] = ()
        self._rows: tuple[RecordedRun, ...] = ()
        self._text = ""
        self.loaded = False
        self.chosen: tuple[str, ...] = ()

    # -------------------------------------------------------------------------------------------------------- rows
    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - Qt's
        if not self.checkIndex(index, QAbstractListModel.CheckIndexOption.IndexIsValid):
            return None
        found = self._rows[index.row()]
        if role == RunRole:
            return found
        if role == PlaceRole:
            return self.chosen.index(found.run) if found.run in self.chosen else None
        if role == Qt.ItemDataRole.DisplayRole:
            return found.request.prompt
        return None

    @property
    def text(self) -> str:
        """The search text; "" lists all runs."""
        return self._text

    @property
    def can_open(self) -> bool:
        return len(self.chosen) >= MIN_PANES

    # ----------------------------------------------------------------------------------------------------- intents
    @Slot()
    def reload(self) -> None:
        work = partial(list_recorded, self._store, self._catalogue)
        self._background.do(work, self._on_listed, self._on_failed, key="list")

    @Slot(str)
    def search(self, text: str) -> None:
        """List only the runs whose prompt, model, sampler or number contains every word of ``text``."""
        if text != self._text:
            self._text = text
            self._list()

    def choose(self, runs: Sequence[str]) -> None:
        """Select these runs only; at most six."""
        chosen = tuple(dict.fromkeys(runs))[:MAX_PANES]
        if chosen != self.chosen:
            self.chosen = chosen
            self._announce()

    def toggle(self, row: int) -> None:
        """Select or deselect the run of a row."""
        found = self._rows[row]
        if found.run in self.chosen:
            self.choose([run for run in self.chosen if run != found.run])
        elif found.fault:
            self.failed.emit(words.not_comparable(found.number, found.fault))
        elif len(self.chosen) == MAX_PANES:
            self.failed.emit(words.too_many(MAX_PANES))
        else:
            self.choose([*self.chosen, found.run])

    @Slot()
    def open(self) -> None:
        """Read the selected runs and emit `opened` or `failed`; does nothing while there are too few."""
        if not self.can_open:
            return
        work = partial(comparison_of, self.chosen, self._store, self._catalogue, self._folders)
        self._background.do(work, self.opened.emit, self._on_failed, key="open")

    def open_runs(self, runs: Sequence[str]) -> None:
        """Select these runs and open them; a single run is only selected, and `offered` is emitted."""
        self.choose(runs)
        self.open()
        if self.chosen and not self.can_open:
            self.offered.emit()

    def open_pictures(self, entries: Sequence[Entry]) -> None:
        """Do the same with the runs of these pictures."""
        work = partial(_runs_of, self._store, tuple(entry.metadata.final_sha256 for entry in entries))
        self._background.do(work, self._on_found, self._on_failed, key="find")

    def close(self) -> None:
        """Drop the work that has not started."""
        self._background.close()

    # ----------------------------------------------------------------------------------------------------- answers
    def _on_found(self, runs: tuple[str | None, ...]) -> None:
        there = [run for run in runs if run is not None]
        missing = len(runs) - len(there)
        if missing == 1 and len(runs) == 1:
            self.failed.emit(NOT_RECORDED)
        elif missing:
            self.failed.emit(words.without_run(missing, len(runs)))
        self.open_runs(there)

    def _on_listed(self, found: tuple[RecordedRun, ...]) -> None:
        self.loaded, self._all = True, found
        self._list()

    def _on_failed(self, error: StudioError) -> None:
        self.failed.emit(tr(error.message))

    def _list(self) -> None:
        wanted = self._text.casefold().split()
        self.beginResetModel()
        self._rows = tuple(one for one in self._all if all(word in _searched(one) for word in wanted))
        self.endResetModel()
        self.changed.emit()

    def _announce(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0), self.index(len(self._rows) - 1), [PlaceRole])
        self.changed.emit()


def _searched(one: RecordedRun) -> str:
    return f"{one.request.prompt}\n{one.request.model}\n{one.request.sampler}\nrun {one.number}".casefold()


def _runs_of(store: RunStore, ids_by_final_hash: tuple[str, ...]) -> tuple[str | None, ...]:
    return tuple(store.of_picture(final) for final in ids_by_final_hash)


def run_ids_of(job_state: JobState | None) -> tuple[str, ...]:
    """Return the run ids of a finished comparison, in its order; () unless every run is recorded."""
    if job_state is None or not job_state.over or len(job_state.run_ids) < job_state.count:
        return ()
    return tuple(job_state.run_ids[place] for place in range(job_state.count))
