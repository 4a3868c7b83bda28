"""What the window asks of an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.events import EngineReport, Event
    from studio.engine.explained import Explained
    from studio.engine.previews import Previews
    from studio.engine.requests import GenerateRequest
    from studio.ui.models.job import JobRequest


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

    def report(self) -> EngineReport:
        """Say what the engine runs on."""
