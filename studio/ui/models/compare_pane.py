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
    from studio.runs.record import PictureRecord, What
    from studio.ui.models.compare_alignment import Match
    from studio.ui.models.course import Course


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
        pixels: the best picture there is of it, uint8 (H, W, 3), or None.
        finished: the finished picture's facts, once it is.
    """

    place: int
    request: GenerateRequest
    steps: int
    latest: StepDone | None
    shown: StepDone | None
    gap: float
    pixels: NDArray[np.uint8] | None
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
        pixels=None if record is None or shown is None else _pixels(record, shown, what),
        finished=event.done if event is not None else None,
    )


def marks_of(record: PictureRecord | None) -> tuple[Mark, ...]:
    """Return where the steps of a run stand that are kept, and where it starts."""
    if record is None:
        return ()
    start = [record.start] if record.start is not None else []
    return tuple(
        Mark(step=done.step, level=done.sigma, calls=done.model_calls) for done in start + record.steps
    )


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


def _pixels(record: PictureRecord, done: StepDone, what: What) -> NDArray[np.uint8] | None:
    """Return the picture of a step; until it is decoded, that before it: what is a step old shows more than a gap."""
    if done is record.start:
        return record.frame(done, what)
    earlier = [kept for kept in list(record.steps) if kept.step <= done.step]
    for kept in reversed(earlier):
        if (pixels := record.frame(kept, what)) is not None:
            return pixels
    return record.frame(done, "x_t" if what == "x0" else "x0")
