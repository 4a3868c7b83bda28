"""Takes the rungs of a plan of memory with a model's networks, and takes them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from studio.families.memory.offload import LayerOffload
from studio.families.memory.slices import slice_attention

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from torch import Tensor, nn


_HOST = torch.device("cpu")


def offloaded_parts(text_parts: Collection[str], parts: Collection[str], rungs: Collection[str]) -> set[str]:
    """Return the parts whose weights stay in the memory of the machine."""
    if "layer_offload" in rungs:
        return set(parts)
    return set(text_parts) if "text_encoders_off" in rungs else set()


class MemoryLadder:
    """The rungs that a model's networks have taken.

    Attributes:
        rungs: their names, as in `studio.engine.memory_plan.RUNGS`.
    """

    def __init__(
        self,
        unet: nn.Module,
        vae: nn.Module,
        texts: Mapping[str, nn.Module],
        *,
        float32_attention: bool = False,
        copy: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        """Take none yet.

        Args:
            unet: the U-Net.
            vae: the autoencoder.
            texts: the text encoders by name.
            float32_attention: see `studio.families.backbone.Float32Attention`.
            copy: that of `LayerOffload`.
        """
        self._float32, self._copy, self._texts = float32_attention, copy, texts
        self._parts: dict[str, nn.Module] = {"unet": unet, "vae": vae, **texts}
        self._offloads: dict[str, LayerOffload] = {}
        self._unslice: Callable[[], None] | None = None
        self.rungs: frozenset[str] = frozenset()

    @property
    def tiled(self) -> bool:
        """Whether pictures are decoded in tiles."""
        return "vae_tiling" in self.rungs

    def take(self, rungs: Collection[str], device: torch.device) -> None:
        """Take exactly these rungs, on ``device``; weights move where they belong."""
        offloaded = offloaded_parts(self._texts, self._parts, rungs)
        for name, network in self._parts.items():
            if name in offloaded and name not in self._offloads:
                network.to(_HOST)
                self._offloads[name] = LayerOffload(network, device, copy=self._copy)
            elif name not in offloaded:
                if name in self._offloads:
                    self._offloads.pop(name).remove()
                network.to(device)
        if "attention_slicing" in rungs and self._unslice is None:
            self._unslice = slice_attention(self._parts["unet"], float32=self._float32)
        elif "attention_slicing" not in rungs and self._unslice is not None:
            self._unslice()
            self._unslice = None
        self.rungs = frozenset(rungs)
