"""The models in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.checkpoints.formats import load_model
from studio.engine.backbone import in_precision
from studio.engine.decoders import Decoders

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from studio.checkpoints.catalog import InstalledModel
    from studio.checkpoints.model import Model
    from studio.diffusion.denoiser import Denoiser
    from studio.engine.device import Device, Precision


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadyModel:
    """A model on its device, in its precision.

    Attributes:
        model: its parts.
        denoiser: what answers samplers.
        device: where it runs.
        precision: how its backbone runs.
        decoders: the ways to see its latents.
    """

    model: Model
    denoiser: Denoiser
    device: Device
    precision: Precision
    decoders: Decoders


class ModelSlot:
    """Keeps the models that were used last, and no others: more may not fit a device."""

    def __init__(self) -> None:
        """Start with none."""
        self._models: list[ReadyModel] = []

    @property
    def held(self) -> ReadyModel | None:
        """The model that was loaded last, or None."""
        return self._models[-1] if self._models else None

    def holds(self, installed: InstalledModel, device: Device) -> bool:
        """Whether exactly this model is in memory, on this device."""
        return self._find(installed, device) is not None

    def with_weights(self, weights_sha256: str) -> ReadyModel | None:
        """Return a model of these weights that is held, whatever it is called."""
        return next((one for one in self._models if one.model.card.weights_sha256 == weights_sha256), None)

    def keep_only(self, wanted: Sequence[InstalledModel], device: Device) -> None:
        """Forget all models but those that are wanted."""
        cards = [installed.card for installed in wanted]
        self._models = [one for one in self._models if one.device == device and one.model.card in cards]

    def get(
        self, installed: InstalledModel, device: Device, precision: Precision, cancelled: threading.Event
    ) -> ReadyModel:
        """Return the model, loaded beside the others unless it is held.

        Raises:
            CheckpointError: something about its files is wrong.
            LoadCancelled: ``cancelled`` was set.
        """
        found = self._find(installed, device)
        if found is None:
            model = load_model(installed.folder, device=device.torch_name, cancelled=cancelled)
            denoiser = model.denoiser(in_precision(model.backbone, precision))
            found = ReadyModel(
                model=model,
                denoiser=denoiser,
                device=device,
                precision=precision,
                decoders=Decoders(model, installed.folder),
            )
            self._models.append(found)
        return found

    def drop(self) -> None:
        """Forget all models, so that their memory can be used."""
        self._models = []

    def _find(self, installed: InstalledModel, device: Device) -> ReadyModel | None:
        wanted = (installed.card, device)
        return next((one for one in self._models if (one.model.card, one.device) == wanted), None)
