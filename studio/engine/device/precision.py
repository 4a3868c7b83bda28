"""A backbone in the precision its device is fastest in. What goes in and comes out is float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from studio.diffusion.denoiser import Backbone, Condition
    from studio.engine.device.device import Precision


@dataclass(frozen=True, eq=False)
class ReducedBackbone:
    """A backbone whose convolutions and matrix products run reduced; norms and sums stay float32.

    Attributes:
        module: the backbone, its heavy weights reduced already.
        dtype: what the reduced parts run in.
        layout: how pictures lie in memory.
    """

    module: nn.Module
    dtype: torch.dtype
    layout: torch.memory_format

    def __call__(self, x: Tensor, t: Tensor, condition: Condition, /) -> Tensor:
        """Return the prediction, float32, for float32 states x (B, C, H, W) at times t, int64 (B,)."""
        with torch.autocast(x.device.type, dtype=self.dtype):
            output: Tensor = self.module(x.contiguous(memory_format=self.layout), t, condition)
        return output.float()


def in_precision(backbone: nn.Module, precision: Precision) -> Backbone:
    """Return the backbone as ``precision`` has it; its weights are changed in place and no longer exact.

    Autocast decides what runs reduced, as it did in training. The weights it would convert at every call are
    converted here once.
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
