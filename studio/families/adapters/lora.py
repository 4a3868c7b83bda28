"""LoRAs of a loaded model: added to the outputs of layers, whose own weights stay as they are.

A layer with weight W computes (W + sum of w alpha / rank up down) x as W x + sum of w alpha / rank up (down x). So the
weight w of each LoRA can change at any time without loading anything, and a model without LoRAs, or with those of an
earlier run, gives the same bits as before.

Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv 2106.09685; for convolutions and
their "mid" kernels, Yeh et al. 2023, "Navigating Text-To-Image Customization", arXiv 2309.14859.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from studio.errors import CheckpointError
from studio.families.adapters.lora_layers import match_lora
from studio.families.keys import ldm_unet
from studio.families.matching import some_names
from studio.families.recognition.header import TensorInfo
from studio.messages import message

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    import torch
    from torch.utils.hooks import RemovableHandle

    from studio.families.loading import Networks
    from studio.families.networks import TensorReader


@dataclass(frozen=True, eq=False)
class LoraChange:
    """What a LoRA adds to one layer, at weight 1: ``scale`` up (mid (down x)).

    Attributes:
        down: (rank, inputs) or, of a convolution, (rank, inputs, k, k).
        up: (outputs, rank) or (outputs, rank, 1, 1).
        mid: the kernel (rank, rank, k, k) between them, with ``down`` of 1x1; None: ``down`` has the kernel.
        scale: alpha / rank.
    """

    down: Tensor
    up: Tensor
    mid: Tensor | None
    scale: float

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Its tensors."""
        return (self.down, self.up) if self.mid is None else (self.down, self.up, self.mid)

    def of(self, layer: nn.Linear | nn.Conv2d, x: Tensor) -> Tensor:
        """Return what is added to the layer's output for the input x, in x's dtype."""
        down, up = self.down.to(x), self.up.to(x)
        if isinstance(layer, nn.Linear):
            return self.scale * F.linear(F.linear(x, down.flatten(1)), up.flatten(1))
        kernel = (self.down if self.mid is None else self.mid).shape[2:]
        stride, padding, dilation = layer.stride, layer.padding, layer.dilation
        if self.mid is not None:
            x = F.conv2d(F.conv2d(x, _kernel(down)), self.mid.to(x), None, stride, padding, dilation)
        elif kernel:
            x = F.conv2d(x, down, None, stride, padding, dilation)
        else:
            x = F.conv2d(x, _kernel(down), None, stride)
        return self.scale * F.conv2d(x, _kernel(up))


def _kernel(weight: Tensor) -> Tensor:
    """Return a matrix as a 1x1 kernel; kernels are returned as they are."""
    return weight if weight.dim() == 4 else weight[:, :, None, None]


@dataclass(frozen=True, eq=False)
class Lora:
    """A LoRA that fits a model.

    Attributes:
        path: its file.
        changes: by part and layer.
        unused: tensors of the file that belong to no layer of the model.
    """

    path: Path
    changes: Mapping[tuple[str, str], LoraChange]
    unused: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of its tensors."""
        return sum(tensor.nbytes for change in self.changes.values() for tensor in change.tensors)

    def acts_on(self, parts: Collection[str]) -> bool:
        """Whether it changes a layer of one of these parts."""
        return any(part in parts for part, _ in self.changes)


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightedLora:
    """A LoRA and how strongly it acts.

    Attributes:
        lora: the LoRA.
        weight: of its changes to the U-Net; 1 is as trained, 0 is off.
        text_weight: of its changes to the text encoders.
    """

    lora: Lora
    weight: float = 1.0
    text_weight: float = 1.0


def read_lora(reader: TensorReader, networks: Networks, device: torch.device | str = "cpu") -> Lora:
    """Read a LoRA for a model.

    Args:
        reader: its file.
        networks: of the model.
        device: where the model is, and the LoRA's tensors go.

    Raises:
        CheckpointError: the file cannot be read, changes nothing of this model, or is for layers of other sizes.
    """
    parts = _parts(networks)
    shapes = {
        part: {
            name: tuple(layer.weight.shape)
            for name, layer in network.named_modules()
            if isinstance(layer, nn.Linear | nn.Conv2d)
        }
        for part, network in parts.items()
    }
    match = match_lora(
        {name: TensorInfo("", shape) for name, shape in reader.shapes.items()}, shapes, _ldm_names(networks)
    )
    if match.misfits:
        reason = message(
            "is a LoRA for another model: it changes layers of other sizes, such as {names}",
            names=some_names([layer.down for layer in match.misfits]),
        )
        raise CheckpointError(reader.path, reason)
    if not match.layers:
        raise CheckpointError(reader.path, message("changes no layer of this model"))
    changes = {
        (layer.part, layer.module): LoraChange(
            down=reader.read(layer.down).to(device),
            up=reader.read(layer.up).to(device),
            mid=None if layer.mid is None else reader.read(layer.mid).to(device),
            scale=1.0 if layer.alpha is None else float(reader.read(layer.alpha)) / layer.rank,
        )
        for layer in match.layers
    }
    return Lora(reader.path, changes, match.unknown)


class LoraLayers:
    """The LoRAs that act on a model, or on some of its parts, at present."""

    def __init__(self, networks: Networks, parts: Collection[str] | None = None) -> None:
        """Start without any; ``parts`` are the names of those that LoRAs act on, None is all."""
        self._parts = {
            name: part for name, part in _parts(networks).items() if parts is None or name in parts
        }
        self._hooks: list[RemovableHandle] = []
        self._used: tuple[tuple[Lora, float, float], ...] = ()

    def use(self, loras: Sequence[WeightedLora]) -> None:
        """Let exactly these LoRAs act, in this order; those of weight 0 do not. Costs nothing if they already do."""
        used = tuple((one.lora, one.weight, one.text_weight) for one in loras)
        if used == self._used:
            return
        self._used = used
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        by_layer: dict[tuple[str, str], list[tuple[LoraChange, float]]] = {}
        for one in loras:
            for place, change in one.lora.changes.items():
                weight = one.weight if place[0] == "unet" else one.text_weight
                if weight != 0.0 and place[0] in self._parts:
                    by_layer.setdefault(place, []).append((change, weight))
        for (part, name), changes in by_layer.items():
            layer = self._parts[part].get_submodule(name)
            self._hooks.append(layer.register_forward_hook(_adding(changes)))


def _adding(
    changes: Sequence[tuple[LoraChange, float]],
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    """Return the forward hook of a layer that adds changes, each times its weight."""

    def add(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        assert isinstance(layer, nn.Linear | nn.Conv2d)
        x = inputs[0].to(output.dtype)
        for change, weight in changes:
            output = output + weight * change.of(layer, x)
        return output

    return add


def _parts(networks: Networks) -> dict[str, nn.Module]:
    """Return the networks that LoRAs change, by part."""
    return {"unet": networks.unet} | {one.part.name: one.model for one in networks.text_encoders}


def _ldm_names(networks: Networks) -> Callable[[str], str | None]:
    """Return the function from a layer of the U-Net to its name in LDM's layout."""
    naming = ldm_unet(networks.family.part("unet").config)

    def ldm_name(module: str) -> str | None:
        sources = naming(f"{module}.weight")
        return sources[0].key.removesuffix(".weight") if sources else None

    return ldm_name
