"""The engine: takes requests, gives events. It knows no window and no command line; both sit on it.

One thread runs it. From other threads only the ``cancelled`` event is touched.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from typing import TYPE_CHECKING

import numpy as np
import torch

from studio.checkpoints.catalog import find_model
from studio.checkpoints.folder import WEIGHTS_NAME
from studio.checkpoints.model import LoadCancelled
from studio.engine.compare import CompareRequest
from studio.engine.device import AUTO, Device, choose, choose_precision, find_devices, spare_cores, unused_gpu
from studio.engine.events import (
    EngineReport,
    Event,
    JobCancelled,
    JobFinished,
    JobStarted,
    ModelLoading,
    PictureDone,
)
from studio.engine.explain import explain
from studio.engine.generate import make
from studio.engine.memory import wording_full_memory
from studio.engine.models import ModelSlot
from studio.engine.notes import notes_on, said_once
from studio.engine.plan import plan
from studio.engine.preview import decode, to_pixels
from studio.engine.previews import NO_PREVIEWS, Previews
from studio.engine.training import rehearse_training, train
from studio.errors import CheckpointError, RequestError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from numpy.typing import NDArray

    from studio.checkpoints.catalog import InstalledModel
    from studio.engine.explained import Explained
    from studio.engine.models import ReadyModel
    from studio.engine.plan import Part, Request
    from studio.engine.requests import GenerateRequest
    from studio.engine.train_events import TrainEvent
    from studio.engine.train_request import TrainEstimate, TrainRequest
    from studio.folders import Folders


class Engine:
    """Runs requests on one device, one at a time; keeps the models that were used last."""

    def __init__(self, folders: Folders, device: str = AUTO, *, spared_cores: int = 0) -> None:
        """Choose the device.

        Args:
            folders: the user's folders: where models are, and where the chosen precision is remembered.
            device: a device's name, or "auto" for the best one that works.
            spared_cores: how many of the processor's cores are left to others, such as the window around this engine.

        Raises:
            DeviceError: there is no such device, or it does not work.
        """
        if spared_cores:
            spare_cores(spared_cores)
        self.folders = folders
        self.device: Device = choose(device)
        self._slot = ModelSlot()

    def run(
        self,
        request: Request,
        *,
        cancelled: threading.Event | None = None,
        previews: Previews = NO_PREVIEWS,
        job_id: str | None = None,
    ) -> Iterator[Event]:
        """Run a request; see `studio.engine.events` for what comes in which order.

        Errors are raised, not yielded: who runs the engine decides what a failure looks like. After one the next
        request runs as if nothing had been.

        Args:
            request: what to make; what it leaves open is filled in from the model's card. A fork goes on from a state
                of another run; a comparison makes several pictures in lockstep, with several models if need be.
            cancelled: set it from any thread to stop: after at most one more model call, and within a load between
                two tensors.
            previews: what is shown of the pictures while they form; it never changes them.
            job_id: what every event carries; None makes a new one.

        Yields:
            The job's events. Closing the iterator stops the job too.

        Raises:
            RequestError: a field of the request cannot be used, or not with this model.
            CheckpointError: the model's files cannot be used.
            NotFiniteError: the model gave NaN or infinity.
            MemoryShortError: the device ran out of memory.
        """
        job_id, cancelled = job_id or uuid.uuid4().hex, cancelled or threading.Event()
        started, pictures, looking = time.perf_counter(), 0, 0.0
        parts = plan(request, self.folders)
        with contextlib.suppress(LoadCancelled), self._wording_full_memory(len(parts)):
            ready = yield from self._prepare(parts, job_id, cancelled, previews)
            batched = request.batched if isinstance(request, CompareRequest) else None
            for event in make(
                parts, ready, batched=batched, job_id=job_id, cancelled=cancelled, previews=previews
            ):
                if isinstance(event, PictureDone):
                    pictures, looking = pictures + 1, looking + event.preview_seconds
                yield event
        if pictures == sum(part.request.count for part in parts):
            seconds = time.perf_counter() - started
            yield JobFinished(job_id=job_id, pictures=pictures, seconds=seconds, preview_seconds=looking)
        else:
            yield JobCancelled(job_id=job_id, pictures=pictures)

    def decode(self, model: str, weights_sha256: str, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return latents of a run, such as an x0_hat that was shown cheaply, as the codec's own decoder sees them.

        For the thread that runs the engine, between two events or jobs. The model is loaded if it is not the one held.

        Args:
            model: as the request has it.
            weights_sha256: of the model that the latents are of, as `JobStarted` has it.
            latents: (C, h, w), as in `StepDone`.

        Returns:
            uint8 (H, W, 3), read-only.

        Raises:
            UnknownNameError: the model is gone.
            CheckpointError: it is another model by now, or cannot be read.
            RequestError: the latents are not such as the model has.
            MemoryShortError: the device ran out of memory.
        """
        with self._wording_full_memory():
            ready = self._ready_with(model, weights_sha256)
            card = ready.model.card
            if latents.shape not in {card.latent_shape_for(*size) for size in card.sizes}:
                raise RequestError("latents", f"have a shape that the model {card.name!r} does not make")
            states = torch.from_numpy(latents.astype(np.float32)).to(ready.model.device)
            return to_pixels(decode(ready.model, states[None]))

    def explain(
        self, request: GenerateRequest, weights_sha256: str, x: NDArray[np.float32], t: int
    ) -> Explained:
        """Return what the model believes of a state of a run, and both sides of guidance; one guided call.

        For the thread that runs the engine, as `decode` is.

        Args:
            request: of the run, as `PictureStarted` has it: resolved.
            weights_sha256: of its model, as `JobStarted` has it.
            x: the state, (C, h, w), as in `StepDone`.
            t: its time, 0 to T-1; clean data has no score.

        Raises:
            UnknownNameError: the model is gone.
            CheckpointError: it is another model by now, or cannot be read.
            RequestError: the state is not one of such a run.
            MemoryShortError: the device ran out of memory.
        """
        with self._wording_full_memory():
            ready = self._ready_with(request.model, weights_sha256)
            return explain(request.resolve(ready.model.card), ready, x, t)

    def train(
        self, request: TrainRequest, *, cancelled: threading.Event | None = None, job_id: str | None = None
    ) -> Iterator[TrainEvent]:
        """Train a model, going on where it was stopped; see `studio.engine.training.train`."""
        job_id, cancelled = job_id or uuid.uuid4().hex, cancelled or threading.Event()
        with self._wording_full_memory():
            yield from train(request, self.folders, self.device, cancelled=cancelled, job_id=job_id)

    def rehearse_training(
        self, request: TrainRequest, *, cancelled: threading.Event | None = None
    ) -> TrainEstimate:
        """Take a few steps of a training to find out what it takes here; they are forgotten, the figures are not."""
        with self._wording_full_memory():
            return rehearse_training(request, self.folders, self.device, cancelled or threading.Event())

    def report(self) -> EngineReport:
        """Return what this engine runs on, for people to read. Measures the precision where that is not known yet."""
        precision = choose_precision(self.device, self.folders.cache)
        unused = unused_gpu(find_devices())
        return EngineReport(device=self.device.label, dtype=precision.dtype, unused_gpu=unused)

    def _prepare(
        self, parts: Sequence[Part], job_id: str, cancelled: threading.Event, previews: Previews
    ) -> Generator[Event, None, list[ReadyModel]]:
        """Load the models of all parts, telling of it; return them."""
        self._slot.keep_only([part.installed for part in parts], self.device)
        ready = []
        for part in parts:
            if not self._slot.holds(part.installed, self.device):
                yield ModelLoading(job_id=job_id, model=part.card.name)
                if cancelled.is_set():
                    raise LoadCancelled
            ready.append(self._load(part.installed, cancelled))
        notes = [
            list(notes_on(part.asked, part.request, one)) for part, one in zip(parts, ready, strict=True)
        ]
        if previews.limited:
            for part, one, said in zip(parts, ready, notes, strict=True):
                one.decoders.prepare(part.shape, cancelled)
                if one.decoders.fault is not None:
                    said.append(f"Previews are coarser than they could be. {one.decoders.fault}")
        yield JobStarted(
            job_id=job_id,
            request=parts[0].request,
            model_title=", ".join(dict.fromkeys(part.card.title for part in parts)),
            device=self.device.label,
            dtype=ready[0].precision.dtype,
            steps=parts[0].request.steps or 0,
            weights_sha256=parts[0].card.weights_sha256,
            notes=said_once(notes),
            requests=tuple(part.request for part in parts),
            weights=tuple(part.card.weights_sha256 for part in parts),
        )
        return ready

    def _ready_with(self, name: str, weights_sha256: str) -> ReadyModel:
        """Return the model of these weights: one that is held, whatever it is called, or else the one of a name."""
        held = self._slot.with_weights(weights_sha256)
        if held is not None:
            return held
        installed = find_model(name, self.folders)
        assert installed.card is not None, "find_model returns models with cards"
        if installed.card.weights_sha256 != weights_sha256:
            reason = "is not the one that these steps were made with (its hash is another)"
            raise CheckpointError(installed.folder / WEIGHTS_NAME, reason)
        self._slot.keep_only([installed], self.device)
        return self._load(installed, threading.Event())

    def _load(self, installed: InstalledModel, cancelled: threading.Event) -> ReadyModel:
        precision = choose_precision(self.device, self.folders.cache, cancelled=cancelled)
        return self._slot.get(installed, self.device, precision, cancelled)

    def _wording_full_memory(self, panes: int = 1) -> contextlib.AbstractContextManager[None]:
        return wording_full_memory(self.device.name, self._slot.drop, panes)
