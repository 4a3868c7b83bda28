"""The picture that forms, as the gallery shows it before all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.ui.core.images import to_image

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

    from studio.ui.core.job_state import JobState


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


def live_tile(job_state: JobState) -> LiveTile:
    """Return the picture of a job that forms now, with its newest frame."""
    image = job_state.current_image
    picture, done = job_state.job.record.picture(image), job_state.latest(image)
    pixels = picture.latest_frame() if picture is not None else None
    return LiveTile(
        job_id=job_state.job.id,
        prompt=job_state.request_of(image).prompt,
        image=to_image(pixels) if pixels is not None else None,
        step=done.step if done is not None else 0,
        steps=job_state.steps_of(image),
        level=done.sigma if done is not None else 1.0,
    )
