"""The one model in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.checkpoints.formats import load_model
from studio.engine.backbone import in_precision
from studio.engine.decoders import Decoders

if TYPE_CHECKING:
    import threading

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
    """Keeps the model that was used last, and no other: two may not fit a device.

    Attributes:
        held: that model, or None.
    """

    def __init__(self) -> None:
        """Start with none."""
        self.held: ReadyModel | None = None

    def holds(self, installed: InstalledModel, device: Device) -> bool:
        """Whether exactly this model is in memory, on this device."""
        return self.held is not None and (self.held.model.card, self.held.device) == (
            installed.card,
            device,
        )

    def get(
        self, installed: InstalledModel, device: Device, precision: Precision, cancelled: threading.Event
    ) -> ReadyModel:
        """Return the model, loaded unless it is held; the one that was held before is dropped first.

        Raises:
            CheckpointError: something about its files is wrong.
            LoadCancelled: ``cancelled`` was set.
        """
        if self.held is None or not self.holds(installed, device):
            self.drop()
            model = load_model(installed.folder, device=device.torch_name, cancelled=cancelled)
            denoiser = model.denoiser(in_precision(model.backbone, precision))
            self.held = ReadyModel(
                model=model,
                denoiser=denoiser,
                device=device,
                precision=precision,
                decoders=Decoders(model, installed.folder),
            )
        return self.held

    def drop(self) -> None:
        """Forget the model, so that its memory can be used."""
        self.held = None
