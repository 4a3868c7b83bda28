"""Requests to continue from a state of another run, with any sampler, prompt, guidance, seed or number of steps.

Invalid forks are rejected here; that an unchanged fork is bit-identical to its run is proved in
tests/engine/requests/test_fork.py. Importable without torch and NumPy: arrays are only inspected.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Self

from msgspec import Meta

from studio.diffusion.spacings import LEVEL_SPACINGS, visit_times
from studio.engine.requests.checks import Text, check_value, check_whole
from studio.engine.requests.generate import MAX_STEPS, GenerateRequest
from studio.errors import RequestError
from studio.messages import message

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.families.interface import ModelInfo
    from studio.messages import Message

MAX_PARENT = 200
MAX_HISTORY = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class StartState:
    """The state of one run: everything that a sampler needs to continue.

    Attributes:
        x: the state, float32 (C, h, w).
        index: the number of steps taken; keys the noise of the next step.
        times: the remaining times, decreasing; the first is that of x, the last is -1, clean data.
        history: the arrays that a multistep sampler needs from earlier steps, float32; empty if another sampler
            continues.
        history_times: their times.
        model_times: what the model is called with at each of ``times`` but the last; empty: as its schedule says.
    """

    x: NDArray[np.float32]
    index: int
    times: tuple[float, ...]
    history: tuple[NDArray[np.float32], ...] = ()
    history_times: tuple[float, ...] = ()
    model_times: tuple[float, ...] = ()

    @property
    def remaining(self) -> int:
        return len(self.times) - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class ForkRequest:
    """Continue from a state of another run; the steps before it are not repeated.

    Attributes:
        request: how to continue. Its count is 1, its seed is that of the remaining noise, and its steps are those of
            the whole run, taken and remaining together (None means exactly that).
        start: the state of the other run.
        parent: the id of that run; empty if it was not recorded.
    """

    request: GenerateRequest
    start: StartState
    parent: str = ""

    def validate(self) -> Self:
        """Return the request itself if there could be a model that can run it.

        Raises:
            RequestError: a field is invalid for every model, or no steps remain; the sentence names the field.
        """
        self.request.validate()
        if self.request.count != 1:
            raise RequestError("count", message("must be 1 to fork: a fork makes one picture"))
        check_value("parent", self.parent, Annotated[Text, Meta(max_length=MAX_PARENT)])
        _check_start(self.start)
        taken, whole = self.start.index, self.start.index + self.start.remaining
        if self.request.steps not in (None, whole):
            reason = message(
                "must be {steps} to continue from step {taken} with {remaining} remaining, not {value}",
                steps=whole,
                taken=taken,
                remaining=self.start.remaining,
                value=self.request.steps,
            )
            raise RequestError("steps", reason)
        return self

    def resolve(self, card: ModelInfo) -> Self:
        """Return the request with everything filled in that was left to the model.

        Raises:
            RequestError: as `validate`, or the model cannot continue from this state: its states have another shape, or
                it has no such times.
        """
        self.validate()
        steps = self.start.index + self.start.remaining
        resolved = replace(self.request, steps=steps).resolve(card, from_noise=False)
        shape = card.latent_shape_for(resolved.width or 0, resolved.height or 0)
        if tuple(self.start.x.shape) != shape:
            made, needed = ("x".join(map(str, sizes)) for sizes in (self.start.x.shape, shape))
            reason = message(
                "is a state of shape {made}, but {model} at {width}x{height} has states of shape {needed}: a fork "
                "keeps the model family and size of its parent",
                made=made,
                model=repr(card.name),
                width=resolved.width,
                height=resolved.height,
                needed=needed,
            )
            raise RequestError("start", reason)
        if self.start.times[0] >= card.T:
            raise RequestError("start", _too_late(self.start.times[0], card.T))
        return dataclasses.replace(self, request=resolved)


def fork_request(
    request: GenerateRequest,
    start: StartState,
    card: ModelInfo,
    *,
    sampler: str | None,
    remaining: int | None = None,
    parent: str = "",
) -> ForkRequest:
    """Return the request that continues a run with other settings.

    Args:
        request: how to continue; its steps and count are ignored.
        start: a state of the run.
        card: of the run's model.
        sampler: of the run; another sampler cannot use the history of its state.
        remaining: the number of remaining steps, spaced anew if it is another than the run's; None keeps the remaining
            times.
        parent: the id of the run; empty if it was not recorded.

    Raises:
        RequestError: a setting is invalid, no steps remain, or there are not that many times.
        UnknownNameError: there is no such spacing.
    """
    if request.sampler != sampler:
        start = replace(start, history=(), history_times=())
    if remaining is not None and remaining != start.remaining:
        check_whole("remaining", remaining, 1, MAX_STEPS - start.index)
        start = respaced(start, remaining, card.T, request.spacing or card.defaults.spacing)
    whole = replace(request, steps=start.index + start.remaining, count=1)
    return ForkRequest(request=whole, start=start, parent=parent).validate()


def respaced(start: StartState, remaining: int, T: int, spacing: str) -> StartState:
    """Return the state with other remaining times; x, its time and the number of steps taken are kept.

    Only for another number of steps: the remaining times of a run are in general not those of any spacing. A spacing of
    levels, whose times depend on the model's schedule, keeps the distribution of the run's own remaining times.

    Args:
        start: the state of a run.
        remaining: the new number of remaining steps; at most one for each time from that of x to 0.
        T: the schedule's number of times.
        spacing: a name in `SPACINGS`.

    Raises:
        RequestError: no steps remain, or there are not that many times.
        UnknownNameError: there is no such spacing.
    """
    _check_start(start)
    here = start.times[0]
    if here >= T:
        raise RequestError("start", _too_late(here, T))
    whole = math.floor(here) + 1  # whole times up to that of x
    check_whole("remaining steps", remaining, 1, whole)
    if spacing in LEVEL_SPACINGS and start.remaining > 1:
        return replace(start, times=_resampled(start.times, remaining), model_times=())
    if spacing in LEVEL_SPACINGS:
        spacing = "trailing"
    # As if the schedule started at the time of x.
    times: tuple[float, ...] = visit_times(whole, remaining, spacing)
    if times[0] != here:  # "leading" omits the noisiest time, and none visits a time between whole ones
        later = visit_times(math.ceil(here), remaining - 1, spacing) if remaining > 1 else (-1,)
        times = (here, *later)
    return replace(start, times=times, model_times=())


def _resampled(times: tuple[float, ...], count: int) -> tuple[float, ...]:
    """Return ``count`` times and the final -1, interpolated between the first and the last of ``times`` before it."""
    strides = len(times) - 2
    again: list[float] = []
    for place in range(count):
        exact = place * strides / max(count - 1, 1)
        before = min(int(exact), strides - 1)
        share = exact - before
        again.append(times[before] + share * (times[before + 1] - times[before]))
    return (*again, -1)


def _too_late(time: float, times: int) -> Message:
    return message("is at time {time}, but the model has only {times} times", time=time, times=times)


def _check_start(start: StartState) -> None:
    """Reject a state that no run can continue from."""
    check_whole("step", start.index, 0, MAX_STEPS)
    times = start.times
    if any(type(t) not in (int, float) for t in times) or not times or times[-1] != -1:
        raise RequestError("start", message("must have numbers for times, and end at -1, clean data"))
    if len(times) == 1:
        raise RequestError("step", message("{step} is the last one: no steps remain", step=start.index))
    if not all(later < earlier for earlier, later in pairwise(times)) or any(-1 < t < 0 for t in times):
        raise RequestError("start", message("must have decreasing times, none of them between -1 and 0"))
    check_whole("steps", start.index + start.remaining, 1, MAX_STEPS)
    if len(start.model_times) not in (0, len(times) - 1):
        raise RequestError("start", message("must have a model time for each time, or none"))
    if len(start.history_times) != len(start.history):
        raise RequestError("start", message("must have a time for each array of history"))
    if not all(map(math.isfinite, (*start.history_times, *start.model_times))):
        raise RequestError("start", message("must have finite numbers for times"))
    if len(start.history) > MAX_HISTORY:
        raise RequestError("start", message("must have at most {high} arrays of history", high=MAX_HISTORY))
    if start.x.ndim != 3 or start.x.size == 0:
        raise RequestError("start", message("must be a state of shape (C, h, w)"))
    for array in (start.x, *start.history):
        if str(array.dtype) != "float32" or (array.size and not math.isfinite(abs(array).max())):
            raise RequestError("start", message("must consist of finite float32 numbers"))
