"""The picture that forms, as the gallery shows it before all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.ui.core.images import to_image

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

    from studio.ui.jobs.job_state import Course


@dataclass(frozen=True, eq=False)
class LiveTile:
    """The picture that forms.

    Attributes:
        job_id: its job.
        prompt: of what.
        image: the newest preview; None before the first.
        step: steps taken so far.
        steps: of how many.
        level: the noise level, 1 (all noise) to 0.
    """

    job_id: str
    prompt: str
    image: QImage | None
    step: int
    steps: int
    level: float


def live_tile(course: Course) -> LiveTile:
    """Return the picture of a job that forms now, with its newest frame."""
    image = course.current_image
    picture, done = course.job.record.picture(image), course.latest(image)
    pixels = picture.latest_frame() if picture is not None else None
    return LiveTile(
        job_id=course.job.id,
        prompt=course.request_of(image).prompt,
        image=to_image(pixels) if pixels is not None else None,
        step=done.step if done is not None else 0,
        steps=course.steps_of(image),
        level=done.sigma if done is not None else 1.0,
    )
