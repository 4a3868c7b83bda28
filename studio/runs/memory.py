"""The steps of a job in memory: one thread writes, others read. Importable without torch.

`JobRecord` has a `PictureRecord` for each picture of a job. Every step stays, with its state: what is limited is what
can be computed again from the states: previews, frames decoded in full, and recomputed steps. Together they take at
most `MAX_BYTES`; decoded frames are dropped first, then recomputed steps, then every other preview at a time, so that
the remaining ones are spread evenly from noise to picture.

Only if the states alone take more than `MAX_STATE_BYTES` (large pictures in pixel space) are they dropped too: first
whole finished pictures, the oldest first, then the arrays of every other step. Such a step stays in the list, and its
arrays are recomputed when it is shown.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from studio.engine.events import PictureStarted, StepDone
from studio.engine.requests.fork import StartState

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.requests.previews import Quantity

    Pixels = NDArray[np.uint8]


FULL = "full"
"""The tier of a frame that the model's own decoder made."""
MAX_BYTES = 256 * 2**20
"""For frames, previews and recomputed steps."""
MAX_STATE_BYTES = 2**30
MAX_RECOMPUTED = 64
"""The most recomputed steps that are kept."""


class PictureRecord:
    """The steps of one picture, in order. Created and filled by a `JobRecord`, under its lock; read by any thread.

    Attributes:
        image: which picture of the job, from 0.
        steps: every step so far, oldest first. The list only ever grows at its end: when previews or arrays are
            dropped, another list replaces it.
        recomputed: steps that are in `steps` without their arrays and were recomputed, by their number.
        start: the start as a step without a model call: step 0 with x_T as its state, or the state that the picture was
            forked from. None if it is not known.
        began: the event that `start` was made from.
        preview_stride: previews are kept of steps whose number is a multiple of this, and of the newest.
        state_stride: likewise for the arrays.
        bytes: memory that can be freed: previews, decoded frames, recomputed steps.
        state_bytes: memory of the states.
    """

    def __init__(self, image: int) -> None:
        self.image = image
        self.steps: list[StepDone] = []
        self.recomputed: dict[int, StepDone] = {}
        self.start: StepDone | None = None
        self.began: PictureStarted | None = None
        self.preview_stride = self.state_stride = 1
        self.bytes = self.state_bytes = 0
        self._decoded: dict[tuple[int, Quantity], Pixels] = {}

    # ------------------------------------------------------------------------------------------------- for readers
    @property
    def last(self) -> StepDone | None:
        """The newest step."""
        return self.steps[-1] if self.steps else None

    def find(self, step: int) -> StepDone | None:
        """Return the step of this number, from 1, or the start, by its number; None if it was not taken yet."""
        if self.start is not None and self.start.step == step:
            return self.start
        if (recomputed := self.recomputed.get(step)) is not None:
            return recomputed
        return next((done for done in reversed(self.steps) if done.step == step), None)

    def nearest(self, step: int) -> StepDone | None:
        """Return the step, or the start, nearest to this number; None if there are none."""
        every = self.steps if self.start is None else [*self.steps, self.start]
        return min(every, key=lambda done: abs(done.step - step), default=None)

    def available(self) -> list[StepDone]:
        """Return the steps that can be shown without recomputing them, in order."""
        known = [self.recomputed.get(done.step, done) for done in self.steps]
        return [done for done in known if is_available(done)]

    def nearest_available(self, step: int) -> StepDone | None:
        """Return the step of `available` that is nearest to a number."""
        return min(self.available(), key=lambda done: abs(done.step - step), default=None)

    def latest_state_before(self, step: int) -> StartState | None:
        """Return the state of the nearest step up to ``step`` that has one."""
        places = [done.step for done in self.available() if done.step <= step and done.state is not None]
        if self.start is not None and self.start.step <= step:
            places.append(self.start.step)
        return self.state_at(max(places)) if places else None

    def quantity_of(self, done: StepDone, quantity: Quantity) -> Quantity:
        """Return the quantity to show of a step: ``quantity``, but of the start always the state."""
        return "x_t" if done is self.start else quantity

    def frame(self, done: StepDone, quantity: Quantity) -> Pixels | None:
        """Return the best frame of a step: decoded in full, or its preview, or None."""
        quantity = self.quantity_of(done, quantity)
        decoded = self._decoded.get((done.step, quantity))
        if decoded is not None:
            return decoded
        return done.preview if done.preview_of == quantity else None

    def latest_frame(self, quantity: Quantity | None = None) -> Pixels | None:
        """Return the frame of the newest step that has one; None takes either quantity."""
        for done in reversed(self.steps):
            for one in (done.preview_of,) if quantity is None else (quantity,):
                if (pixels := self.frame(done, one)) is not None:
                    return pixels
        return None

    def is_full(self, done: StepDone, quantity: Quantity) -> bool:
        """Whether `frame` was made by the model's own decoder."""
        quantity = self.quantity_of(done, quantity)
        shown_in_full = done.preview is not None and done.preview_of == quantity and done.tier == FULL
        return (done.step, quantity) in self._decoded or shown_in_full

    def latents(self, done: StepDone, quantity: Quantity) -> NDArray[np.float32] | None:
        """Return what a frame is decoded from, float32 (C, h, w); None if the step does not have it."""
        return done.x0_hat if self.quantity_of(done, quantity) == "x0" else done.state

    def state_at(self, step: int) -> StartState | None:
        """Return the state after a step; None if the step has none, or the start is not known."""
        done = self.find(step)
        if self.began is None or done is None or done.state is None:
            return None
        begun = self.began.start
        taken = step - begun.index
        return StartState(
            x=done.state,
            index=step,
            times=begun.times[taken:],
            history=done.history,
            history_times=done.history_times,
            model_times=begun.model_times[taken:],
        )

    # ------------------------------------------------------------------------------------------- for the job's record
    @property
    def finished(self) -> bool:
        """Whether the last step was taken."""
        return self.last is not None and self.last.step == self.last.steps

    def begin(self, event: PictureStarted) -> None:
        """Set the start."""
        self.began, self.start = event, start_of(event)
        self.state_bytes += _state_bytes(self.start)

    def add(self, done: StepDone) -> None:
        """Add the newest step."""
        if self.last is not None:  # drop what it kept only because it was the newest
            before = self._bare(self.last)
            if before is not self.last:
                self._replace([*self.steps[:-1], before])
        self.steps.append(done)
        self.bytes += _preview_bytes(done)
        self.state_bytes += _state_bytes(done)

    def put_frame(self, step: int, quantity: Quantity, pixels: Pixels) -> None:
        """Keep a frame that was decoded in full."""
        self._drop((step, quantity))
        self._decoded[step, quantity] = pixels
        self.bytes += pixels.nbytes

    def put_recomputed(self, done: StepDone) -> None:
        """Keep the arrays of a step that was recomputed; the oldest of these are dropped."""
        known = next((one for one in self.steps if one.step == done.step), None)
        if known is None:
            return
        done = replace(
            known,
            x0_hat=done.x0_hat,
            state=done.state,
            history=done.history,
            history_times=done.history_times,
        )
        self._forget_recomputed(done.step)
        self.recomputed[done.step] = done
        self.bytes += _state_bytes(done)
        while len(self.recomputed) > MAX_RECOMPUTED:
            self._forget_recomputed(next(iter(self.recomputed)))

    def drop_recomputed(self) -> bool:
        """Drop the step that was recomputed first; False if there is none."""
        if not self.recomputed:
            return False
        self._forget_recomputed(next(iter(self.recomputed)))
        return True

    def drop_frame(self, but: tuple[int, Quantity] | None = None) -> bool:
        """Drop the frame that was decoded first, except ``but``; False if there is none."""
        oldest = next((key for key in self._decoded if key != but), None)
        if oldest is None:
            return False
        self._drop(oldest)
        return True

    def thin_previews(self) -> bool:
        """Drop every other preview, but not the newest; False if none is left to drop."""
        if not any(done.preview is not None for done in self.steps[:-1]):
            return False
        self.preview_stride *= 2
        self._replace([*map(self._bare, self.steps[:-1]), self.steps[-1]])
        return True

    def thin_states(self) -> bool:
        """Drop the arrays and previews of every other step, but not the newest; False if none is left to drop."""
        if not any(done.state is not None for done in self.steps[:-1]):
            return False
        self.state_stride *= 2
        self.preview_stride = max(self.preview_stride, self.state_stride)
        self._replace([*map(self._bare, self.steps[:-1]), self.steps[-1]])
        return True

    def _bare(self, done: StepDone) -> StepDone:
        """Return a step that is not the newest without the preview or arrays that the strides exclude."""
        if done.preview is not None and done.step % self.preview_stride:
            done = replace(done, preview=None)
        if done.state is not None and done.step % self.state_stride:
            done = replace(done, x0_hat=None, state=None, history=(), history_times=())
        return done

    def _replace(self, steps: list[StepDone]) -> None:
        for key in list(self._decoded):
            if key[0] % self.state_stride and key[0] != steps[-1].step:
                self._drop(key)
        self.bytes += sum(map(_preview_bytes, steps)) - sum(map(_preview_bytes, self.steps))
        self.state_bytes += sum(map(_state_bytes, steps)) - sum(map(_state_bytes, self.steps))
        self.steps = steps

    def _drop(self, key: tuple[int, Quantity]) -> None:
        if (pixels := self._decoded.pop(key, None)) is not None:
            self.bytes -= pixels.nbytes

    def _forget_recomputed(self, step: int) -> None:
        if (done := self.recomputed.pop(step, None)) is not None:
            self.bytes -= _state_bytes(done)
            self._drop((step, "x0"))
            self._drop((step, "x_t"))


def start_of(event: PictureStarted) -> StepDone:
    """Return the start of a picture as a step, before any prediction or model call."""
    start = event.start
    return StepDone(
        job_id=event.job_id,
        image=event.image,
        step=start.index,
        steps=event.steps,
        t=start.times[0],
        s=start.times[0],
        sigma=event.sigma,
        level=event.level,
        snr=(1 / event.level - 1) ** 2 if event.level else float("inf"),  # in units of the data's variance
        model_calls=0,
        seconds=0.0,
        preview_of="x_t",
        state=start.x,
        history=start.history,
        history_times=start.history_times,
    )


def is_available(done: StepDone) -> bool:
    """Whether a step can be shown as it is; without arrays and preview it has to be recomputed first."""
    return done.state is not None or done.preview is not None


def _preview_bytes(done: StepDone) -> int:
    return done.preview.nbytes if done.preview is not None else 0


def _state_bytes(done: StepDone) -> int:
    arrays = (done.x0_hat, done.state, *done.history)
    return sum(array.nbytes for array in arrays if array is not None)


class JobRecord:
    """The steps of all pictures of one job. Any thread may read while one adds."""

    def __init__(self, max_bytes: int = MAX_BYTES, max_state_bytes: int = MAX_STATE_BYTES) -> None:
        """Limit the memory of what can be dropped, and of states."""
        self._max_bytes, self._max_state_bytes = max_bytes, max_state_bytes
        self._pictures: dict[int, PictureRecord] = {}
        self._lock = threading.Lock()

    def begin(self, event: PictureStarted) -> None:
        """Set the start of a picture."""
        with self._lock:
            self._pictures.setdefault(event.image, PictureRecord(event.image)).begin(event)

    def add(self, done: StepDone) -> None:
        """Add a step."""
        with self._lock:
            self._pictures.setdefault(done.image, PictureRecord(done.image)).add(done)
            while self._has_too_many_states() and self._drop_states(done.image):
                pass
            while self._is_over() and (
                self._drop_frame() or self._drop_recomputed() or self._drop_previews()
            ):
                pass

    def put_recomputed(self, image: int, steps: Sequence[StepDone]) -> None:
        """Keep recomputed steps of a picture that has them without their arrays, as far as there is memory."""
        with self._lock:
            picture = self._pictures.get(image)
            if picture is None:
                return
            for done in steps:
                picture.put_recomputed(done)
            while self._is_over() and (self._drop_frame() or self._drop_recomputed()):
                pass

    def picture(self, image: int) -> PictureRecord | None:
        """Return the steps of a picture, from 0; None if there are none yet, or no longer."""
        with self._lock:
            return self._pictures.get(image)

    def images(self) -> tuple[int, ...]:
        """Return which pictures have steps."""
        with self._lock:
            return tuple(self._pictures)

    def put_frame(self, image: int, step: int, quantity: Quantity, pixels: Pixels) -> bool:
        """Keep a frame that was decoded in full, dropping older ones if need be; False if there is no memory."""
        with self._lock:
            picture = self._pictures.get(image)
            if picture is None or (done := picture.find(step)) is None or pixels.nbytes > self._max_bytes:
                return False
            picture.put_frame(step, quantity, pixels)
            newest = (picture, (step, quantity))
            while self._is_over() and (self._drop_frame(but=newest) or self._drop_previews()):
                pass
            while self._is_over() and self._drop_frame():
                pass
            return picture.is_full(done, quantity)

    def _is_over(self) -> bool:
        return sum(picture.bytes for picture in self._pictures.values()) > self._max_bytes

    def _has_too_many_states(self) -> bool:
        return sum(picture.state_bytes for picture in self._pictures.values()) > self._max_state_bytes

    def _drop_frame(self, but: tuple[PictureRecord, tuple[int, Quantity]] | None = None) -> bool:
        return any(
            picture.drop_frame(but[1] if but is not None and but[0] is picture else None)
            for picture in self._pictures.values()
        )

    def _drop_recomputed(self) -> bool:
        return any(picture.drop_recomputed() for picture in self._pictures.values())

    def _drop_previews(self) -> bool:
        largest_first = sorted(self._pictures.values(), key=lambda picture: picture.bytes, reverse=True)
        return any(picture.thin_previews() for picture in largest_first)

    def _drop_states(self, current: int) -> bool:
        for image, picture in self._pictures.items():
            if image != current and picture.finished:
                del self._pictures[image]
                return True
        # Pictures that are made together are thinned together, each in its turn.
        largest_first = sorted(self._pictures.values(), key=lambda picture: picture.state_bytes, reverse=True)
        return any(picture.thin_states() for picture in largest_first)
