"""What a sampler is: a pure function from a state to the next, which asks for evaluations as it goes.

``step`` is a generator. It yields a ``Query`` (x_t and t) and is sent a ``Prediction`` about it. It calls no
model, so it knows nothing of guidance, batches, devices, previews or progress. Whoever drives it (drive.py)
owns the only loop. Imports no torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

from studio.diffusion.samplers.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from torch import Tensor

    from studio.diffusion.denoiser import Condition, Prediction
    from studio.diffusion.schedules import Schedule


@dataclass(frozen=True, eq=False)
class Query:
    """A sampler's question: what is to be believed about these states?

    Attributes:
        x: states, (B, C, H, W).
        t: their common time, 0 to T-1.
    """

    x: Tensor
    t: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A guidance's question: what does the model say about these states under this condition?

    Attributes:
        x: states, (B, C, H, W).
        t: their common time, 0 to T-1.
        condition: for the same B pictures.
    """

    x: Tensor
    t: int
    condition: Condition


@dataclass(frozen=True, eq=False)
class State:
    """Where a run stands: a value that can be stored, loaded and forked.

    Attributes:
        x: the states of B pictures, (B, C, H, W), distributed as the schedule has it at ``times[0]``.
        index: the number of steps taken; keys the noise of the next one.
        times: the times that remain, falling; the first is where x stands, the last is -1, clean data.
        history: what a multistep sampler keeps from earlier steps.
    """

    x: Tensor
    index: int
    times: tuple[int, ...]
    history: tuple[Tensor, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether x is clean data."""
        return len(self.times) == 1

    def moved(self, x: Tensor, history: tuple[Tensor, ...] = ()) -> State:
        """Return the state after a step to ``times[1]``."""
        return State(x, self.index + 1, self.times[1:], history)


@dataclass(frozen=True, eq=False, kw_only=True)
class StepResult:
    """One step taken.

    Attributes:
        state: the state reached.
        t: the time it came from.
        s: the time it reached; -1 after the last step.
        x0_hat: what the picture is believed to become, by the step's last evaluation.
        prediction: that evaluation as a whole.
        model_calls: backbone evaluations for each picture in this step; guidance counts two.
    """

    state: State
    t: int
    s: int
    x0_hat: Tensor
    prediction: Prediction
    model_calls: int


StepNoise: TypeAlias = "Callable[[int], Tensor]"
"""Of a draw's number within the step, unit noise of the state's shape. Each number may be drawn once."""

Steps: TypeAlias = "Generator[Query, Prediction, State]"
"""What ``Sampler.step`` returns."""


class NoiseSource(Protocol):
    """Where a driver finds the noise of each step (``studio.diffusion.noise.Noise``)."""

    def at(self, step: int) -> StepNoise:
        """Return the draws of the step with this index."""


class Guidance(Protocol):
    """What stands between sampler and model (``studio.diffusion.guidance``)."""

    def ask(self, query: Query) -> Generator[tuple[Evaluation, ...], tuple[Prediction, ...], Prediction]:
        """Yield the evaluations the query needs, be sent their predictions, return one prediction."""


OptionsT = TypeVar("OptionsT", bound=Options)


class Sampler(ABC, Generic[OptionsT]):
    """The rule from one visited time to the next.

    Attributes:
        name: its name in ``SAMPLERS``.
        title: its name for people.
        summary: one sentence on what it does.
        paper: authors, year and arXiv id.
        Options: the class of its options, whose fields say how to show them.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    paper: ClassVar[str]
    Options: ClassVar[type[Any]]

    def __init__(self, schedule: Schedule, options: OptionsT) -> None:
        """Remember the model's schedule and the options."""
        self.schedule, self.options = schedule, options

    @classmethod
    def count_queries(cls, options: OptionsT, steps: int) -> int:
        """Return how many queries a whole run makes; with guidance each may take two model calls.

        One a step, unless a sampler says otherwise.

        Args:
            options: the sampler's options.
            steps: of the run, at least one; the last arrives at clean data.
        """
        return steps

    @abstractmethod
    def step(self, state: State, t: int, s: int, noise: StepNoise) -> Steps:
        """Take one step from t to s.

        Args:
            state: where the run stands; not changed.
            t: ``state.times[0]``, 0 to T-1.
            s: ``state.times[1]``, -1 to t - 1; at -1 there is no score and x is x_0.
            noise: the draws of this step.

        Yields:
            Queries; to each a prediction is sent.

        Returns:
            ``state.moved`` to s.
        """
