"""What the window asks of an engine, and what it hears of one being made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.events import EngineReport, Event
    from studio.engine.explained import Explained
    from studio.engine.previews import Previews
    from studio.engine.requests import GenerateRequest
    from studio.engine.train_events import TrainEvent
    from studio.engine.train_request import TrainEstimate, TrainRequest
    from studio.ui.core.job import JobRequest


@dataclass(frozen=True, kw_only=True)
class EngineReady:
    """The engine is there."""

    report: EngineReport


@dataclass(frozen=True, kw_only=True)
class EngineFailed:
    """The engine could not be made; the next job tries again."""

    sentence: str
    details: str


class Engine(Protocol):
    """What runs jobs: `studio.engine.engine.Engine`, or a script in its place."""

    def run(
        self,
        request: JobRequest,
        *,
        cancelled: threading.Event | None,
        previews: Previews,
        job_id: str | None,
    ) -> Iterator[Event]:
        """Run a request."""

    def decode(self, model: str, weights_sha256: str, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the picture of latents."""

    def explain(
        self, request: GenerateRequest, weights_sha256: str, x: NDArray[np.float32], t: int
    ) -> Explained:
        """Return what the model believes of a state."""

    def train(
        self, request: TrainRequest, *, cancelled: threading.Event | None, job_id: str | None
    ) -> Generator[TrainEvent, None, None]:
        """Train a model, or go on training it."""

    def rehearse_training(self, request: TrainRequest, *, cancelled: threading.Event | None) -> TrainEstimate:
        """Find out what a training takes, by a few of its steps."""

    def report(self) -> EngineReport:
        """Say what the engine runs on."""
