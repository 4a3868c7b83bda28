"""Computing again what a run recorded or a picture file describes.

A step whose state a long run did not keep is recomputed from the nearest one before it; a finished picture is verified:
it is generated again and compared with its file. Importable without torch and NumPy; the engine is the caller's.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from studio.checkpoints.catalog import find_model, with_hash
from studio.engine.events import JobStarted, PictureDone, PictureStarted, StepDone
from studio.engine.requests.adapters import check_unchanged
from studio.engine.requests.fork import ForkRequest, StartState, fork_request
from studio.engine.requests.previews import NO_PREVIEWS, Previews
from studio.engine.versions import same_version, versions
from studio.errors import CheckpointError, StorageError
from studio.messages import message

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.protocol import Engine
    from studio.engine.requests.adapters import AdapterRecord
    from studio.engine.requests.generate import GenerateRequest
    from studio.families.interface import ModelInfo
    from studio.folders import Folders
    from studio.gallery.metadata import PictureMetadata
    from studio.messages import Message
    from studio.runs.reader import StoredRun
    from studio.runs.store import RunStore


def model_of(run: StoredRun, folders: Folders) -> ModelInfo:
    """Return the card of the model that a run was made with.

    Raises:
        UnknownNameError: the model is gone.
        CheckpointError: it has changed since, or cannot be used.
    """
    installed = with_hash(find_model(run.header.model, folders), folders)
    assert installed.card is not None, "find_model returns models with cards"
    if installed.card.weights_sha256 != run.header.model_sha256:
        reason = message("is not the one that run {run} was made with (its hash differs)", run=run.id)
        raise CheckpointError(installed.folder, reason)
    return installed.card


def recompute_steps(
    request: GenerateRequest,
    weights_sha256: str,
    start: StartState,
    last: int,
    engine: Engine,
    cancelled: threading.Event | None = None,
    *,
    adapters: Sequence[AdapterRecord] = (),
) -> Iterator[StepDone]:
    """Yield the steps after ``start``, with their arrays, up to step ``last``; fewer once ``cancelled``.

    Args:
        request: the run's own, for its one picture.
        weights_sha256: of its model.
        start: the state to start from.
        last: the last step that is wanted.
        engine: computes them.
        cancelled: stops it.
        adapters: what the run was made with.

    Raises:
        CheckpointError: the model, a LoRA or a textual inversion has changed since.
        StudioError: as `Engine.run`.
    """
    fork = ForkRequest(request=request, start=start, parent="")
    events = engine.run(
        fork, cancelled=cancelled, previews=Previews(every=0, arrays=True), job_id="", secondary=True
    )
    for event in events:
        if isinstance(event, JobStarted) and event.weights_sha256 != weights_sha256:
            reason = message("is not the one that these steps were made with (its hash differs)")
            raise CheckpointError(request.model, reason)
        if isinstance(event, PictureStarted):
            check_unchanged(request.model, adapters, event.adapters)
        if isinstance(event, StepDone):
            yield event
            if event.step >= last:
                return


def state_at(
    run: StoredRun, step: int, engine: Engine, cancelled: threading.Event | None = None
) -> StartState | None:
    """Return the state of a run at a step, bit for bit if this is the run's device; None once ``cancelled``.

    Raises:
        StorageError: the run has no such step, or its files cannot be read.
        CheckpointError: the step has to be recomputed, and the model has changed since.
        StudioError: as `Engine.run`, likewise.
    """
    header = run.header
    if step in header.kept or not header.first_index <= step <= header.last_index:
        return run.state(step)
    start = run.state(run.kept_before(step))
    request, weights = header.generate_request, header.model_sha256
    steps = recompute_steps(request, weights, start, step, engine, cancelled, adapters=header.adapters)
    for done in steps:
        if done.step == step:
            assert done.state is not None, "arrays were asked for"
            taken = step - header.first_index
            return StartState(
                x=done.state,
                index=step,
                times=header.times[taken:],
                history=done.history,
                history_times=done.history_times,
                model_times=header.model_times[taken:],
            )
    return None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The result of verifying a picture.

    Attributes:
        identical: every pixel is the same.
        largest: the largest difference of two values, 0 to 255; None if the pictures differ in size.
        share: of the values that differ, 0 to 1.
        same_state: the last states are the same to the last bit.
        differs: what has changed since the picture was made, by name: the old and the new.
    """

    identical: bool
    largest: int | None
    share: float
    same_state: bool
    differs: dict[str, tuple[str, str]]

    @property
    def sentence(self) -> Message:
        """The result in a sentence or two."""
        if self.identical and self.same_state:
            return message("Identical, bit for bit.")
        if self.identical:
            result = message("Every pixel is identical; the values behind them differ in their last bits.")
        elif self.largest is None:
            result = message("Different: the pictures have different sizes.")
        else:
            result = message(
                "Different: by up to {largest} of 255, in {share:.2%} of the values.",
                largest=self.largest,
                share=self.share,
            )
        if not self.differs:
            return message(
                "{result} Nothing that is recorded in the file has changed, but neither the kind of processor is "
                "recorded nor whether the runs of a comparison shared model calls; both change the last bits.",
                result=result,
            )
        changes = [
            message("{name} (was {old}, is {new})", name=_NAMES.get(name, name), old=old, new=new)
            for name, (old, new) in self.differs.items()
        ]
        listed = functools.reduce(lambda some, one: message("{some}, {one}", some=some, one=one), changes)
        return message("{result} What differs: {changes}.", result=result, changes=listed)


_NAMES = {
    "device": message("device"),
    "dtype": message("dtype"),
    "model hash": message("model hash"),
}


def verify(
    kept: NDArray[np.uint8],
    metadata: PictureMetadata,
    engine: Engine,
    runs: RunStore,
    folders: Folders,
    cancelled: threading.Event | None = None,
    progress: Callable[[StepDone], None] | None = None,
) -> Verdict | None:
    """Generate a picture again and compare; None once ``cancelled``.

    Args:
        kept: the picture, uint8 (H, W, 3).
        metadata: of the picture.
        engine: generates it.
        runs: contain the run that the picture was forked from, if it was.
        folders: contain the models.
        cancelled: stops it.
        progress: is called after each step.

    Raises:
        StudioError: it cannot be reproduced.
    """
    request = _request(metadata, engine, runs, folders, cancelled)
    if request is None:
        return None
    origin = metadata.origin
    wanted = origin.step if origin is not None and origin.kind == "step" else None
    # A preview without a budget is what the model's own decoder makes.
    previews = NO_PREVIEWS if wanted is None else Previews(every=1, arrays=True)
    started: JobStarted | None = None
    began: PictureStarted | PictureDone | None = None
    for event in engine.run(request, cancelled=cancelled, previews=previews, job_id="", secondary=True):
        if isinstance(event, JobStarted):
            started = event
        if isinstance(event, PictureStarted):
            began = event
        if isinstance(event, StepDone) and progress is not None:
            progress(event)
        if isinstance(event, PictureDone) and wanted is None:
            made: list[NDArray[np.uint8]] = [event.pixels]
            same = event.final_sha256 == metadata.final_sha256
        elif isinstance(event, PictureStarted | StepDone) and wanted == _step_of(event):
            made, state = _views(event)
            assert started is not None, "a job starts before its pictures do"
            made.append(engine.decode(metadata.model, started.weights_sha256, state))
            from studio.arrays import sha256_of  # noqa: PLC0415 - it needs numpy, which this module does not

            same = sha256_of(state) == metadata.final_sha256
        else:
            continue
        assert started is not None, "a job starts before its pictures do"
        if isinstance(event, PictureDone):
            began = event
        assert began is not None, "a picture starts before its steps do"
        differs = _differences(metadata, started, began)
        verdicts = [_verdict(kept, pixels, same, differs) for pixels in made]
        return min(verdicts, key=lambda verdict: 256 if verdict.largest is None else verdict.largest)
    return None


def _step_of(event: PictureStarted | StepDone) -> int:
    return event.start.index if isinstance(event, PictureStarted) else event.step


def _views(event: PictureStarted | StepDone) -> tuple[list[NDArray[np.uint8]], NDArray[np.float32]]:
    """Return the pictures of a step besides that of its state, and the state."""
    if isinstance(event, PictureStarted):
        return [], event.start.x
    assert event.preview is not None, "every step has a preview"
    assert event.state is not None, "arrays were asked for"
    return [event.preview], event.state


def _request(
    metadata: PictureMetadata,
    engine: Engine,
    runs: RunStore,
    folders: Folders,
    cancelled: threading.Event | None,
) -> GenerateRequest | ForkRequest | None:
    """Return what to run for a picture; None once ``cancelled``."""
    alone = replace(metadata.generate_request(), model=metadata.model)
    origin = metadata.origin
    if origin is None:
        return alone
    if origin.run not in runs.runs():
        if origin.kind == "step":
            return alone
        reason = message(
            "no longer has the run {run}, from which the picture was forked", run=repr(origin.run)
        )
        raise StorageError(runs.folder, reason)
    parent = runs.open(origin.run)
    header = parent.header
    if origin.kind == "step":
        start = parent.state(header.first_index)
        return ForkRequest(request=header.generate_request, start=start, parent=parent.id)
    state = state_at(parent, origin.step, engine, cancelled)
    if state is None:
        return None
    card = find_model(metadata.model, folders).card
    assert card is not None, "find_model returns models with cards"
    remaining = (alone.steps or 0) - state.index
    sampler = header.request["sampler"]
    return fork_request(alone, state, card, sampler=sampler, remaining=remaining, parent=parent.id)


def _verdict(
    kept: NDArray[np.uint8],
    made: NDArray[np.uint8],
    same_state: bool,
    differs: dict[str, tuple[str, str]],
) -> Verdict:
    largest, share = None, 1.0
    if kept.shape == made.shape:
        apart = abs(kept.astype(int) - made.astype(int))
        largest, share = int(apart.max()), float((apart > 0).mean())
    return Verdict(
        identical=largest == 0, largest=largest, share=share, same_state=same_state, differs=differs
    )


def _differences(
    metadata: PictureMetadata, started: JobStarted, began: PictureStarted | PictureDone
) -> dict[str, tuple[str, str]]:
    """Return what has changed since the picture was made."""
    was = {
        **metadata.versions,
        "device": metadata.device,
        "dtype": metadata.dtype,
        "model hash": metadata.model_sha256,
    }
    now = {
        **versions(),
        "device": started.device,
        "dtype": started.dtype,
        "model hash": started.weights_sha256,
    }
    for old, new in (
        (_adapter_hashes(metadata.adapters), _adapter_hashes(began.adapters)),
        (_precisions(metadata.precisions), _precisions(began.precisions if metadata.precisions else {})),
    ):
        was |= {name: message("unused") for name in new} | old
        now |= {name: message("unused") for name in old} | new
    names = [name for name in was if not _agrees(name, was[name], now.get(name, "unknown"))]
    return {name: (was[name], now.get(name, "unknown")) for name in names}


def _adapter_hashes(adapters: Sequence[AdapterRecord]) -> dict[str, str]:
    return {one.label: one.sha256 for one in adapters}


def _precisions(precisions: Mapping[str, str]) -> dict[str, str]:
    return {message("precision of {part}", part=part): precision for part, precision in precisions.items()}


def _agrees(name: str, was: str, now: str) -> bool:
    return same_version(was, now) if name in versions() else was == now
