"""Opens recorded runs in another thread and converts them to the state of a job, as if it had just finished.

The amount read at once is limited: of a run with large states, only evenly spaced ones are read, and others when they
are selected. A finished picture of usual size is read with the run; a larger one when it is shown.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal, Slot

from studio.engine.events import JobFinished, JobStarted, PictureDone, PictureStarted, StepDone
from studio.errors import StorageError
from studio.gallery.store import PictureSaved
from studio.messages import message
from studio.ui.core.background import Background
from studio.ui.core.job import Job
from studio.ui.core.job_state import JobState, Lineage
from studio.ui.jobs.lineage import family_of
from studio.ui.language import tr

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from studio.errors import StudioError
    from studio.gallery.index import Catalogue, Entry
    from studio.runs.format import StepLog
    from studio.runs.reader import StoredRun
    from studio.runs.store import RunStore


MAX_BYTES_AT_ONCE: Final = 128 * 2**20
"""The most bytes of states read when a run is opened. Only runs of large pictures in pixel space exceed it."""
MAX_PIXELS_AT_ONCE: Final = 2**21
"""The most pixels of a finished picture that is read when its run is opened: it saves painting the window without the
picture first. Decoding a larger one would delay the run noticeably."""


def job_state_of(run: StoredRun, entry: Entry | None) -> JobState:
    """Return a stored run as the state of a job, with up to `MAX_BYTES_AT_ONCE` of its states. Thread-safe.

    Args:
        run: the run.
        entry: its picture in the gallery, if any. Its file is read if it has at most `MAX_PIXELS_AT_ONCE`.

    Raises:
        StorageError: the run has no readable steps.
    """
    header = run.header
    job_state = JobState(Job(request=header.generate_request))
    job_state.run_ids[0] = run.id
    if header.parent is not None and header.parent_step is not None:
        job_state.lineage = Lineage(run=header.parent, step=header.parent_step)
    job_state.take(started(job_state, [run]))
    job_state.stored_runs[0] = run
    job_state.note = fill(job_state, run, every=stride([run], MAX_BYTES_AT_ONCE), gaps=True)
    if entry is not None and (done := finished(job_state, run, pixels=_pixels_of(entry))) is not None:
        job_state.take(PictureSaved(job_id=job_state.job.id, done=done, entry=entry))
    job_state.take(JobFinished(job_id=job_state.job.id, pictures=1, seconds=_seconds(run)))
    return job_state


def _pixels_of(entry: Entry) -> NDArray[np.uint8] | None:
    """Return the pixels of a picture; None if it is large, or its file cannot be read."""
    from studio.gallery.images import read_pixels  # noqa: PLC0415 - it brings numpy and Pillow

    if entry.width * entry.height > MAX_PIXELS_AT_ONCE:
        return None
    try:
        return read_pixels(entry.path)
    except StorageError:  # the last step is shown instead
        return None


def stride(runs: Sequence[StoredRun], max_bytes: int) -> int:
    """Return n such that every n-th state of ``runs``, all together, takes at most about ``max_bytes``."""
    size = sum(2 * 4 * math.prod(run.header.shape) * (len(run.kept) + 1) for run in runs)
    return max(math.ceil(size / max_bytes), 1)


def read_step(run: StoredRun, done: StepDone) -> StepDone:
    """Return a step with its arrays, read from its run. Thread-safe.

    Raises:
        StorageError: as `StoredRun.state`.
    """
    state, x0_hat = run.step(done.step)
    return replace(
        done, x0_hat=x0_hat, state=state.x, history=state.history, history_times=state.history_times
    )


def started(job_state: JobState, runs: Sequence[StoredRun]) -> JobStarted:
    """Return the `JobStarted` of one run, or of several compared runs."""
    first = runs[0].header
    requests = tuple(run.header.generate_request for run in runs)
    return JobStarted(
        job_id=job_state.job.id,
        request=requests[0],
        model_title=first.model,
        device=first.device,
        dtype=first.dtype,
        steps=first.last_index,
        weights_sha256=first.model_sha256,
        requests=requests,
        weights=tuple(run.header.model_sha256 for run in runs),
    )


def fill(job_state: JobState, run: StoredRun, image: int = 0, *, every: int = 1, gaps: bool = False) -> str:
    """Read a run's steps into a job's record, up to the first damaged one; return a note to show, or "".

    Args:
        job_state: the job, of this run or of several.
        run: the run.
        image: its index in the job.
        every: n to read every n-th state; the last is always read.
        gaps: whether the other steps are added too, without their arrays.

    Raises:
        StorageError: the run has no readable steps.
    """
    header, record = run.header, job_state.job.record
    start = run.state(header.first_index)
    began = PictureStarted(
        job_id=job_state.job.id,
        image=image,
        seed=header.seed,
        request=job_state.request_of(image),
        start=start,
        steps=header.last_index,
        x_T_sha256=header.x_T_sha256,
        sigma=run.start.sigma if run.start is not None else 1.0,
        level=run.start.level if run.start is not None else 1.0,
        adapters=header.adapters,
        precisions=header.precisions,
    )
    record.begin(began)
    job_state.take(began)
    seconds = 0.0
    readable = {*run.kept[::every], *run.kept[-1:]}
    for facts in run.steps:
        seconds += facts.ms / 1000
        if facts.step not in readable and not (gaps and facts.step < run.kept[-1]):
            continue
        try:
            done = _facts_of(job_state, run, facts, image, seconds)
            if facts.step in readable:
                done = read_step(run, done)
        except StorageError as fault:
            return tr(fault.message)
        record.add(done)
        job_state.take_step(done)
    if run.picture is None:
        return tr("This run was interrupted; only its recorded steps are shown.")
    return (
        "" if run.complete else tr("This run was not recorded completely; only its recorded steps are shown.")
    )


def _facts_of(job_state: JobState, run: StoredRun, facts: StepLog, image: int, seconds: float) -> StepDone:
    """Return a step without its arrays."""
    return StepDone(
        job_id=job_state.job.id,
        image=image,
        step=facts.step,
        steps=run.header.last_index,
        t=facts.t,
        s=facts.s,
        sigma=facts.sigma,
        level=facts.level,
        snr=facts.snr,
        model_calls=facts.model_calls,
        seconds=seconds,
        change=facts.change,
        guidance=facts.guidance,
    )


def finished(
    job_state: JobState, run: StoredRun, image: int = 0, pixels: NDArray[np.uint8] | None = None
) -> PictureDone | None:
    """Return the `PictureDone` of a run; None if it was interrupted.

    Args:
        job_state: the job, of this run or of several.
        run: the run.
        image: its index in the job.
        pixels: of its picture; None to read them from its file later.
    """
    import numpy as np  # noqa: PLC0415 - the window opens before numpy is imported

    header, picture = run.header, run.picture
    if picture is None:
        return None
    if pixels is None:
        pixels = np.empty((0, 0, 3), np.uint8)
        pixels.setflags(write=False)
    return PictureDone(
        job_id=job_state.job.id,
        request=job_state.request_of(image),
        image=image,
        seed=header.seed,
        pixels=pixels,
        model_sha256=header.model_sha256,
        device=header.device,
        dtype=header.dtype,
        versions=header.versions,
        x_T_sha256=header.x_T_sha256,
        final_sha256=picture.final_sha256,
        model_calls=picture.model_calls,
        seconds=picture.seconds,
        adapters=header.adapters,
        precisions=header.precisions,
    )


def _seconds(run: StoredRun) -> float:
    return run.picture.seconds if run.picture is not None else 0.0


NOT_RECORDED = message(
    "This picture has no recorded run: it was made without recording, or its run was deleted to free space."
)
GONE = message("That run no longer exists: it was deleted, or removed to stay within the storage limit.")


class RunsModel(QObject):
    """Opens, pins and measures recorded runs, and finds the runs of pictures.

    Signals:
        opened: a run was opened, a `JobState`.
        failed: it cannot be opened: a sentence.
        family: a run and its relatives, a tuple of `Relative`.
        used: the bytes that all runs take.
        found: an `Entry`, and the id of the run that its picture came from, or "".
        pinned: a run's id, and whether it is pinned; after `find_pinned` and `set_pinned`.
    """

    opened = Signal(object)
    failed = Signal(str)
    family = Signal(object)
    used = Signal(object)  # Signal(int) would overflow at 2 GiB
    found = Signal(object, str)
    pinned = Signal(str, bool)

    def __init__(self, store: RunStore, catalogue: Catalogue, parent: QObject | None = None) -> None:
        """Read runs from ``store`` and find their pictures in ``catalogue``."""
        super().__init__(parent)
        self.store, self._catalogue = store, catalogue
        self._background = Background(self)

    def open_picture(self, entry: Entry) -> None:
        """Open the run that a picture of the gallery came from."""
        self._background.do(
            partial(_of_picture, self.store, entry), self._on_opened, self._on_failed, key="open"
        )

    def open_run(self, run: str) -> None:
        """Open a run by its id."""
        work = partial(_of_id, self.store, self._catalogue, run)
        self._background.do(work, self._on_opened, self._on_failed, key="open")

    def open_parent(self, lineage: Lineage) -> None:
        """Open the run that another was forked from, at the step of the fork."""
        work = partial(_of_lineage, self.store, self._catalogue, lineage)
        self._background.do(work, self._on_opened, self._on_failed, key="open")

    def find_family(self, run: str) -> None:
        """Find the runs that a run was forked from, and those forked from it."""
        self._background.do(
            partial(family_of, self.store, self._catalogue, run),
            self.family.emit,
            self._on_failed,
            key="family",
        )

    def find_run(self, entry: Entry) -> None:
        """Find the run that a picture of the gallery came from."""
        work = partial(_run_of, self.store, entry)
        self._background.do(work, partial(self.found.emit, entry), self._on_failed, key="find")

    def find_pinned(self, run: str) -> None:
        """Find out whether a run is pinned."""
        self._background.do(
            partial(self.store.is_pinned, run), partial(self._on_pinned, run), self._on_failed
        )

    def set_pinned(self, run: str, pinned: bool) -> None:
        """Pin or unpin a run. The states of a pinned run are never deleted to free space."""
        self._background.do(
            partial(_set_pinned, self.store, run, pinned), partial(self._on_pinned, run), self._on_failed
        )

    @Slot()
    def measure(self) -> None:
        """Measure the disk space that the runs take."""
        self._background.do(self.store.used_bytes, self.used.emit, self._on_failed, key="measure")

    def close(self) -> None:
        """Drop the work that has not begun, and wait for the rest."""
        self._background.close()

    def _on_opened(self, job_state: JobState) -> None:
        self.opened.emit(job_state)

    def _on_pinned(self, run: str, pinned: bool) -> None:
        self.pinned.emit(run, pinned)

    def _on_failed(self, error: StudioError) -> None:
        self.failed.emit(tr(error.message))


def _set_pinned(store: RunStore, run: str, pinned: bool) -> bool:
    store.pin(run) if pinned else store.unpin(run)
    return store.is_pinned(run)


class NotThereError(StorageError):
    """A recorded run does not exist. Its sentence names no path."""

    def __init__(self, path: Path, sentence: str) -> None:
        super().__init__(path, sentence)
        self.args = (sentence,)


def _of_picture(store: RunStore, entry: Entry) -> JobState:
    run, origin = _run_of(store, entry), entry.metadata.origin
    if not run:
        raise NotThereError(entry.path, NOT_RECORDED)
    if origin is None or origin.kind != "step":
        return job_state_of(store.open(run), entry)
    job_state = job_state_of(store.open(run), None)
    job_state.opens_at = origin.step
    return job_state


def _run_of(store: RunStore, entry: Entry) -> str:
    """Return the id of the run that a picture, or a saved step, came from; "" if there is none."""
    origin = entry.metadata.origin
    if origin is not None and origin.kind == "step" and origin.run:
        return origin.run
    return store.of_picture(entry.metadata.final_sha256) or ""


def _of_lineage(store: RunStore, catalogue: Catalogue, lineage: Lineage) -> JobState:
    job_state = _of_id(store, catalogue, lineage.run)
    job_state.opens_at = lineage.step
    return job_state


def _of_id(store: RunStore, catalogue: Catalogue, run: str) -> JobState:
    if run not in store.runs():
        raise NotThereError(store.path(run), GONE)
    stored, entry = store.open(run), None
    if stored.picture is not None:
        final = stored.picture.final_sha256
        number = catalogue.ids_by_final_hash([final]).get(final)
        entry = next(iter(catalogue.entries_of([number])), None) if number is not None else None
    return job_state_of(stored, entry)
