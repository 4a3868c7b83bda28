"""Where frames of a run come from: arrays that are pictures already, files, or errands for the engine's thread.

The frames of one job that are only there as previews, or not at all: asked for once, and taken in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.errors import StorageError
from studio.gallery.keeping import PictureKept
from studio.runs.picture_record import is_held
from studio.ui.core.images import to_image
from studio.ui.core.job import DecodeTask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtGui import QImage

    from studio.engine.events import StepDone
    from studio.engine.requests import GenerateRequest
    from studio.gallery.keeping import PictureUnsaved
    from studio.runs.picture_record import What
    from studio.ui.core.job import FrameDecoded
    from studio.ui.jobs.job_state import Course


def direct_pixels(latents: NDArray[np.float32], request: GenerateRequest) -> NDArray[np.uint8] | None:
    """Return the picture of latents that are one already, as the engine would; None where they must be decoded.

    Args:
        latents: float32 (C, h, w).
        request: what they are of; where its size is theirs, the model works on pixels.
    """
    if latents.shape != (3, request.height, request.width):
        return None
    import numpy as np  # noqa: PLC0415 - the window opens before numpy is there

    levels = (np.clip(np.nan_to_num(latents, nan=0.0), -1.0, 1.0) + np.float32(1.0)) * np.float32(127.5)
    pixels: NDArray[np.uint8] = np.ascontiguousarray(np.rint(levels).astype(np.uint8).transpose(1, 2, 0))
    pixels.setflags(write=False)
    return pixels


def finished_image(finished: PictureKept | PictureUnsaved) -> QImage | None:
    """Return a finished picture, read from its file where its pixels were let go of; None where that is gone."""
    if finished.done.pixels.size:
        return to_image(finished.done.pixels)
    assert isinstance(finished, PictureKept), "what is unsaved keeps its pixels"
    # Not before it is needed: it brings numpy and Pillow.
    from studio.gallery.pixels import read_pixels  # noqa: PLC0415

    try:
        return to_image(read_pixels(finished.entry.path))
    except StorageError:  # moved meanwhile, say; the last step's frame is nearly as good
        return None


def frame_of(course: Course, image: int, step: int | None, what: What) -> QImage | None:
    """Return the best picture there is of a step of a job; of one that was not kept that of the nearest.

    Args:
        course: the job.
        image: which of its pictures, from 0.
        step: the step; None is the newest, or the finished picture.
        what: which side of it.
    """
    finished = course.pictures.get(image)
    if finished is not None and step is None:
        return finished_image(finished)
    picture = course.job.record.picture(image)
    if picture is None:
        return None
    if step is not None:
        done = picture.find(step)
        if done is not None and not is_held(done):
            done = picture.nearest_held(step)
        pixels = picture.frame(done, what) if done is not None else None
    else:
        pixels = picture.latest_frame(what)
        if pixels is None:  # only the other side was shown so far; this one is on its way
            pixels = picture.latest_frame()
        if pixels is None and picture.start is not None:
            pixels = picture.frame(picture.start, what)
    return to_image(pixels) if pixels is not None else None


def decode_task(course: Course, done: StepDone, what: What, latents: NDArray[np.float32]) -> DecodeTask:
    """Return the errand of decoding a step of a job that has started."""
    return DecodeTask(
        job_id=course.job.id,
        image=done.image,
        step=done.step,
        what=what,
        model=course.request_of(done.image).model,
        weights_sha256=course.weights_of(done.image),
        latents=latents,
    )


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
