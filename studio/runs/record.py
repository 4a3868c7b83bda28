"""What a job's steps left behind, in memory: one thread writes, others read.

Every step is kept, with the arrays and the preview it carried, until together they take more than a fixed amount of
memory. Then frames that can be decoded again go first, after them steps that were made again, then the steps of the
oldest finished picture, and of a single picture every other step, so that what stays is spread evenly from noise to
picture.

Importable without torch.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from studio.runs.picture_record import PictureRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.engine.events import PictureStarted, StepDone
    from studio.runs.picture_record import Pixels, What

MAX_BYTES = 256 * 2**20


class JobRecord:
    """The steps of all pictures of one job. Any thread may read while one adds."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        """Take how much memory may be used."""
        self._max_bytes = max_bytes
        self._pictures: dict[int, PictureRecord] = {}
        self._lock = threading.Lock()

    def begin(self, event: PictureStarted) -> None:
        """Remember where a picture begins."""
        with self._lock:
            self._pictures.setdefault(event.image, PictureRecord(event.image)).begin(event)

    def add(self, done: StepDone) -> None:
        """Keep a step."""
        with self._lock:
            self._pictures.setdefault(done.image, PictureRecord(done.image)).add(done)
            while self._is_over() and (
                self._drop_frame() or self._drop_again() or self._drop_steps(done.image)
            ):
                pass

    def put_again(self, image: int, steps: Sequence[StepDone]) -> None:
        """Keep steps that were made again, where there is room, of a picture that had them without their arrays."""
        with self._lock:
            picture = self._pictures.get(image)
            if picture is None:
                return
            for done in steps:
                picture.put_again(done)
            while self._is_over() and (self._drop_frame() or self._drop_again()):
                pass

    def picture(self, image: int) -> PictureRecord | None:
        """Return the steps of a picture, from 0; None where there are none (yet, or any more)."""
        with self._lock:
            return self._pictures.get(image)

    def images(self) -> tuple[int, ...]:
        """Return which pictures have steps."""
        with self._lock:
            return tuple(self._pictures)

    def put_frame(self, image: int, step: int, what: What, pixels: Pixels) -> bool:
        """Remember a frame that was decoded in full, in place of older ones if need be; False: there is no room."""
        with self._lock:
            picture = self._pictures.get(image)
            if picture is None or (done := picture.find(step)) is None:
                return False
            picture.put_frame(step, what, pixels)
            while self._is_over() and self._drop_frame():
                pass
            return picture.is_full(done, what)

    def _is_over(self) -> bool:
        return sum(picture.bytes for picture in self._pictures.values()) > self._max_bytes

    def _drop_frame(self) -> bool:
        return any(picture.drop_frame() for picture in self._pictures.values())

    def _drop_again(self) -> bool:
        return any(picture.drop_again() for picture in self._pictures.values())

    def _drop_steps(self, current: int) -> bool:
        for image, picture in self._pictures.items():
            if image != current and picture.finished:
                del self._pictures[image]
                return True
        # Pictures that form together are thinned together, each in its turn.
        largest_first = sorted(self._pictures.values(), key=lambda picture: picture.bytes, reverse=True)
        return any(picture.thin() for picture in largest_first)
