"""The models in memory."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.checkpoints.formats import load_installed, share_networks
from studio.engine.memory import free_memory
from studio.engine.sampling.decoders import Decoders
from studio.errors import ModelInUseError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    from studio.backbones.precision import Precision
    from studio.checkpoints.catalog import InstalledModel
    from studio.diffusion.denoiser import Denoiser
    from studio.engine.device.device import Device
    from studio.engine.sampling.interruption import Interrupter
    from studio.families.interface import Model
    from studio.folders import Folders

HEADROOM_BYTES = 512 * 2**20
"""Bytes that must stay free when a model is loaded beside another: for activations and the system."""
LOAD_FACTOR = 1.2
"""Memory that a model takes, relative to its weights file: buffers, and what loading needs for a moment."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadyModel:
    """A model on its device, in its precision.

    Attributes:
        model: its parts.
        denoiser: what samplers query.
        device: where it runs.
        precision: of its backbone.
        decoders: of its latents.
    """

    model: Model
    denoiser: Denoiser
    device: Device
    precision: Precision
    decoders: Decoders


class LoadedModels:
    """The models in memory: those of the last job, and at most one more, for viewing an older run.

    The models of the last job are *primary*: only the next job unloads them. A job that runs holds its models with
    `use`; they are never unloaded before it ends.
    """

    def __init__(self, interrupter: Interrupter, folders: Folders) -> None:
        """Keep no models yet; the calls of those that are loaded can be left by the interrupter."""
        self._interrupter, self._folders = interrupter, folders
        self._models: list[ReadyModel] = []
        self._primary: list[ReadyModel] = []
        self._used: list[ReadyModel] = []

    def __iter__(self) -> Iterator[ReadyModel]:
        """Iterate over the models in memory, in the order of loading."""
        return iter(self._models)

    @property
    def newest(self) -> ReadyModel | None:
        """The model that was loaded last; None if there is none."""
        return self._models[-1] if self._models else None

    def is_loaded(self, installed: InstalledModel, device: Device) -> bool:
        """Return whether exactly this model is in memory, on this device."""
        return self._find(installed, device) is not None

    def with_weights(self, weights_sha256: str) -> ReadyModel | None:
        """Return a loaded model with these weights, whatever its name."""
        return next((one for one in self._models if one.model.card.weights_sha256 == weights_sha256), None)

    def make_primary(self, wanted: Sequence[InstalledModel], device: Device) -> None:
        """Unload the models that a new job does not need, except those that a running one uses.

        If the job needs only models that are loaded already, and enough memory is free, the model of an older run that
        was viewed is kept too.
        """
        cards = [installed.card for installed in wanted]
        needed = [one for one in self._models if one.device == device and one.model.card in cards]
        others = [one for one in self._models if one not in self._primary and one not in needed]
        if len(needed) < len(set(cards)) or (free_memory(device) or 0) < HEADROOM_BYTES:
            others = []
        self._primary = needed
        self._models = [one for one in self._models if one in self._used or one in needed or one in others]

    def make_room(self, wanted: InstalledModel, device: Device) -> None:
        """Make room for one model beside the primary ones: unload others, and check that enough memory is free.

        Raises:
            ModelInUseError: there is not enough memory for both.
        """
        self._models = [one for one in self._models if one in self._primary or one in self._used]
        if not self._models:
            return
        free = free_memory(device)
        needed = int(LOAD_FACTOR * wanted.size_on_disk) + HEADROOM_BYTES
        if free is not None and free < needed:
            assert wanted.card is not None, "only models with cards are loaded"
            in_use = ", ".join(dict.fromkeys(one.model.card.title for one in self._models))
            raise ModelInUseError(wanted.card.title, in_use, needed=needed, free=free)

    def get(
        self,
        installed: InstalledModel,
        device: Device,
        precision: Precision,
        cancelled: threading.Event,
        *,
        primary: bool = True,
    ) -> ReadyModel:
        """Return the model, loading it if it is not in memory.

        Raises:
            CheckpointError: something about its files is wrong.
            LoadCancelled: ``cancelled`` was set.
        """
        found = self._find(installed, device)
        if found is None:
            shared = self._shared(installed, device)
            if shared is not None:
                model, precision = shared
            else:
                model = load_installed(
                    installed, folders=self._folders, device=device.torch_name, cancelled=cancelled
                )
                precision = model.supported_precision(precision)
                self._interrupter.attach(model.modules())
            found = ReadyModel(
                model=model,
                denoiser=model.denoiser(precision),
                device=device,
                precision=precision,
                decoders=Decoders(model),
            )
            self._models.append(found)
        if primary and found not in self._primary:
            self._primary.append(found)
        return found

    @contextlib.contextmanager
    def use(self, models: Sequence[ReadyModel]) -> Iterator[None]:
        """Keep models in memory until the end of a job."""
        self._used += models
        try:
            yield
        finally:
            for one in models:
                self._used.remove(one)

    def unload_unused(self) -> None:
        """Unload all models that no running job uses, so that their memory can be used."""
        self._models = [one for one in self._models if one in self._used]
        self._primary = [one for one in self._primary if one in self._used]

    def _shared(self, installed: InstalledModel, device: Device) -> tuple[Model, Precision] | None:
        """Return the model with the networks of one in memory, and their precision, if one has the same networks."""
        for one in self._models:
            model = share_networks(installed, one.model, folders=self._folders)
            if one.device == device and model is not None:
                return model, one.precision
        return None

    def _find(self, installed: InstalledModel, device: Device) -> ReadyModel | None:
        wanted = (installed.card, device)
        return next((one for one in self._models if (one.model.card, one.device) == wanted), None)
