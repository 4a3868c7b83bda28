"""What the steps of one picture left behind, in memory: every step, with the arrays and the preview it carried.

Importable without torch.

What a job's steps left behind, in memory: one thread writes, others read.

Every step is kept, with the arrays and the preview it carried, until together they take more than a fixed amount of
memory. Then frames that can be decoded again go first, after them steps that were made again, then the steps of the
oldest finished picture, and of a single picture every other step, so that what stays is spread evenly from noise to
picture.

Importable without torch.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from studio.engine.events import PictureStarted, StepDone
from studio.engine.fork import StartState

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    from collections.abc import Sequence


What = Literal["x0", "x_t"]
"""What can be looked at of a step: the model's idea of the finished picture (x0_hat), or the state itself."""

FULL = "full"
"""The tier of a frame that the model's own decoder made."""
MOST_AGAIN = 64
"""So many steps that were made again are remembered."""


class PictureRecord:
    """The steps of one picture, in their order. Made and filled by a `JobRecord`, under its lock; read by any thread.

    Attributes:
        image: which picture of the job, from 0.
        steps: the steps kept, oldest first. The list grows at its end and changes in no other way: where a step is
            given up, another list takes its place.
        again: steps that are in `steps` without their arrays, and were made again, by their number.
        start: where it began, as a step that no model call was made for: step 0 with x_T for its state, or where it
            goes on from another run. None where that is not known.
        began: what the engine said there.
        stride: every so many steps one is kept (and the newest).
        bytes: about how much memory the record takes.
    """

    def __init__(self, image: int) -> None:
        """Begin with no steps."""
        self.image = image
        self.steps: list[StepDone] = []
        self.again: dict[int, StepDone] = {}
        self.start: StepDone | None = None
        self.began: PictureStarted | None = None
        self.stride = 1
        self.bytes = 0
        self._decoded: dict[tuple[int, What], Pixels] = {}

    # ------------------------------------------------------------------------------------------------- for readers
    @property
    def last(self) -> StepDone | None:
        """The newest step."""
        return self.steps[-1] if self.steps else None

    def find(self, step: int) -> StepDone | None:
        """Return the step of this number, from 1, if it is kept; or the start, by its number."""
        if self.start is not None and self.start.step == step:
            return self.start
        if (again := self.again.get(step)) is not None:
            return again
        return next((done for done in reversed(self.steps) if done.step == step), None)

    def nearest(self, step: int) -> StepDone | None:
        """Return the step that is known and nearest to this number, or the start; None where there are none."""
        every = self.steps if self.start is None else [*self.steps, self.start]
        return min(every, key=lambda done: abs(done.step - step), default=None)

    def held(self) -> list[StepDone]:
        """Return the steps there is something to see of, by their number; of a long run from the disk not all."""
        known = [done for done in self.steps if is_held(done)]
        if not self.again:
            return known
        return sorted([*known, *self.again.values()], key=lambda done: done.step)

    def nearest_held(self, step: int) -> StepDone | None:
        """Return the step of these that is nearest to a number."""
        return min(self.held(), key=lambda done: abs(done.step - step), default=None)

    def standing_before(self, step: int) -> StartState | None:
        """Return the nearest place up to a step that the run can go on from."""
        places = [done.step for done in self.held() if done.step <= step and done.state is not None]
        if self.start is not None and self.start.step <= step:
            places.append(self.start.step)
        return self.standing_at(max(places)) if places else None

    def side_of(self, done: StepDone, what: What) -> What:
        """Return which side of a step there is to look at: of the start only the state."""
        return "x_t" if done is self.start else what

    def frame(self, done: StepDone, what: What) -> Pixels | None:
        """Return the best picture there is of a step: decoded in full, or as the preview had it, or None."""
        what = self.side_of(done, what)
        decoded = self._decoded.get((done.step, what))
        if decoded is not None:
            return decoded
        return done.preview if done.preview_of == what else None

    def latest_frame(self, what: What | None = None) -> Pixels | None:
        """Return the frame of the newest step that has one; None takes either side."""
        for done in reversed(self.steps):
            for side in (done.preview_of,) if what is None else (what,):
                if (pixels := self.frame(done, side)) is not None:
                    return pixels
        return None

    def is_full(self, done: StepDone, what: What) -> bool:
        """Whether `frame` is as good as the model's own decoder makes it."""
        what = self.side_of(done, what)
        shown_in_full = done.preview is not None and done.preview_of == what and done.tier == FULL
        return (done.step, what) in self._decoded or shown_in_full

    def latents(self, done: StepDone, what: What) -> NDArray[np.float32] | None:
        """Return what a frame is decoded from, float32 (C, h, w), where the step kept it."""
        return done.x0_hat if self.side_of(done, what) == "x0" else done.state

    def standing_at(self, step: int) -> StartState | None:
        """Return where the run stood after a step; None where that is not kept, or where it began is not known."""
        done = self.find(step)
        if self.began is None or done is None or done.state is None:
            return None
        times = self.began.start.times[step - self.began.start.index :]
        return StartState(x=done.state, index=step, times=times, history=done.history)

    # ----------------------------------------------------------------------------------------------- for its keeper
    @property
    def finished(self) -> bool:
        """Whether the last step was taken."""
        return self.last is not None and self.last.step == self.last.steps

    def begin(self, event: PictureStarted) -> None:
        """Remember where it begins."""
        self.began, self.start = event, start_of(event)
        self.bytes += bytes_of(self.start)

    def add(self, done: StepDone) -> None:
        """Keep a step."""
        last = self.last
        if last is not None and last.step % self.stride:  # it was kept only because it was the newest
            self._keep([*self.steps[:-1], done])
        else:
            self.steps.append(done)
            self.bytes += bytes_of(done)

    def put_frame(self, step: int, what: What, pixels: Pixels) -> None:
        """Remember a frame that was decoded in full, of a step that is kept."""
        self._drop((step, what))
        self._decoded[step, what] = pixels
        self.bytes += pixels.nbytes

    def put_again(self, done: StepDone) -> None:
        """Remember the arrays of a step that was made again; the oldest of these give way."""
        known = next((kept for kept in self.steps if kept.step == done.step), None)
        if known is None:
            return
        done = replace(known, x0_hat=done.x0_hat, state=done.state, history=done.history)
        self._forget_again(done.step)
        self.again[done.step] = done
        self.bytes += bytes_of(done)
        while len(self.again) > MOST_AGAIN:
            self._forget_again(next(iter(self.again)))

    def drop_again(self) -> bool:
        """Give up the step that was made again first; False where there is none."""
        if not self.again:
            return False
        self._forget_again(next(iter(self.again)))
        return True

    def drop_frame(self) -> bool:
        """Give up the frame that was decoded first; False where there is none."""
        if not self._decoded:
            return False
        self._drop(next(iter(self._decoded)))
        return True

    def thin(self) -> bool:
        """Give up every other step; the newest stays. False where none is left to give up."""
        if len(self.steps) <= 2:
            return False
        self.stride *= 2
        self._keep([done for done in self.steps[:-1] if done.step % self.stride == 0] + self.steps[-1:])
        return True

    def _keep(self, steps: list[StepDone]) -> None:
        there = {done.step for done in steps} | ({self.start.step} if self.start is not None else set())
        for key in [key for key in self._decoded if key[0] not in there]:
            self._drop(key)
        self.bytes += sum(map(bytes_of, steps)) - sum(map(bytes_of, self.steps))
        self.steps = steps

    def _drop(self, key: tuple[int, What]) -> None:
        if (pixels := self._decoded.pop(key, None)) is not None:
            self.bytes -= pixels.nbytes

    def _forget_again(self, step: int) -> None:
        if (done := self.again.pop(step, None)) is not None:
            self.bytes -= bytes_of(done)
            self._drop((step, "x0"))
            self._drop((step, "x_t"))


def start_of(event: PictureStarted) -> StepDone:
    """Return where a picture begins as a step: nothing was predicted yet, and no model call made."""
    start = event.start
    return StepDone(
        job_id=event.job_id,
        image=event.image,
        step=start.index,
        steps=event.steps,
        t=start.times[0],
        s=start.times[0],
        sigma=event.sigma,
        snr=(1 - event.sigma**2) / event.sigma**2 if event.sigma else float("inf"),
        model_calls=0,
        seconds=0.0,
        preview_of="x_t",
        state=start.x,
        history=start.history,
    )


def bytes_of(done: StepDone) -> int:
    """Return about how much memory a step takes."""
    arrays = (done.preview, done.x0_hat, done.state, *done.history)
    return sum(array.nbytes for array in arrays if array is not None)


def is_held(done: StepDone) -> bool:
    """Whether there is anything to see of a step; of one that a run on the disk did not keep there is not."""
    return done.state is not None or done.preview is not None


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
