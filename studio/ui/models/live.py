"""The running job as the gallery shows it: its first tile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.ui.core.images import to_image
from studio.ui.models.gallery import LiveTile

if TYPE_CHECKING:
    from studio.ui.models.course import Course


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
