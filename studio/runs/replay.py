"""Going back to a step of a run: read, or, of a long run that keeps some of its steps only, made again.

Importable without torch; the engine is the caller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from studio.checkpoints.catalog import find_model
from studio.engine.events import JobStarted, StepDone
from studio.engine.fork import ForkRequest, StartState
from studio.engine.previews import Previews
from studio.errors import CheckpointError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from studio.checkpoints.card import ModelCard
    from studio.engine.events import Event
    from studio.engine.plan import Request
    from studio.engine.requests import GenerateRequest
    from studio.folders import Folders
    from studio.runs.reader import StoredRun


class Runner(Protocol):
    """What makes steps again: the engine, as far as it is needed for that."""

    def run(
        self,
        request: Request,
        *,
        cancelled: threading.Event | None,
        previews: Previews,
        job_id: str | None,
    ) -> Iterator[Event]:
        """Run a request."""

    def decode(self, model: str, weights_sha256: str, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the picture of latents."""


def model_of(run: StoredRun, folders: Folders) -> ModelCard:
    """Return the card of the model that a run was made with.

    Raises:
        UnknownNameError: the model is gone.
        CheckpointError: it is another model by now, or cannot be used.
    """
    installed = find_model(run.header.model, folders)
    assert installed.card is not None, "find_model returns models with cards"
    if installed.card.weights_sha256 != run.header.model_sha256:
        reason = f"is not the one that run {run.id} was made with (its hash is another)"
        raise CheckpointError(installed.folder, reason)
    return installed.card


def steps_again(
    request: GenerateRequest,
    weights_sha256: str,
    start: StartState,
    last: int,
    engine: Runner,
    cancelled: threading.Event | None = None,
) -> Iterator[StepDone]:
    """Yield the steps after ``start``, with their arrays, up to step ``last``; fewer once ``cancelled``.

    Args:
        request: the run's own, for its one picture.
        weights_sha256: of its model.
        start: where it stood.
        last: the last step that is wanted.
        engine: what makes them.
        cancelled: stops it.

    Raises:
        CheckpointError: the model is another by now.
        StudioError: as `Engine.run`.
    """
    fork = ForkRequest(request=request, start=start, parent="")
    events = engine.run(fork, cancelled=cancelled, previews=Previews(every=0, arrays=True), job_id="")
    for event in events:
        if isinstance(event, JobStarted) and event.weights_sha256 != weights_sha256:
            reason = "is not the one that these steps were made with (its hash is another)"
            raise CheckpointError(request.model, reason)
        if isinstance(event, StepDone):
            yield event
            if event.step >= last:
                return


def state_at(
    run: StoredRun, step: int, engine: Runner, cancelled: threading.Event | None = None
) -> StartState | None:
    """Return where a run stood at a step, bit for bit where its device is this one; None once ``cancelled``.

    Raises:
        StorageError: the run has no such step, or what there is of it cannot be read.
        CheckpointError: the step has to be made again, and the model is another by now.
        StudioError: as `Engine.run`, likewise.
    """
    header = run.header
    if step in header.kept or not header.first_index <= step <= header.last_index:
        return run.state(step)
    start = run.state(run.kept_before(step))
    request, weights = header.generate_request, header.model_sha256
    for done in steps_again(request, weights, start, step, engine, cancelled):
        if done.step == step:
            assert done.state is not None, "arrays were asked for"
            times = header.times[step - header.first_index :]
            return StartState(x=done.state, index=step, times=times, history=done.history)
    return None
