"""The models in memory."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.checkpoints.formats import load_installed, share_networks
from studio.engine.memory import SHARED_MEMORY, device_memory
from studio.engine.memory_plan import MAX_BATCH, DeviceMemory
from studio.engine.sampling.decoders import Decoders
from studio.errors import ModelInUseError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    from studio.backbones.precision import Precision
    from studio.checkpoints.catalog import InstalledModel
    from studio.diffusion.denoiser import Denoiser
    from studio.engine.device.device import Device
    from studio.engine.memory_plan import MemoryNeed, MemoryPlan, Rung
    from studio.engine.sampling.interruption import Interrupter
    from studio.families.interface import Model
    from studio.folders import Folders


@dataclass(kw_only=True, eq=False)
class ReadyModel:
    """A model on its device, in its precision.

    Attributes:
        model: its parts.
        denoiser: what samplers query.
        device: where it runs.
        precision: of its backbone.
        decoders: of its latents.
        rungs: what is done so that the run of now fits in memory; see `studio.engine.memory_plan`.
        pictures_at_once: how many pictures are one state, at most, on a device that is no CPU.
    """

    model: Model
    denoiser: Denoiser
    device: Device
    precision: Precision
    decoders: Decoders
    rungs: tuple[Rung, ...] = ()
    pictures_at_once: int = MAX_BATCH


class LoadedModels:
    """The models in memory, the one used last at the end: as many as fit, so that switching back is instant.

    The models of the last job are *primary*: viewing an older run never unloads them. A job that runs holds its models
    with `use`; they are never unloaded before it ends. Of the others the one that was not used for longest makes room.
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

    def start_job(self, wanted: Sequence[InstalledModel], device: Device) -> None:
        """Make the models of a new job the primary ones."""
        cards = [installed.card for installed in wanted]
        self._primary = [one for one in self._models if one.device == device and one.model.card in cards]

    def make_room(self, need: MemoryNeed, device: Device, precision: Precision, *, view: bool) -> MemoryPlan:
        """Return how a run fits in memory, unloading models that it does not need as far as that helps.

        Args:
            need: the run.
            device: where it runs.
            precision: the fastest there.
            view: whether it shows an older run, for which the primary models are not unloaded.

        Raises:
            ModelInUseError: there is not enough memory for its model beside the primary ones.
        """
        found = self._find(need.installed, device)
        needed = [found, *self._used, *self._primary]
        at_least = need.plan(DeviceMemory(free=None, own=device.kind not in SHARED_MEMORY)).rungs
        while True:
            memory = device_memory(device, precision, loaded=0 if found is None else _bytes_on_device(found))
            plan = need.plan(memory)
            spare = [one for one in self._models if one.device == device and one not in needed]
            if not spare or (plan.fits and plan.rungs == at_least):
                break
            self._models.remove(spare[0])
        beside = [one for one in self._models if one is not found]
        if view and beside and not plan.fits:
            in_use = ", ".join(dict.fromkeys(one.model.card.title for one in beside))
            raise ModelInUseError(need.info.title, in_use, needed=plan.peak, free=memory.free or 0)
        return plan

    def get(
        self,
        installed: InstalledModel,
        device: Device,
        precision: Precision,
        cancelled: threading.Event,
        *,
        rungs: tuple[Rung, ...] = (),
        primary: bool = True,
    ) -> ReadyModel:
        """Return the model, loading it if it is not in memory, for a run that takes these rungs.

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
                    installed,
                    folders=self._folders,
                    device=device.torch_name,
                    rungs=rungs,
                    cancelled=cancelled,
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
        else:
            self._models.remove(found)
        self._models.append(found)
        if found not in self._used:
            found.model.take_rungs(rungs)
            found.rungs = rungs
        if primary and found not in self._primary:
            self._primary.append(found)
        return found

    def rungs_of(self, installed: InstalledModel, device: Device) -> tuple[Rung, ...]:
        """Return the rungs that a model has taken; none if it is not in memory."""
        found = self._find(installed, device)
        return () if found is None else found.rungs

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


def _bytes_on_device(ready: ReadyModel) -> int:
    """Return the bytes of a model's weights that are on its device, and not offloaded."""
    weights = (one for network in ready.model.modules() for one in network.parameters())
    return sum(one.nbytes for one in weights if one.device.type == ready.model.device.type)
