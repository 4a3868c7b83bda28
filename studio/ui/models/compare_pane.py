"""One run of a comparison, at the step that is looked at. Knows no Qt."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.ui.models.compare_alignment import Mark

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.events import PictureDone, StepDone
    from studio.engine.requests import GenerateRequest
    from studio.runs.picture_record import PictureRecord, What
    from studio.ui.jobs.job_state import Course
    from studio.ui.models.compare_alignment import Match


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """A picture, and what it is of.

    Attributes:
        pixels: uint8 (H, W, 3).
        step: the step's number.
        side: which side of it.
    """

    pixels: NDArray[np.uint8]
    step: int
    side: What


@dataclass(frozen=True, kw_only=True, eq=False)
class Pane:
    """One run as it is shown.

    Attributes:
        place: which column, from 0.
        request: what it makes.
        steps: how many steps it takes.
        latest: its newest step; None before the first.
        shown: the step that is looked at, likewise.
        gap: how far that is from what was asked for, in the unit of the alignment; 0 while the newest is looked at.
        frame: the best picture there is of it, or None.
        finished: the finished picture's facts, once it is.
    """

    place: int
    request: GenerateRequest
    steps: int
    latest: StepDone | None
    shown: StepDone | None
    gap: float
    frame: Frame | None
    finished: PictureDone | None


def pane_of(course: Course, place: int, found: Match | None, what: What) -> Pane:
    """Return a run as it is shown.

    Args:
        course: how the comparison goes.
        place: which column, from 0.
        found: the step that is looked at; None is the newest.
        what: which side of it.
    """
    record, latest = course.job.record.picture(place), course.latest(place)
    shown = latest
    if record is not None and found is not None:
        shown = record.nearest(found.mark.step)
    event = course.pictures.get(place)
    return Pane(
        place=place,
        request=course.request_of(place),
        steps=course.steps_of(place),
        latest=latest,
        shown=shown,
        gap=found.gap if found is not None else 0.0,
        frame=None if record is None or shown is None else _frame(record, shown, what),
        finished=event.done if event is not None else None,
    )


def marks_of(record: PictureRecord | None, known: tuple[Mark, ...] = ()) -> tuple[Mark, ...]:
    """Return where the steps of a run stand that are kept, and where it starts.

    Args:
        record: of the run.
        known: what was returned before; where the run only went on since, only what is new is read.
    """
    if record is None:
        return ()
    steps = record.steps
    every = [record.start, *steps] if record.start is not None else steps
    count = len(known)
    # The record gives up steps evenly: where first and last stand at their places still, so does what lies between.
    if (
        not known
        or count > len(every)
        or (every[0].step, every[count - 1].step) != (known[0].step, known[-1].step)
    ):
        known, count = (), 0
    new = (Mark(step=done.step, level=done.sigma, calls=done.model_calls) for done in every[count:])
    return (*known, *new)


def noise_hashes(course: Course) -> tuple[str, ...]:
    """Return the hash of the noise each run starts from, as pictures have it; of those only that it is known of."""
    found = []
    for place in range(course.count):
        event, record = course.pictures.get(place), course.job.record.picture(place)
        start = record.start if record is not None else None
        if event is not None:
            found.append(event.done.x_T_sha256)
        elif start is not None and start.state is not None:
            found.append(hashlib.sha256(start.state.astype("<f4").tobytes()).hexdigest())
    return tuple(found)


def _frame(record: PictureRecord, done: StepDone, what: What) -> Frame | None:
    """Return the picture of a step; until it is decoded, that before it: what is a step old shows more than a gap."""
    if done is record.start:
        pixels = record.frame(done, what)
        return (
            None if pixels is None else Frame(pixels=pixels, step=done.step, side=record.side_of(done, what))
        )
    earlier = [kept for kept in list(record.steps) if kept.step <= done.step]
    other: What = "x_t" if what == "x0" else "x0"
    for side, steps in ((what, earlier[::-1]), (other, [done])):
        for kept in steps:
            if (pixels := record.frame(kept, side)) is not None:
                return Frame(pixels=pixels, step=kept.step, side=side)
    return None
