"""The interface of the engine, for code that also runs with a substitute. Importable without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.events import EngineReport, Event, Explained
    from studio.engine.requests.adapters import AdapterRecord
    from studio.engine.requests.generate import GenerateRequest
    from studio.engine.requests.plan import Request
    from studio.engine.requests.previews import Previews
    from studio.engine.training.events import TrainEvent
    from studio.engine.training.request import TrainEstimate, TrainRequest


class Engine(Protocol):
    """Runs jobs: `studio.engine.engine.Engine`, or a substitute in tests."""

    headroom: int

    def run(
        self,
        request: Request,
        *,
        cancelled: threading.Event | None,
        previews: Previews,
        job_id: str | None,
        secondary: bool = False,
    ) -> Iterator[Event]: ...

    def decode(
        self,
        model: str,
        weights_sha256: str,
        latents: NDArray[np.float32],
        *,
        cancelled: threading.Event | None = None,
    ) -> NDArray[np.uint8]:
        """Decode latents of a step to pixels."""

    def explain(
        self,
        request: GenerateRequest,
        weights_sha256: str,
        x: NDArray[np.float32],
        t: float,
        *,
        cancelled: threading.Event | None = None,
        adapters: Sequence[AdapterRecord] | None = None,
    ) -> Explained:
        """Return the model's prediction for a state."""

    def train(
        self, request: TrainRequest, *, cancelled: threading.Event | None, job_id: str | None
    ) -> Generator[TrainEvent, None, None]: ...

    def rehearse_training(self, request: TrainRequest, *, cancelled: threading.Event | None) -> TrainEstimate:
        """Estimate the time and memory of a training by running a few of its steps."""

    def report(self) -> EngineReport: ...
