"""Going back to a step of a run: read, or, of a long run that keeps some of its steps only, made again.

Importable without torch; the engine is the caller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.checkpoints.catalog import find_model
from studio.engine.events import StepDone
from studio.engine.fork import ForkRequest, StartState
from studio.engine.previews import Previews
from studio.errors import CheckpointError

if TYPE_CHECKING:
    import threading

    from studio.checkpoints.card import ModelCard
    from studio.engine.engine import Engine
    from studio.folders import Folders
    from studio.runs.reader import StoredRun


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


def state_at(
    run: StoredRun, step: int, engine: Engine, cancelled: threading.Event | None = None
) -> StartState | None:
    """Return where a run stood at a step, bit for bit where its device is this one; None once ``cancelled``.

    Raises:
        StorageError: the run has no such step, or what there is of it cannot be read.
        StudioError: as `Engine.run`, where the step has to be made again.
    """
    header = run.header
    if step in header.kept or not header.first_index <= step <= header.last_index:
        return run.state(step)
    fork = ForkRequest(request=header.generate_request, start=run.state(run.kept_before(step)), parent=run.id)
    for event in engine.run(fork, cancelled=cancelled, previews=Previews(every=0, arrays=True)):
        if isinstance(event, StepDone) and event.step == step:
            assert event.state is not None, "arrays were asked for"
            times = header.times[step - header.first_index :]
            return StartState(x=event.state, index=step, times=times, history=event.history)
    return None
