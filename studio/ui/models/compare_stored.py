"""Recorded runs as one comparison, as if they had just been made in lockstep; for any thread."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.engine.compare import MAX_PANES, MIN_PANES, CompareRequest
from studio.engine.events import JobFinished, JobStarted
from studio.errors import RequestError, StorageError, StudioError
from studio.gallery.keeping import PictureKept, PictureUnsaved
from studio.runs.record import MAX_BYTES
from studio.runs.replay import model_of
from studio.ui.core.job import Job
from studio.ui.jobs.job_state import Course
from studio.ui.jobs.recorded_runs import fill, finished

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.engine.events import PictureDone
    from studio.engine.requests import GenerateRequest
    from studio.folders import Folders
    from studio.gallery.catalogue import Catalogue
    from studio.gallery.entry import Entry
    from studio.runs.reader import StoredRun
    from studio.runs.store import RunStore


class UncomparableError(StudioError):
    """Recorded runs cannot be laid side by side."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A recorded run, as a list of them shows it.

    Attributes:
        run: its id.
        request: what it was made with.
        fault: why it cannot be looked at, a sentence; "" where it can.
        entry: its picture in the gallery; None where that is not there.
    """

    run: str
    request: GenerateRequest
    fault: str
    entry: Entry | None

    @property
    def number(self) -> int:
        """The number that people call the run by."""
        return number_of(self.run)


def number_of(run: str) -> int:
    """Return the number that people call a run by."""
    return int(run.partition("-")[0])


def list_recorded(store: RunStore, catalogue: Catalogue) -> tuple[Recorded, ...]:
    """Return every run, newest first; those that cannot be read are left out.

    Raises:
        StorageError: the catalogue cannot be read.
    """
    known, pictures = store.known(), catalogue.finals()
    ids = {pictures[one.final_sha256] for _, one in known if one.final_sha256 in pictures}
    entries = {entry.id: entry for entry in catalogue.entries_of(tuple(ids))}
    found = []
    for run, one in known:
        try:
            request = one.header.generate_request
        except RequestError:
            continue
        fault = "" if store.has_states(run) else "It has given up its steps to make room."
        entry = entries.get(pictures.get(one.final_sha256 or "", -1))
        found.append(Recorded(run=run, request=request, fault=fault, entry=entry))
    return tuple(found)


def comparison_of(runs: Sequence[str], store: RunStore, catalogue: Catalogue, folders: Folders) -> Course:
    """Return recorded runs side by side, their steps read into memory.

    What cannot be read is left out and told in the course's note.

    Args:
        runs: the ids of two to six, in the order of their panes.
        store: where they are.
        catalogue: where their pictures are listed.
        folders: where models are.

    Raises:
        UncomparableError: they make pictures of different sizes, or fewer than two can be read.
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
            notes.append(f"Run {number_of(run)} is left out: {error}")
        else:
            read.append(stored)
    _check(read, notes)
    requests = tuple(run.header.generate_request for run in read)
    course = Course(Job(request=CompareRequest(requests=requests)))
    course.take(_started(course, read))
    every = _stride(read)
    pictures = catalogue.finals()
    for place, stored in enumerate(read):
        course.run_ids[place] = stored.id
        told = (fill(course, stored, place, every=every), _unmade(stored, folders))
        notes += [f"Run {number_of(stored.id)}: {note}" for note in told if note]
        _finish(course, stored, place, _entry_of(stored, pictures, catalogue))
    seconds = sum(event.done.seconds for event in course.pictures.values())
    course.take(JobFinished(job_id=course.job.id, pictures=len(course.pictures), seconds=seconds))
    course.note = " ".join(notes)
    return course


def _check(runs: Sequence[StoredRun], notes: Sequence[str]) -> None:
    if len(runs) < MIN_PANES:
        reason = " ".join(notes) or f"There are {len(runs)}."
        raise UncomparableError(f"Two recorded runs at least are needed to compare. {reason}")
    sizes = {_size(run): run for run in reversed(runs)}
    if len(sizes) > 1:
        first, second, *_ = sorted(sizes.items(), key=lambda item: runs.index(item[1]))
        raise UncomparableError(
            f"Run {number_of(first[1].id)} is of {first[0]} pixels and run {number_of(second[1].id)} of {second[0]}: "
            "only runs of one size can be laid side by side."
        )


def _size(run: StoredRun) -> str:
    request = run.header.generate_request
    return f"{request.width} x {request.height}"


def _started(course: Course, runs: Sequence[StoredRun]) -> JobStarted:
    first = runs[0].header
    requests = tuple(run.header.generate_request for run in runs)
    return JobStarted(
        job_id=course.job.id,
        request=requests[0],
        model_title=first.model,
        device=first.device,
        dtype=first.dtype,
        steps=first.last_index,
        weights_sha256=first.model_sha256,
        requests=requests,
        weights=tuple(run.header.model_sha256 for run in runs),
    )


def _stride(runs: Sequence[StoredRun]) -> int:
    """Return of how many steps one is read, so that all fit into a record and none pushes another out."""
    size = sum(2 * 4 * math.prod(run.header.shape) * (len(run.kept) + 1) for run in runs)
    return max(math.ceil(size / (MAX_BYTES // 2)), 1)


def _unmade(run: StoredRun, folders: Folders) -> str:
    """Return why steps of a run cannot be decoded; "" where they can, or are pictures already."""
    request = run.header.generate_request
    if run.header.shape == (3, request.height, request.width):
        return ""
    try:
        model_of(run, folders)
    except StudioError as error:
        return f"{error} Its steps cannot be decoded without that."
    return ""


def _entry_of(run: StoredRun, pictures: dict[str, int], catalogue: Catalogue) -> Entry | None:
    number = pictures.get(run.picture.final_sha256) if run.picture is not None else None
    found = catalogue.entries_of((number,)) if number is not None else ()
    return found[0] if found else None


def _finish(course: Course, run: StoredRun, place: int, entry: Entry | None) -> None:
    """Add how a run ended, and its picture, which needs no decoding."""
    from studio.gallery.pixels import read_pixels  # noqa: PLC0415 - it brings numpy and Pillow

    pixels, fault = None, StorageError(course.run_ids[place], "has no picture in the gallery")
    if entry is not None:
        try:
            pixels = read_pixels(entry.path)
        except StorageError as error:
            fault = error
    done: PictureDone | None = finished(course, run, place, pixels)
    if done is None:
        return
    if entry is not None and pixels is not None:
        course.take(PictureKept(job_id=course.job.id, done=done, entry=entry))
        last = course.latest(place)
        if last is not None and last.step == last.steps:
            course.job.record.put_frame(place, last.step, "x0", pixels)
            course.job.record.put_frame(place, last.step, "x_t", pixels)
    else:
        course.take(PictureUnsaved(job_id=course.job.id, done=done, error=fault))
