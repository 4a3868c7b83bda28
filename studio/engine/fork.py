"""Going on from where another run stood: with another sampler, prompt, guidance, seed or number of steps.

Importable without torch, and without NumPy: arrays are only looked at.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Self

from studio.diffusion.spacings import visit_times
from studio.engine.checks import check_text, check_whole
from studio.engine.requests import MAX_STEPS, GenerateRequest
from studio.errors import RequestError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.checkpoints.card import ModelCard

MAX_PARENT = 200
MAX_HISTORY = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class StartState:
    """Where one run stands: everything that a sampler needs to go on.

    Attributes:
        x: the state, float32 (C, h, w).
        index: the number of steps taken; keys the noise of the next one.
        times: the times that remain, falling; the first is where x stands, the last is -1, clean data.
        history: what a multistep sampler keeps from earlier steps, float32; empty where another sampler goes on.
    """

    x: NDArray[np.float32]
    index: int
    times: tuple[int, ...]
    history: tuple[NDArray[np.float32], ...] = ()

    @property
    def remaining(self) -> int:
        """How many steps there are to go."""
        return len(self.times) - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class ForkRequest:
    """Go on from a state of another run; the steps before it are not taken again.

    Attributes:
        request: how to go on. Its count is 1, its seed is that of the noise still to come, and its steps are all of the
            run's: those that the start has behind it and those that remain (None is just that).
        start: where the other run stood.
        parent: the id of that run; empty where it was not recorded.
    """

    request: GenerateRequest
    start: StartState
    parent: str = ""

    def validate(self) -> Self:
        """Return the request itself if some model could run it.

        Raises:
            RequestError: a field holds what no model can use, or nothing remains to be done; the sentence names it.
        """
        self.request.validate()
        if self.request.count != 1:
            raise RequestError("count", "must be 1 to fork: a fork makes one picture")
        check_text("parent", self.parent, MAX_PARENT)
        _check_start(self.start)
        taken, whole = self.start.index, self.start.index + self.start.remaining
        if self.request.steps not in (None, whole):
            left = self.start.remaining
            raise RequestError(
                "steps",
                f"must be {whole} to go on from step {taken} with {left} to go, not {self.request.steps}",
            )
        return self

    def resolve(self, card: ModelCard) -> Self:
        """Return the request with everything filled in that was left to the model.

        Raises:
            RequestError: as `validate`, or the model cannot go on from there: its states have another shape, or it has
                no such times.
        """
        self.validate()
        steps = self.start.index + self.start.remaining
        resolved = replace(self.request, steps=steps).resolve(card)
        shape = card.latent_shape_for(resolved.width or 0, resolved.height or 0)
        if tuple(self.start.x.shape) != shape:
            made, needed = ("x".join(map(str, sizes)) for sizes in (self.start.x.shape, shape))
            raise RequestError(
                "start",
                f"is a state of shape {made}, but {card.name!r} at {resolved.width}x{resolved.height} has states of "
                f"shape {needed}: a fork keeps its parent's model family and size",
            )
        times = card.schedule.config.get("T", MAX_STEPS)
        if isinstance(times, int) and self.start.times[0] >= times:
            raise RequestError(
                "start", f"stands at time {self.start.times[0]}, but the model has only {times} times"
            )
        return dataclasses.replace(self, request=resolved)


def respaced(start: StartState, remaining: int, T: int, spacing: str) -> StartState:
    """Return the state with the times that remain spaced anew; x, its time and the steps taken are kept.

    Only for another number of steps: the times that a run has left are no spacing of their own.

    Args:
        start: where the run stands.
        remaining: how many steps there shall be to go; at most one for each time from where x stands to 0.
        T: the schedule's number of times.
        spacing: a name in `SPACINGS`.

    Raises:
        RequestError: there is nothing to go, or not as many times.
        UnknownNameError: there is no such spacing.
    """
    _check_start(start)
    here = start.times[0]
    if here >= T:
        raise RequestError("start", f"stands at time {here}, but the model has only {T} times")
    check_whole("remaining steps", remaining, 1, here + 1)
    times = visit_times(here + 1, remaining, spacing)  # as if the schedule began where x stands
    if times[0] != here:  # "leading" leaves the noisiest time out
        times = visit_times(here, remaining - 1, spacing) if remaining > 1 else (-1,)
        times = (here, *times)
    return replace(start, times=times)


def _check_start(start: StartState) -> None:
    """Refuse a state that no run can go on from."""
    check_whole("step", start.index, 0, MAX_STEPS)
    times = start.times
    if any(type(t) is not int for t in times) or not times or times[-1] != -1:
        raise RequestError("start", "must have whole numbers for times, and end at -1, clean data")
    if len(times) == 1:
        raise RequestError("step", f"{start.index} is the last one: nothing remains to be done from there")
    if any(later >= earlier for earlier, later in pairwise(times)):
        raise RequestError("start", "must have times that fall")
    check_whole("steps", start.index + start.remaining, 1, MAX_STEPS)
    if len(start.history) > MAX_HISTORY:
        raise RequestError("start", f"must have at most {MAX_HISTORY} arrays of history")
    if start.x.ndim != 3 or start.x.size == 0:
        raise RequestError("start", "must be a state of shape (C, h, w)")
    for array in (start.x, *start.history):
        if str(array.dtype) != "float32" or (array.size and not math.isfinite(abs(array).max())):
            raise RequestError("start", "must be made of finite float32 numbers")
