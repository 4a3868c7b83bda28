"""The frames of a comparison that are only there as previews, or not at all: asked for once, and taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.ui.models.frames import decode_task, direct_pixels

if TYPE_CHECKING:
    from studio.runs.record import What
    from studio.ui.models.compare_pane import Pane
    from studio.ui.models.course import Course
    from studio.ui.models.job import DecodeTask, FrameDecoded


class CompareFrames:
    """What was asked for of one comparison."""

    def __init__(self, course: Course) -> None:
        """Begin with nothing asked for."""
        self._course = course
        self._asked: set[tuple[int, int, What]] = set()
        self._lost: set[tuple[int, int, What]] = set()

    def is_lost(self, pane: Pane, what: What) -> bool:
        """Whether what a pane is to show cannot be decoded: its model is gone, or is another by now."""
        key = self._key(pane, what)
        return key is not None and key in self._lost

    def want(self, pane: Pane, what: What) -> DecodeTask | None:
        """Return the errand of decoding what a pane shows; None where that is there, asked for, or made at once."""
        course, done, key = self._course, pane.shown, self._key(pane, what)
        record = course.job.record.picture(pane.place)
        if record is None or done is None or key is None or course.started is None:
            return None
        latents = record.latents(done, what)
        if record.is_full(done, what) or latents is None or key in self._asked:
            return None
        place, step, side = key
        pixels = direct_pixels(latents, pane.request)
        if pixels is not None:
            course.job.record.put_frame(place, step, side, pixels)
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

    def _key(self, pane: Pane, what: What) -> tuple[int, int, What] | None:
        record = self._course.job.record.picture(pane.place)
        if record is None or pane.shown is None:
            return None
        return pane.place, pane.shown.step, record.side_of(pane.shown, what)
