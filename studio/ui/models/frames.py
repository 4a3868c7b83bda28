"""Where frames of a run come from: arrays that are pictures already, files, or errands for the engine's thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.errors import StorageError
from studio.gallery.keeping import PictureKept
from studio.runs.picture_record import is_held
from studio.ui.images import to_image
from studio.ui.models.job import DecodeTask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtGui import QImage

    from studio.engine.events import StepDone
    from studio.engine.requests import GenerateRequest
    from studio.gallery.keeping import PictureUnsaved
    from studio.runs.picture_record import What
    from studio.ui.models.course import Course


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
