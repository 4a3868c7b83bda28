"""The engine: takes requests, gives events. It knows no window and no command line; both sit on it.

One thread runs it. From other threads only the ``cancelled`` event is touched.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
import uuid
from typing import TYPE_CHECKING

import numpy as np
import torch

from studio.checkpoints.catalog import find_model
from studio.checkpoints.folder import WEIGHTS_NAME
from studio.checkpoints.model import LoadCancelled
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
from studio.engine.generate import generate, notes_on
from studio.engine.models import ModelSlot
from studio.engine.preview import decode, to_pixels
from studio.engine.previews import NO_PREVIEWS, Previews
from studio.errors import CheckpointError, MemoryShortError, RequestError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from numpy.typing import NDArray

    from studio.checkpoints.catalog import InstalledModel
    from studio.engine.models import ReadyModel
    from studio.engine.requests import GenerateRequest
    from studio.folders import Folders


class Engine:
    """Runs requests on one device, one at a time; keeps the model that was used last."""

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
        request: GenerateRequest,
        *,
        cancelled: threading.Event | None = None,
        previews: Previews = NO_PREVIEWS,
        job_id: str | None = None,
    ) -> Iterator[Event]:
        """Run a request; see `studio.engine.events` for what comes in which order.

        Errors are raised, not yielded: who runs the engine decides what a failure looks like. After one the next
        request runs as if nothing had been.

        Args:
            request: what to make; what it leaves open is filled in from the model's card.
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
        with contextlib.suppress(LoadCancelled), self._wording_full_memory():
            resolved, ready = yield from self._prepare(request, job_id, cancelled, previews)
            for event in generate(resolved, ready, job_id=job_id, cancelled=cancelled, previews=previews):
                if isinstance(event, PictureDone):
                    pictures, looking = pictures + 1, looking + event.preview_seconds
                yield event
        if pictures == request.count:
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

    def report(self) -> EngineReport:
        """Return what this engine runs on, for people to read. Measures the precision where that is not known yet."""
        precision = choose_precision(self.device, self.folders.cache)
        unused = unused_gpu(find_devices())
        return EngineReport(device=self.device.label, dtype=precision.dtype, unused_gpu=unused)

    def _prepare(
        self, request: GenerateRequest, job_id: str, cancelled: threading.Event, previews: Previews
    ) -> Generator[Event, None, tuple[GenerateRequest, ReadyModel]]:
        """Check the request and load its model, telling of it; nothing wrong gets further than this."""
        installed = find_model(request.validate().model, self.folders)
        assert installed.card is not None, "find_model returns models with cards"
        resolved = request.resolve(installed.card)
        if not self._slot.holds(installed, self.device):
            yield ModelLoading(job_id=job_id, model=installed.card.name)
            if cancelled.is_set():
                raise LoadCancelled
        ready = self._load(installed, cancelled)
        resolved = dataclasses.replace(resolved, model=installed.card.name)
        notes = list(notes_on(request, resolved, ready))
        if previews.limited:
            shape = installed.card.latent_shape_for(resolved.width or 0, resolved.height or 0)
            ready.decoders.prepare(shape, cancelled)
            if ready.decoders.fault is not None:
                notes.append(f"Previews are coarser than they could be. {ready.decoders.fault}")
        yield JobStarted(
            job_id=job_id,
            request=resolved,
            model_title=installed.card.title,
            device=self.device.label,
            dtype=ready.precision.dtype,
            steps=resolved.steps or 0,
            weights_sha256=installed.card.weights_sha256,
            notes=tuple(notes),
        )
        return resolved, ready

    def _ready_with(self, name: str, weights_sha256: str) -> ReadyModel:
        """Return the model of these weights: the one that is held, whatever it is called, or else the one of a name."""
        held = self._slot.held
        if held is not None and held.model.card.weights_sha256 == weights_sha256:
            return held
        installed = find_model(name, self.folders)
        assert installed.card is not None, "find_model returns models with cards"
        if installed.card.weights_sha256 != weights_sha256:
            reason = "is not the one that these steps were made with (its hash is another)"
            raise CheckpointError(installed.folder / WEIGHTS_NAME, reason)
        return self._load(installed, threading.Event())

    def _load(self, installed: InstalledModel, cancelled: threading.Event) -> ReadyModel:
        precision = choose_precision(self.device, self.folders.cache, cancelled=cancelled)
        return self._slot.get(installed, self.device, precision, cancelled)

    @contextlib.contextmanager
    def _wording_full_memory(self) -> Iterator[None]:
        """Turn a device's complaint of a full memory into a sentence, and give its memory back."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            self._slot.drop()
            raise MemoryShortError(self.device.name) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is some device's way of saying that its memory is full."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error).lower()
    return "out of memory" in said or "can't allocate memory" in said or "not enough memory" in said
