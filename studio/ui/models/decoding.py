"""The frames of one job that are only there as previews, or not at all: asked for once, and taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.ui.models.frames import decode_task, direct_pixels

if TYPE_CHECKING:
    from studio.engine.events import StepDone
    from studio.runs.picture_record import What
    from studio.ui.models.course import Course
    from studio.ui.models.job import DecodeTask, FrameDecoded


class Decoding:
    """What was asked for of one job."""

    def __init__(self, course: Course) -> None:
        """Begin with nothing asked for."""
        self._course = course
        self._asked: set[tuple[int, int, What]] = set()
        self._lost: set[tuple[int, int, What]] = set()

    def is_lost(self, done: StepDone | None, what: What) -> bool:
        """Whether a side of a step cannot be decoded: its model is gone, or is another by now."""
        return self._key(done, what) in self._lost

    def want(self, done: StepDone | None, what: What, *, at_once: bool = False) -> DecodeTask | None:
        """Return the errand of decoding a side of a step; None where that is there, asked for, or made at once.

        With ``at_once`` nothing is asked for that takes time.
        """
        course, key = self._course, self._key(done, what)
        if done is None or key is None or course.started is None:
            return None
        record = course.job.record.picture(done.image)
        latents = record.latents(done, what) if record is not None else None
        if record is None or record.is_full(done, what) or latents is None or key in self._asked:
            return None
        image, step, side = key
        pixels = direct_pixels(latents, course.request_of(image))
        if pixels is not None:
            course.job.record.put_frame(image, step, side, pixels)
            return None
        if at_once:
            return None
        self._asked.add(key)
        return decode_task(course, done, side, latents)

    def take(self, event: FrameDecoded) -> None:
        """Take in a frame that was asked for; one that is given up for others later can be asked for again."""
        task = event.task
        key = task.image, task.step, task.what
        if event.pixels is None:
            self._lost.add(key)
        elif self._course.job.record.put_frame(*key, event.pixels):
            self._asked.discard(key)

    def _key(self, done: StepDone | None, what: What) -> tuple[int, int, What] | None:
        record = self._course.job.record.picture(done.image) if done is not None else None
        if record is None or done is None:
            return None
        return done.image, done.step, record.side_of(done, what)
