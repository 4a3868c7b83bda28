"""The precision in which a backbone computes, and a backbone in reduced precision.

States and the arithmetic of samplers are float32 everywhere; only networks run in reduced precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from studio.diffusion.conditioning import Conditioning
    from studio.diffusion.denoiser import Backbone


@dataclass(frozen=True, kw_only=True)
class Precision:
    """The precision of a backbone.

    Attributes:
        dtype: the name of a torch dtype, such as "float32" or "bfloat16".
        channels_last: whether weights and activations have the channels-last memory format.
    """

    dtype: str = "float32"
    channels_last: bool = False


EXACT = Precision()
REDUCED = Precision(dtype="bfloat16", channels_last=True)


@dataclass(frozen=True, eq=False)
class ReducedBackbone:
    """A backbone with convolutions and matrix products in reduced precision; norms and sums are float32.

    Attributes:
        module: the backbone, with the weights of its convolutions and linear layers converted.
        dtype: of the reduced parts.
        layout: the memory format of pictures.
    """

    module: nn.Module
    dtype: torch.dtype
    layout: torch.memory_format

    def __call__(self, x: Tensor, t: Tensor, condition: Conditioning, /) -> Tensor:
        """Return the prediction, float32, for float32 states x (B, C, H, W) at times t, int64 (B,)."""
        with torch.autocast(x.device.type, dtype=self.dtype):
            output: Tensor = self.module(x.contiguous(memory_format=self.layout), t, condition)
        return output.float()


def in_precision(backbone: nn.Module, precision: Precision) -> Backbone:
    """Return the backbone in a precision; its weights are converted in place and no longer exact.

    Autocast decides what runs reduced, as in training. The weights that it would convert at every call are converted
    here once.
    """
    if precision.dtype == "float32":
        return backbone
    dtype = getattr(torch, precision.dtype)
    for layer in backbone.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.to(dtype=dtype)
    layout = torch.channels_last if precision.channels_last else torch.contiguous_format
    backbone.to(memory_format=layout)  # type: ignore[call-overload]
    return ReducedBackbone(backbone, dtype, layout)
