"""What a job's steps left behind, in memory: one thread writes, others read.

Every step is kept, with the arrays and the preview it carried, until together they take more than a fixed amount of
memory. Then the oldest picture's steps go first, and of a single picture every other step, so that what stays is spread
evenly from noise to picture.

Importable without torch.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.events import StepDone

    Pixels = NDArray[np.uint8]

What = Literal["x0", "x_t"]
"""What can be looked at of a step: the model's idea of the finished picture (x0_hat), or the state itself."""

MAX_BYTES = 256 * 2**20
FULL = "full"
"""The tier of a frame that the model's own decoder made."""


class PictureRecord:
    """The steps of one picture, in their order. Made and filled by a `JobRecord`.

    Attributes:
        image: which picture of the job, from 0.
        steps: the steps kept, oldest first.
        thinned: counts up whenever steps were given up, so that a reader knows to start again.
        stride: every so many steps one is kept (and the newest).
    """

    def __init__(self, image: int) -> None:
        """Begin with no steps."""
        self.image = image
        self.steps: list[StepDone] = []
        self.thinned = 0
        self.stride = 1
        self._decoded: dict[tuple[int, What], Pixels] = {}

    @property
    def last(self) -> StepDone | None:
        """The newest step."""
        return self.steps[-1] if self.steps else None

    def find(self, step: int) -> StepDone | None:
        """Return the step of this number, from 1, if it is kept."""
        return next((done for done in reversed(self.steps) if done.step == step), None)

    def frame(self, done: StepDone, what: What) -> Pixels | None:
        """Return the best picture there is of a step: decoded in full, or as the preview had it, or None."""
        decoded = self._decoded.get((done.step, what))
        if decoded is not None:
            return decoded
        return done.preview if done.preview_of == what else None

    def latest_frame(self, what: What) -> Pixels | None:
        """Return the frame of the newest step that has one."""
        found = (self.frame(done, what) for done in reversed(self.steps))
        return next((pixels for pixels in found if pixels is not None), None)

    def is_full(self, done: StepDone, what: What) -> bool:
        """Whether `frame` is as good as the model's own decoder makes it."""
        shown_in_full = done.preview is not None and done.preview_of == what and done.tier == FULL
        return (done.step, what) in self._decoded or shown_in_full

    def latents(self, done: StepDone, what: What) -> NDArray[np.float32] | None:
        """Return what a frame is decoded from, float32 (C, h, w), where the step kept it."""
        return done.x0_hat if what == "x0" else done.state

    def put_frame(self, step: int, what: What, pixels: Pixels) -> None:
        """Remember a frame that was decoded in full."""
        self._decoded[step, what] = pixels

    def bytes(self) -> int:
        """Return about how much memory the record takes."""
        return sum(map(_bytes_of, self.steps)) + sum(pixels.nbytes for pixels in self._decoded.values())

    def thin(self) -> None:
        """Give up every other step; the newest stays."""
        self.stride *= 2
        kept = [done for done in self.steps[:-1] if done.step % self.stride == 0]
        self.steps = [*kept, *self.steps[-1:]]
        there = {done.step for done in self.steps}
        self._decoded = {key: pixels for key, pixels in self._decoded.items() if key[0] in there}
        self.thinned += 1


class JobRecord:
    """The steps of all pictures of one job. Any thread may read while one adds."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        """Take how much memory may be used."""
        self._max_bytes = max_bytes
        self._pictures: dict[int, PictureRecord] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, done: StepDone) -> None:
        """Keep a step."""
        with self._lock:
            picture = self._pictures.setdefault(done.image, PictureRecord(done.image))
            last = picture.last
            if last is not None and last.step % picture.stride:
                # It was only the newest; a list of its own, since readers may be going through the old one.
                picture.steps = [*picture.steps[:-1], done]
            else:
                picture.steps.append(done)
            self._bytes += _bytes_of(done)
            if self._bytes > self._max_bytes:
                self._make_room(done.image)

    def picture(self, image: int) -> PictureRecord | None:
        """Return the steps of a picture, from 0; None where there are none (yet, or any more)."""
        with self._lock:
            return self._pictures.get(image)

    def images(self) -> tuple[int, ...]:
        """Return which pictures have steps."""
        with self._lock:
            return tuple(self._pictures)

    def put_frame(self, image: int, step: int, what: What, pixels: Pixels) -> None:
        """Remember a frame that was decoded in full."""
        with self._lock:
            picture = self._pictures.get(image)
            if picture is not None and picture.find(step) is not None:
                picture.put_frame(step, what, pixels)
                self._bytes += pixels.nbytes

    def _make_room(self, current: int) -> None:
        while (bytes_now := sum(picture.bytes() for picture in self._pictures.values())) > self._max_bytes:
            oldest = next((image for image in self._pictures if image != current), None)
            if oldest is not None:
                del self._pictures[oldest]
            elif len(self._pictures[current].steps) > 2:
                self._pictures[current].thin()
            else:
                break
        self._bytes = bytes_now


def _bytes_of(done: StepDone) -> int:
    arrays = (done.preview, done.x0_hat, done.state)
    return sum(array.nbytes for array in arrays if array is not None)
