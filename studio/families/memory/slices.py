"""Attention and feed-forward layers of a U-Net for a slice of the tokens at a time.

Each token's result depends on no other token of its slice, so that the results are the same up to rounding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.families.memory.costs import SLICE_TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable


class SlicedAttention:
    """An attention processor for diffusers' U-Nets that computes the queries of a slice at a time."""

    def __init__(self, tokens: int, *, float32: bool) -> None:
        """Compute ``tokens`` at a time; with ``float32`` in float32 if the U-Net is in float16."""
        self.tokens, self.float32 = tokens, float32

    def __call__(
        self,
        attn: Any,  # noqa: ANN401 - diffusers.models.attention_processor.Attention
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """Return the output (B, N, D) of self-attention, or of cross-attention to ``encoder_hidden_states``."""
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        key, value = self._heads(attn, attn.to_k(context)), self._heads(attn, attn.to_v(context))
        outputs = []
        for part in torch.split(hidden_states, self.tokens, dim=1):
            query = self._heads(attn, attn.to_q(part))
            attended = F.scaled_dot_product_attention(query, key, value, attn_mask=attention_mask)
            outputs.append(attn.to_out[0](attended.transpose(1, 2).flatten(2).to(part.dtype)))
        return torch.cat(outputs, dim=1)

    def _heads(self, attn: Any, projected: Tensor) -> Tensor:  # noqa: ANN401
        if self.float32 and projected.dtype == torch.float16:
            projected = projected.float()
        split = torch.unflatten(projected, -1, (attn.heads, -1))
        return split.transpose(1, 2)


def slice_attention(unet: nn.Module, *, float32: bool, tokens: int = SLICE_TOKENS) -> Callable[[], None]:
    """Make a U-Net compute ``tokens`` tokens at a time; ``float32``: see `studio.families.backbone.Float32Attention`.

    Returns:
        A function that takes it back.
    """
    network: Any = unet
    processors = dict(network.attn_processors)
    network.set_attn_processor(SlicedAttention(tokens, float32=float32))
    layers: list[Any] = [
        module.ff for module in unet.modules() if isinstance(getattr(module, "ff", None), nn.Module)
    ]
    classes = [type(layer) for layer in layers]
    for layer, whole in zip(layers, classes, strict=True):
        layer.__class__ = _sliced(whole)
        layer.slice_tokens = tokens

    def take_back() -> None:
        network.set_attn_processor(processors)
        for layer, whole in zip(layers, classes, strict=True):
            layer.__class__ = whole
            del layer.slice_tokens

    return take_back


def _sliced(layer_class: type[nn.Module]) -> type[nn.Module]:
    """Return a class whose objects compute slices; the class of an object changes, and not the object."""

    class Sliced(layer_class):  # type: ignore[misc, valid-type]
        slice_tokens: int

        def forward(self, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401
            parts = torch.split(hidden_states, self.slice_tokens, dim=1)
            return torch.cat([super(Sliced, self).forward(part, *args, **kwargs) for part in parts], dim=1)

    return Sliced
