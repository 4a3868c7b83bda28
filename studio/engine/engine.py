"""The engine: from a request to a stream of events. It knows neither the window nor the command line, which use it.

It belongs to one thread. Other threads may only set the ``cancelled`` event.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from studio.checkpoints.catalog import find_model, with_hash
from studio.checkpoints.formats import convert_installed
from studio.engine.device.device import AUTO, Device, choose, find_devices, spare_cores, unused_gpu
from studio.engine.device.precision import choose_precision
from studio.engine.events import (
    EngineReport,
    Event,
    JobCancelled,
    JobFinished,
    JobStarted,
    ModelLoading,
    PictureDone,
)
from studio.engine.memory import SHARED_MEMORY, device_memory, raising_memory_short
from studio.engine.memory_plan import (
    DEFAULT_HEADROOM_BYTES,
    RUNG_LABELS,
    DeviceMemory,
    MemoryNeed,
    next_rung,
    smaller_sizes,
)
from studio.engine.requests.adapters import check_unchanged
from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.plan import plan, resolve_text
from studio.engine.requests.previews import NO_PREVIEWS, Previews
from studio.engine.sampling.decoders import decode, to_pixels
from studio.engine.sampling.explain import explain
from studio.engine.sampling.generate import make
from studio.engine.sampling.interruption import Interrupter
from studio.engine.sampling.models import LoadedModels
from studio.engine.sampling.notes import merge_notes, notes_on
from studio.engine.training.pipeline import rehearse_training, train
from studio.errors import CheckpointError, MemoryShortError, RequestError, SmallerPlan
from studio.families.interface import makes_latents
from studio.messages import message
from studio.weights.files import LoadCancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from numpy.typing import NDArray

    from studio.engine.events import Explained
    from studio.engine.memory_plan import Rung
    from studio.engine.requests.adapters import AdapterRecord, ResolvedPrompts
    from studio.engine.requests.generate import GenerateRequest
    from studio.engine.requests.plan import Part, Request
    from studio.engine.sampling.models import ReadyModel
    from studio.engine.training.events import TrainEvent
    from studio.engine.training.request import TrainEstimate, TrainRequest
    from studio.families.interface import ModelInfo
    from studio.folders import Folders


class Engine:
    """Runs requests on one device, one at a time, and keeps models in memory as long as they fit.

    Showing an older run (`decode`, `explain`, or `run` with ``secondary``) loads its model beside those of the last job
    if there is enough memory, and never replaces them.

    Attributes:
        folders: the user's folders.
        device: where it runs.
        headroom: bytes of the device's memory to leave to other programs; may be changed from any thread.
    """

    def __init__(self, folders: Folders, device: str = AUTO, *, spared_cores: int = 0) -> None:
        """Choose the device.

        Args:
            folders: the user's folders: models, and the cache of measured precisions.
            device: a device's name, or "auto" for the best one that works.
            spared_cores: how many CPU cores to leave to other threads, such as that of a window.

        Raises:
            DeviceError: the device does not exist or does not work.
        """
        if spared_cores:
            spare_cores(spared_cores)
        self.folders = folders
        self.device: Device = choose(device)
        self.headroom = DEFAULT_HEADROOM_BYTES
        self._least_rungs: dict[tuple[str, int, int], tuple[Rung, ...]] = {}
        self._interrupter = Interrupter()
        self._models = LoadedModels(self._interrupter, folders)
        self._last_prompts: tuple[object, ResolvedPrompts] | None = None

    def run(
        self,
        request: Request,
        *,
        cancelled: threading.Event | None = None,
        previews: Previews = NO_PREVIEWS,
        job_id: str | None = None,
        secondary: bool = False,
    ) -> Iterator[Event]:
        """Run a request; see `studio.engine.events` for the order of the events.

        Errors are raised, not yielded: the caller decides how a failure is shown. An error does not affect the next
        request.

        Args:
            request: what to make; what it leaves open is filled in from the model's card. A fork continues from a state
                of another run; a comparison makes several pictures in lockstep, possibly with several models.
            cancelled: may be set from any thread to stop the job: during a model call, and while a picture is decoded,
                between two blocks of the network; during loading between two tensors.
            previews: how the pictures are shown while they form; never changes them.
            job_id: of every event; None creates a new one.
            secondary: whether this recomputes an older run: it must not unload the models of the last job, and its
                spacing is not judged (`check_start`).

        Yields:
            The job's events. Closing the iterator stops the job too.

        Raises:
            RequestError: a field of the request is invalid, or cannot be used with this model.
            CheckpointError: the model's files cannot be used.
            NotFiniteError: the model returned NaN or infinity.
            MemoryShortError: the device ran out of memory.
            ModelInUseError: a secondary job needs another model, and there is not enough memory for both.
        """
        job_id, cancelled = job_id or uuid.uuid4().hex, cancelled or threading.Event()
        started, pictures, preview_seconds = time.perf_counter(), 0, 0.0
        try:
            parts = plan(request, self.folders, reproduces=secondary, cancelled=cancelled)
        except LoadCancelled:
            yield JobCancelled(job_id=job_id, pictures=0)
            return
        with (
            contextlib.suppress(LoadCancelled),
            self._raising_memory_short(lambda: self._ran_short(parts)),
        ):
            ready = yield from self._prepare(parts, job_id, cancelled, previews, secondary=secondary)
            batched = request.batched if isinstance(request, CompareRequest) else None
            with self._models.use(ready):
                events = make(
                    parts, ready, batched=batched, job_id=job_id, cancelled=cancelled, previews=previews
                )
                for event in self._interrupter.watched(events, cancelled):
                    if isinstance(event, PictureDone):
                        pictures, preview_seconds = pictures + 1, preview_seconds + event.preview_seconds
                    yield event
        if pictures == sum(part.request.count for part in parts):
            seconds = time.perf_counter() - started
            yield JobFinished(
                job_id=job_id, pictures=pictures, seconds=seconds, preview_seconds=preview_seconds
            )
        else:
            yield JobCancelled(job_id=job_id, pictures=pictures)

    def decode(
        self,
        model: str,
        weights_sha256: str,
        latents: NDArray[np.float32],
        *,
        cancelled: threading.Event | None = None,
    ) -> NDArray[np.uint8]:
        """Decode latents of a run with the codec's own decoder, such as an x0_hat whose preview was a draft.

        Called in the engine's thread, also between two events of a job. If the model is not in memory, it is loaded
        beside the others; a job that runs is never affected.

        Args:
            model: as in the request.
            weights_sha256: of the model, as in `JobStarted`.
            latents: (C, h, w), as in `StepDone`.
            cancelled: may be set from any thread to stop loading the model between two tensors, and the decoding
                between two blocks of the network.

        Returns:
            uint8 (H, W, 3), read-only.

        Raises:
            LoadCancelled: ``cancelled`` was set.
            UnknownNameError: the model is no longer installed.
            CheckpointError: the model has changed, or cannot be read.
            ModelInUseError: there is not enough memory for this model beside those in use.
            RequestError: the latents have a shape that the model does not make.
            MemoryShortError: the device ran out of memory.
        """
        with (
            self._raising_memory_short(self._short_for_decoding),
            self._interrupter.watch(cancelled),
        ):
            ready = self._find_or_load(model, weights_sha256, latents.shape, cancelled)
            card = ready.model.card
            if not makes_latents(card, latents.shape):
                reason = message("have a shape that the model {model} does not make", model=repr(card.name))
                raise RequestError("latents", reason)
            states = torch.from_numpy(latents.astype(np.float32)).to(ready.model.device)
            return to_pixels(decode(ready.model, states[None]))

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
        """Return the model's prediction for a state of a run, with both sides of guidance; one guided call.

        Called in the engine's thread, like `decode`, and like it never affects a job that runs.

        Args:
            request: of the run, resolved, as in `PictureStarted`.
            weights_sha256: of its model, as in `JobStarted`.
            x: the state, (C, h, w), as in `StepDone`.
            t: the time at which the model is evaluated, 0 to T-1; clean data has no score. For the evaluation that a
                step really made see `Sampler.first_query_time`.
            cancelled: as in `decode`.
            adapters: the LoRAs and textual inversions that the run was made with; None: not checked.

        Raises:
            LoadCancelled: ``cancelled`` was set.
            UnknownNameError: the model is no longer installed.
            CheckpointError: the model or an adapter has changed, or cannot be read.
            ModelInUseError: there is not enough memory for this model beside those in use.
            RequestError: the state does not belong to such a run.
            MemoryShortError: the device ran out of memory.
        """
        with (
            self._raising_memory_short(self._short_for_decoding),
            self._interrupter.watch(cancelled),
        ):
            ready = self._find_or_load(request.model, weights_sha256, x.shape, cancelled)
            resolved = request.resolve(ready.model.card, from_noise=False)
            prompts = self._prompts_of(resolved, ready.model.card)
            if adapters is not None:
                check_unchanged(request.model, adapters, prompts.adapters)
            return explain(resolved, ready, x, t, prompts.text)

    def train(
        self, request: TrainRequest, *, cancelled: threading.Event | None = None, job_id: str | None = None
    ) -> Generator[TrainEvent, None, None]:
        """Train a model, or resume its training; see `studio.engine.training.pipeline.train`."""
        job_id, cancelled = job_id or uuid.uuid4().hex, cancelled or threading.Event()
        with self._raising_memory_short():
            yield from train(request, self.folders, self.device, cancelled=cancelled, job_id=job_id)

    def rehearse_training(
        self, request: TrainRequest, *, cancelled: threading.Event | None = None
    ) -> TrainEstimate:
        """Measure what a training needs on this machine with a few steps, which are discarded."""
        with self._raising_memory_short():
            return rehearse_training(request, self.folders, self.device, cancelled or threading.Event())

    def report(self) -> EngineReport:
        """Return a description of the device. Measures the precision if it is not known yet."""
        precision = choose_precision(self.device, self.folders.cache)
        unused = unused_gpu(find_devices())
        return EngineReport(
            device=self.device.label,
            dtype=precision.dtype,
            unused_gpu=unused,
            memory=device_memory(self.device, precision),
        )

    def _prepare(
        self,
        parts: Sequence[Part],
        job_id: str,
        cancelled: threading.Event,
        previews: Previews,
        *,
        secondary: bool,
    ) -> Generator[Event, None, list[ReadyModel]]:
        """Load the models of all parts, yielding events; return them."""
        if not secondary:
            self._models.start_job([part.installed for part in parts], self.device)
        ready = []
        for place, part in enumerate(parts):
            if not self._models.is_loaded(part.installed, self.device):
                yield from self._converting(part, job_id, cancelled)
                yield ModelLoading(job_id=job_id, model=part.card.name)
                if cancelled.is_set():
                    raise LoadCancelled
            later = [one for one in parts[place:] if one.card != part.card]
            ready.append(self._load(self._need(part, parts, later), cancelled, view=secondary))
        for part, one in zip(parts, ready, strict=True):
            one.model.load_adapters(part.prompts.text, cancelled)
        notes = [
            list(notes_on(part.asked, part.request, one, part.start, part.prompts))
            for part, one in zip(parts, ready, strict=True)
        ]
        for one, of_part in zip(ready, notes, strict=True):
            if one.rungs:
                labels = ", ".join(RUNG_LABELS[rung] for rung in one.rungs)
                of_part.append(message("To fit in memory: {measures}.", measures=labels))
        if previews.limited:
            for part, one, of_part in zip(parts, ready, notes, strict=True):
                with self._interrupter.watch(cancelled):
                    one.decoders.prepare(part.shape, cancelled)
                if one.decoders.fault is not None:
                    fault = one.decoders.fault.message
                    of_part.append(message("Previews are coarser than they could be. {fault}", fault=fault))
        yield JobStarted(
            job_id=job_id,
            request=parts[0].request,
            model_title=", ".join(dict.fromkeys(part.card.title for part in parts)),
            device=self.device.label,
            dtype=ready[0].precision.dtype,
            steps=parts[0].request.steps or 0,
            weights_sha256=ready[0].model.card.weights_sha256,
            notes=merge_notes(notes),
            requests=tuple(part.request for part in parts),
            weights=tuple(one.model.card.weights_sha256 for one in ready),
        )
        return ready

    def _prompts_of(self, request: GenerateRequest, card: ModelInfo) -> ResolvedPrompts:
        """Return how the prompts of a resolved request are read; the answer for the last one is kept."""
        if self._last_prompts is None or self._last_prompts[0] != (request, card):
            self._last_prompts = (request, card), resolve_text(request, card, self.folders)
        return self._last_prompts[1]

    def _converting(self, part: Part, job_id: str, cancelled: threading.Event) -> Iterator[ModelLoading]:
        """Convert the model's files if need be, yielding an event for each percent."""
        shown = -1
        for fraction in convert_installed(part.installed, folders=self.folders, cancelled=cancelled):
            if (percent := int(100 * fraction)) > shown:
                shown = percent
                yield ModelLoading(job_id=job_id, model=part.card.name, converted=fraction)

    def _find_or_load(
        self, name: str, weights_sha256: str, shape: tuple[int, ...], cancelled: threading.Event | None
    ) -> ReadyModel:
        """Return the model with these weights: one in memory, whatever its name, or else the one of this name."""
        found = self._models.with_weights(weights_sha256)
        if found is not None:
            return found
        installed = with_hash(find_model(name, self.folders), self.folders, cancelled=cancelled)
        assert installed.card is not None, "find_model returns models with cards"
        if installed.card.weights_sha256 != weights_sha256:
            reason = message("is not the one that these steps were made with (its hash has changed)")
            raise CheckpointError(installed.weights_path, reason)
        height, width = (side * installed.card.downscale for side in shape[-2:])
        need = MemoryNeed(installed=installed, width=width, height=height, headroom=self.headroom)
        return self._load(need, cancelled or threading.Event(), view=True)

    def _need(self, part: Part, parts: Sequence[Part], later: Sequence[Part]) -> MemoryNeed:
        """Return what a part needs while the models of ``later`` ones are not loaded yet."""
        request, together = part.request, sum(one.card == part.card for one in parts)
        width, height = request.width or 0, request.height or 0
        reserved = {
            one.card.name: MemoryNeed(installed=one.installed, width=width, height=height).weights
            for one in later
            if not self._models.is_loaded(one.installed, self.device)
        }
        return MemoryNeed(
            installed=part.installed,
            width=width,
            height=height,
            count=together if len(parts) > 1 else request.count,
            guided=request.guidance != 1 and part.card.text is not None,
            together=len(parts) > 1,
            headroom=self.headroom + sum(reserved.values()),
            at_least=self._least_rungs.get((part.card.name, width, height), ()),
        )

    def _load(self, need: MemoryNeed, cancelled: threading.Event, *, view: bool) -> ReadyModel:
        precision = choose_precision(self.device, self.folders.cache, cancelled=cancelled)
        plan = self._models.make_room(need, self.device, precision, view=view)
        own = self.device.kind not in SHARED_MEMORY
        if not plan.fits and plan.rungs and not own and plan.peak > (plan.budget or 0) + need.headroom:
            # The system would end the whole program.
            raise MemoryShortError(
                self.device.name,
                needed=plan.peak,
                free=plan.budget or 0,
                smaller=None if plan.largest is None else SmallerPlan(size=plan.largest),
            )
        ready = self._models.get(
            need.installed, self.device, precision, cancelled, rungs=plan.rungs, primary=not view
        )
        if own:
            ready.pictures_at_once = plan.pictures_at_once
        return ready

    def _ran_short(self, parts: Sequence[Part]) -> MemoryShortError:
        """Return the error of a job that ran out of memory; the same request then needs less."""
        smaller, device = SmallerPlan(), DeviceMemory(free=None, own=self.device.kind not in SHARED_MEMORY)
        for part in parts:
            size = part.request.width or 0, part.request.height or 0
            rungs = self._models.rungs_of(part.installed, self.device)
            rung = next_rung(part.card, rungs, device)
            if rung is not None:
                self._least_rungs[part.card.name, *size] = (*rungs, rung)
                smaller = replace(smaller, measure=RUNG_LABELS[rung])
            elif smaller.measure is None:
                area = 0.75 * size[0] * size[1]
                fitting = (one for one in smaller_sizes(part.card, *size) if one[0] * one[1] <= area)
                smaller = replace(smaller, size=next(fitting, None))
        return MemoryShortError(self.device.name, len(parts), smaller=smaller)

    def _short_for_decoding(self) -> MemoryShortError:
        return MemoryShortError(self.device.name, decoding=True)

    def _raising_memory_short(
        self, error: Callable[[], MemoryShortError] | None = None
    ) -> contextlib.AbstractContextManager[None]:
        return raising_memory_short(self.device.name, self._models.unload_unused, error)
