"""The only source of pictures of steps, for views, exports and comparisons.

A picture comes from the preview that a step carried, the record of its job, the cache, the latents (which the engine
decodes), or the file of a finished picture (which another thread reads).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from PySide6.QtCore import QObject

from studio.errors import CheckpointError, UnknownNameError, capitalised
from studio.runs.memory import is_available
from studio.ui.core.engine_call import EngineCall, Priority
from studio.ui.core.images import ByteCache
from studio.ui.language import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.events import StepDone
    from studio.engine.protocol import Engine
    from studio.engine.requests.generate import GenerateRequest
    from studio.engine.requests.previews import Quantity
    from studio.errors import StudioError
    from studio.ui.core.background import Background
    from studio.ui.core.engine_call import EngineCaller
    from studio.ui.core.job_state import JobState

    Pixels = NDArray[np.uint8]
    Key = tuple[str, int, int | None, str]

MAX_BYTES: Final = 128 * 2**20
"""Of pictures that are in no record: finished ones read from their files, and frames for which a record was full."""


def direct_pixels(latents: NDArray[np.float32], request: GenerateRequest) -> Pixels | None:
    """Return latents of a pixel-space model as a picture, as the engine would; None if they need decoding.

    Args:
        latents: float32 (C, h, w).
        request: their request; the model works in pixel space if they have its size.
    """
    if latents.shape != (3, request.height, request.width):
        return None
    from studio.arrays import to_uint8  # noqa: PLC0415 - the window opens before numpy is imported

    return to_uint8(latents)


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelGone:
    """A frame can no longer be decoded: its model was removed or replaced; ``sentence`` says which."""

    sentence: str


@dataclass(frozen=True, kw_only=True, eq=False)
class DecodeFrame:
    """The work of the call that decodes one quantity of one step.

    The frame is put into the record in the engine's thread, so that it is kept even if its request was dropped.
    """

    state: JobState
    image: int
    step: int
    quantity: Quantity
    latents: NDArray[np.float32]

    def __call__(self, call: EngineCall[Any], engine: Engine) -> Pixels | ModelGone:
        """Return the frame. Raises StudioError if it cannot be decoded now."""
        record = self.state.job.record
        picture = record.picture(self.image)
        done = picture.find(self.step) if picture is not None else None
        if picture is not None and done is not None and picture.is_full(done, self.quantity):
            known = picture.frame(done, self.quantity)  # decoded for a request that was dropped
            assert known is not None, "a full frame is in the record"
            return known
        try:
            pixels = engine.decode(
                self.state.request_of(self.image).model,
                self.state.weights_of(self.image),
                self.latents,
                cancelled=call.cancelled,
            )
        except (CheckpointError, UnknownNameError) as error:
            return ModelGone(sentence=capitalised(tr(error.message)))
        record.put_frame(self.image, self.step, self.quantity, pixels)
        return pixels


@dataclass(frozen=True, eq=False)
class _Waiter:
    then: Callable[[Pixels], None]
    failed: Callable[[str], None]
    priority: Priority
    token: Hashable | None


@dataclass(eq=False)
class _Pending:
    """A requested frame. ``call`` is None if a file is read."""

    call: EngineCall[Pixels | ModelGone] | None
    waiters: list[_Waiter] = field(default_factory=list)


def _ignore(_: str) -> None:
    pass


class FrameService(QObject):
    """Provides pictures of steps as uint8 arrays (H, W, 3). For the GUI thread only."""

    def __init__(
        self,
        engine: EngineCaller,
        background: Background,
        max_bytes: int = MAX_BYTES,
        parent: QObject | None = None,
    ) -> None:
        """Decode with ``engine``, and read files in ``background``; cache at most ``max_bytes`` of pictures."""
        super().__init__(parent)
        self._engine, self._background = engine, background
        self._cache: ByteCache[Key, Pixels] = ByteCache(max_bytes, lambda pixels: pixels.nbytes)
        self._pending: dict[Key, _Pending] = {}
        self._gone: WeakKeyDictionary[JobState, dict[Key, str]] = WeakKeyDictionary()

    # --------------------------------------------------------------------------------------------- available pictures
    def best(self, state: JobState, image: int, step: int | None, quantity: Quantity) -> Pixels | None:
        """Return the best picture that is available immediately; None if there is none.

        Args:
            state: the job.
            image: the index of the picture in the job.
            step: the step, replaced by the nearest one with a picture if it has none; None for the finished picture, or
                else the newest step.
            quantity: the quantity to show.
        """
        if step is None and image in state.pictures:
            finished = self._finished(state, image)
            if finished is not None:
                return finished
        picture = state.job.record.picture(image)
        if picture is None:
            return None
        if step is None:
            pixels = picture.latest_frame(quantity)
            if (
                pixels is None
            ):  # only the other quantity was shown so far; this one comes with the next preview
                pixels = picture.latest_frame()
            if pixels is None and picture.start is not None:
                pixels = picture.frame(picture.start, quantity)
            return pixels
        done = picture.find(step)
        if done is not None and not is_available(done):
            done = picture.nearest_available(step)
        return self.of_step(state, done, quantity) if done is not None else None

    def of_step(self, state: JobState, done: StepDone, quantity: Quantity) -> Pixels | None:
        """Return the best picture of exactly this step that is available immediately; None if there is none."""
        picture = state.job.record.picture(done.image)
        if picture is None:
            return None
        cached = self._cache.get(self._key(state, done.image, done.step, picture.quantity_of(done, quantity)))
        return cached if cached is not None else picture.frame(done, quantity)

    def is_full(self, state: JobState, image: int, step: int, quantity: Quantity) -> bool:
        """Whether `best` returns a picture from the codec's own decoder."""
        picture = state.job.record.picture(image)
        done = picture.find(step) if picture is not None else None
        if picture is None or done is None:
            return False
        key = self._key(state, image, step, picture.quantity_of(done, quantity))
        return picture.is_full(done, quantity) or key in self._cache

    def why_gone(self, state: JobState, image: int, step: int, quantity: Quantity) -> str:
        """Return a sentence on why a frame can no longer be decoded; "" if it can, or was not requested yet."""
        picture = state.job.record.picture(image)
        done = picture.find(step) if picture is not None else None
        if picture is None or done is None:
            return ""
        key = self._key(state, image, step, picture.quantity_of(done, quantity))
        return self._gone.get(state, {}).get(key, "")

    def at_once(self, state: JobState, image: int, step: int, quantity: Quantity) -> Pixels | None:
        """Return a full frame if it was decoded already or its latents are pixels; else None."""
        picture = state.job.record.picture(image)
        done = picture.find(step) if picture is not None else None
        if picture is None or done is None or state.started is None:
            return None
        quantity = picture.quantity_of(done, quantity)
        if picture.is_full(done, quantity):
            return picture.frame(done, quantity)
        if (cached := self._cache.get(self._key(state, image, step, quantity))) is not None:
            return cached
        latents = picture.latents(done, quantity)
        pixels = direct_pixels(latents, state.request_of(image)) if latents is not None else None
        if pixels is not None:
            state.job.record.put_frame(image, step, quantity, pixels)
        return pixels

    # ---------------------------------------------------------------------------------------------- requested pictures
    def get(
        self,
        state: JobState,
        image: int,
        step: int | None,
        quantity: Quantity,
        then: Callable[[Pixels], None],
        failed: Callable[[str], None] = _ignore,
        *,
        priority: Priority = Priority.INTERACTIVE,
        token: Hashable | None = None,
    ) -> Pixels | None:
        """Return a full picture if it is available; else request it and return None.

        Args:
            state: the job, which has started.
            image: the index of the picture in the job.
            step: the step; None for the finished picture.
            quantity: the quantity to show.
            then: called with the picture, unless it was returned.
            failed: called with the reason if the picture is unavailable: a sentence, or "" if there are no latents to
                decode.
            priority: the priority of the call.
            token: a newer request with an equal token replaces this one; neither ``then`` nor ``failed`` is called in
                that case.
        """
        if token is not None:
            self.drop(token)
        waiter = _Waiter(then, failed, priority, token)
        if step is None:
            return self._get_finished(state, image, waiter)
        picture = state.job.record.picture(image)
        done = picture.find(step) if picture is not None else None
        if picture is None or done is None or state.started is None:
            failed("")
            return None
        quantity = picture.quantity_of(done, quantity)
        if (pixels := self.at_once(state, image, step, quantity)) is not None:
            return pixels
        key = self._key(state, image, step, quantity)
        latents = picture.latents(done, quantity)
        gone = self._gone.get(state, {}).get(key)
        if latents is None or gone is not None:
            failed(gone or "")
            return None
        if key not in self._pending:
            work = DecodeFrame(state=state, image=image, step=step, quantity=quantity, latents=latents)
            call = EngineCall(
                work=work,
                then=partial(self._on_decoded, key, work),
                failed=partial(self._on_failed, key),
                priority=priority,
                weights_sha256=state.weights_of(image),
                gives_way=True,  # a job must not wait for the model of an old run to load
            )
            self._pending[key] = _Pending(call, [waiter])
            self._engine.call(call)
        else:
            self._join(self._pending[key], waiter)
        return None

    def drop(self, token: Hashable) -> None:
        """Drop the request with this token; its frame is not decoded unless another request waits for it."""
        for key, pending in list(self._pending.items()):
            left = [waiter for waiter in pending.waiters if waiter.token != token]
            if len(left) == len(pending.waiters):
                continue
            pending.waiters = left
            if pending.call is None:
                continue
            if left:
                pending.call.priority = max(waiter.priority for waiter in left)
            else:
                pending.call.cancel()
                del self._pending[key]

    # ------------------------------------------------------------------------------------------------------- answers
    def _join(self, pending: _Pending, waiter: _Waiter) -> None:
        pending.waiters.append(waiter)
        if pending.call is not None:
            pending.call.priority = max(pending.call.priority, waiter.priority)

    def _on_decoded(self, key: Key, work: DecodeFrame, answer: Pixels | ModelGone) -> None:
        if isinstance(answer, ModelGone):
            self._gone.setdefault(work.state, {})[key] = answer.sentence
            self._on_failed(key, answer.sentence)
            return
        picture = work.state.job.record.picture(work.image)
        done = picture.find(work.step) if picture is not None else None
        if picture is None or done is None or not picture.is_full(done, work.quantity):
            self._cache[key] = answer  # the record is full
        self._hand_out(key, answer)

    def _on_read(self, key: Key, pixels: Pixels) -> None:
        self._cache[key] = pixels
        self._hand_out(key, pixels)

    def _hand_out(self, key: Key, pixels: Pixels) -> None:
        for waiter in self._pending.pop(key, _Pending(None)).waiters:
            waiter.then(pixels)

    def _on_failed(self, key: Key, sentence: str) -> None:
        for waiter in self._pending.pop(key, _Pending(None)).waiters:
            waiter.failed(sentence)

    # ----------------------------------------------------------------------------------------------- finished pictures
    def _finished(self, state: JobState, image: int) -> Pixels | None:
        """Return a finished picture if it is in memory."""
        pixels = state.pictures[image].done.pixels
        return pixels if pixels.size else self._cache.get(self._key(state, image, None, "x0"))

    def _get_finished(self, state: JobState, image: int, waiter: _Waiter) -> Pixels | None:
        event = state.pictures.get(image)
        if event is None:
            waiter.failed("")
            return None
        if (pixels := self._finished(state, image)) is not None:
            return pixels
        key = self._key(state, image, None, "x0")
        entry = getattr(event, "entry", None)
        gone = self._gone.get(state, {}).get(key)
        if entry is None or gone is not None:
            waiter.failed(gone or "")
            return None
        if key in self._pending:
            self._join(self._pending[key], waiter)
            return None
        self._pending[key] = _Pending(None, [waiter])
        self._background.do(
            partial(_read, entry.path), partial(self._on_read, key), partial(self._on_missing, state, key)
        )
        return None

    def _on_missing(self, state: JobState, key: Key, error: StudioError) -> None:
        """Remember the error, so that a file that was moved or deleted is not read again."""
        self._gone.setdefault(state, {})[key] = sentence = tr(error.message)
        self._on_failed(key, sentence)

    def _key(self, state: JobState, image: int, step: int | None, quantity: str) -> Key:
        return state.job.id, image, step, quantity


def _read(path: Path) -> Pixels:
    from studio.gallery.images import read_pixels  # noqa: PLC0415 - the window opens before numpy and Pillow are imported

    return read_pixels(path)
