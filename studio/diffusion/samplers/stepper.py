"""The interface of samplers: a pure function from one state to the next that yields queries to the model.

``Sampler.step`` is a generator. It yields a ``Query`` (x_t and t) and is sent a ``Prediction``. It calls no model,
so it knows nothing about guidance, batches, devices, previews or progress. The driver (drive.py) owns the only
loop. Imports no torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

from studio.diffusion.samplers.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from torch import Tensor

    from studio.diffusion.conditioning import Conditioning
    from studio.diffusion.denoiser import Prediction
    from studio.diffusion.schedules import Schedule
    from studio.messages import Message


@dataclass(frozen=True, eq=False)
class Query:
    """A query of a sampler: the prediction for these states.

    Attributes:
        x: states, (B, C, H, W).
        t: their common time, 0 to T-1.
        model_time: what the model is called with; None: as its schedule says.
    """

    x: Tensor
    t: float
    model_time: float | None = None


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A query of guidance: the model's output for these states under one condition.

    Attributes:
        x: states, (B, C, H, W).
        t: their common time, 0 to T-1.
        condition: for the same B pictures.
        model_time: what the model is called with; None: as its schedule says.
    """

    x: Tensor
    t: float
    condition: Conditioning
    model_time: float | None = None


History: TypeAlias = "tuple[tuple[float, Tensor], ...]"
"""What a multistep sampler keeps: times, each with a tensor of the state's shape."""


@dataclass(frozen=True, eq=False)
class State:
    """The state of a run between two steps: a value that can be stored, loaded and forked.

    Attributes:
        x: the states of B pictures, (B, C, H, W), at the noise level of `t`.
        index: the number of steps taken; keys the noise of the next step.
        times: all times visited since step ``first``, decreasing; the last is -1, clean data.
        history: what a multistep sampler needs from earlier steps: times, the latest last, each with a tensor.
        first: the number of steps taken at ``times[0]``; 0 unless the run was forked.
        model_times: what the model is called with at each of ``times`` but the last; empty: as its schedule says.
    """

    x: Tensor
    index: int
    times: tuple[float, ...]
    history: History = ()
    first: int = 0
    model_times: tuple[float, ...] = ()

    @property
    def t(self) -> float:
        """The time of x."""
        return self.times[self.index - self.first]

    @property
    def s(self) -> float:
        """The time that the next step leads to; there is none once `finished`."""
        return self.times[self.index - self.first + 1]

    @property
    def times_left(self) -> tuple[float, ...]:
        """The times from that of x on."""
        return self.times[self.index - self.first :]

    @property
    def finished(self) -> bool:
        """Whether x is clean data."""
        return len(self.times_left) == 1

    def model_time(self, t: float) -> float | None:
        """Return what the model is called with at a time; None: as its schedule says."""
        visited = dict(zip(self.times, self.model_times, strict=False))
        return visited.get(t)

    def advance(self, x: Tensor, history: History = ()) -> State:
        """Return the state after a step to `s` that arrived at ``x``."""
        return replace(self, x=x, index=self.index + 1, history=history)


@dataclass(frozen=True, eq=False, kw_only=True)
class StepResult:
    """The result of one step.

    Attributes:
        state: the new state.
        t: the time of the state before the step.
        s: the time of the new state; -1 after the last step.
        x0_hat: the predicted clean data, from the last evaluation of the step.
        prediction: that evaluation.
        model_calls: backbone evaluations per picture in this step; with guidance two per query.
    """

    state: State
    t: float
    s: float
    x0_hat: Tensor
    prediction: Prediction
    model_calls: int


StepNoise: TypeAlias = "Callable[[int], Tensor]"
"""Maps the number of a draw within the step to unit noise of the state's shape. Each number may be drawn once."""

Steps: TypeAlias = "Generator[Query, Prediction, State]"
"""The return type of ``Sampler.step``."""


class NoiseSource(Protocol):
    """Provides a driver with the noise of each step (``studio.diffusion.noise.Noise``)."""

    def at(self, step: int) -> StepNoise:
        """Return the draws of the step with this index."""


class Guidance(Protocol):
    """Sits between sampler and model (``studio.diffusion.guidance``)."""

    def ask(self, query: Query) -> Generator[tuple[Evaluation, ...], tuple[Prediction, ...], Prediction]:
        """Yield the evaluations that the query needs, receive their predictions, return one prediction."""


OptionsT = TypeVar("OptionsT", bound=Options)


class Sampler(ABC, Generic[OptionsT]):
    """The rule that leads from one visited time to the next.

    Attributes:
        name: its key in ``SAMPLERS``.
        title: its display name.
        summary: one sentence about what it does.
        paper: authors, year and arXiv id.
        Options: the dataclass of its options; their fields describe the controls.
        a1111: its name in A1111 and Forge; "" if they do not have it.
        comfyui: its name in ComfyUI; "" if it does not have it.
        compared: whether a comparison of samplers and the evaluation take it by default: its rule is that of
            no other sampler, and it is for every kind of model.
    """

    name: ClassVar[str]
    title: ClassVar[Message]
    summary: ClassVar[Message]
    paper: ClassVar[str]
    Options: ClassVar[type[Any]]
    a1111: ClassVar[str] = ""
    comfyui: ClassVar[str] = ""
    compared: ClassVar[bool] = False

    def __init__(self, schedule: Schedule, options: OptionsT) -> None:
        self.schedule, self.options = schedule, options

    @classmethod
    def count_queries(cls, options: OptionsT, steps: int) -> int:
        """Return how many queries a whole run makes: one per step by default. With guidance a query is two model calls.

        Args:
            options: the sampler's options.
            steps: of the run, at least one; the last one arrives at clean data.
        """
        return steps

    @classmethod
    def draws_noise(cls, options: OptionsT) -> bool:
        """Return whether its steps add noise, so that the seed matters after x_T. The last step never adds any."""
        return True

    @classmethod
    def ode_limit(cls, options: OptionsT) -> bool:
        """Return whether, with more and more steps, its result converges to the solution of the probability-flow ODE.

        The results of all such samplers converge to the same picture.
        """
        return False

    @classmethod
    def first_query_time(cls, t: float, s: float) -> float:
        """Return the time at which a step from t to s first evaluates the state that it starts from."""
        return t

    @abstractmethod
    def step(self, state: State, t: float, s: float, noise: StepNoise) -> Steps:
        """Take one step from t to s.

        Args:
            state: the state before the step; not changed.
            t: ``state.t``, 0 to T-1.
            s: ``state.s``, below t. At -1 there is no score, and x is x_0.
            noise: the draws of this step.

        Yields:
            Queries; a prediction is sent in reply to each.

        Returns:
            The state at s (see ``State.advance``).
        """
