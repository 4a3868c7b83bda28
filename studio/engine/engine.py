"""The engine: takes requests, gives events. It knows no window and no command line; both sit on it.

One thread runs it. From other threads only the ``cancelled`` event is touched.
"""

from __future__ import annotations

import dataclasses
import threading
import time
import uuid
from typing import TYPE_CHECKING

import torch

from studio.checkpoints.catalog import find_model
from studio.checkpoints.model import LoadCancelled
from studio.engine.device import AUTO, Device, choose, choose_precision
from studio.engine.events import (
    Event,
    JobCancelled,
    JobFinished,
    JobStarted,
    ModelLoading,
    PictureDone,
)
from studio.engine.generate import generate, notes_on
from studio.engine.models import ModelSlot
from studio.engine.previews import NO_PREVIEWS, Previews
from studio.errors import MemoryShortError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from studio.engine.models import ReadyModel
    from studio.engine.requests import GenerateRequest
    from studio.folders import Folders


class Engine:
    """Runs requests on one device, one at a time; keeps the model that was used last."""

    def __init__(self, folders: Folders, device: str = AUTO) -> None:
        """Choose the device.

        Args:
            folders: the user's folders: where models are, and where the chosen precision is remembered.
            device: a device's name, or "auto" for the best one that works.

        Raises:
            DeviceError: there is no such device, or it does not work.
        """
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
            previews: which steps carry a preview; they never change the picture.
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
        started, pictures = time.perf_counter(), 0
        try:
            resolved, ready = yield from self._prepare(request, job_id, cancelled)
            for event in generate(resolved, ready, job_id=job_id, cancelled=cancelled, previews=previews):
                pictures += isinstance(event, PictureDone)
                yield event
        except LoadCancelled:
            pass
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            self._slot.drop()
            raise MemoryShortError(self.device.name) from error
        if pictures == request.count:
            yield JobFinished(job_id=job_id, pictures=pictures, seconds=time.perf_counter() - started)
        else:
            yield JobCancelled(job_id=job_id, pictures=pictures)

    def _prepare(
        self, request: GenerateRequest, job_id: str, cancelled: threading.Event
    ) -> Generator[Event, None, tuple[GenerateRequest, ReadyModel]]:
        """Check the request and load its model, telling of it; nothing wrong gets further than this."""
        installed = find_model(request.validate().model, self.folders)
        assert installed.card is not None, "find_model returns models with cards"
        resolved = request.resolve(installed.card)
        if not self._slot.holds(installed, self.device):
            yield ModelLoading(job_id=job_id, model=installed.card.name)
            if cancelled.is_set():
                raise LoadCancelled
        precision = choose_precision(self.device, self.folders.cache, cancelled=cancelled)
        ready = self._slot.get(installed, self.device, precision, cancelled)
        resolved = dataclasses.replace(resolved, model=installed.card.name)
        yield JobStarted(
            job_id=job_id,
            request=resolved,
            model_title=installed.card.title,
            device=self.device.label,
            dtype=precision.dtype,
            steps=resolved.steps or 0,
            notes=notes_on(request, resolved, ready),
        )
        return resolved, ready


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is some device's way of saying that its memory is full."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error).lower()
    return "out of memory" in said or "can't allocate memory" in said or "not enough memory" in said
