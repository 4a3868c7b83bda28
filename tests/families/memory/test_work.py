"""The multiplications of a U-Net are those of its modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from studio.families.memory.work import unet_multiplications
from studio.families.networks import on_meta
from studio.families.sd1 import SD1
from studio.families.sd2 import SD2
from studio.families.sdxl import SDXL
from tests.families import tiny

if TYPE_CHECKING:
    from studio.families.family import Family

SIZES = ((32, 32), (64, 96))


def counted(family: Family, height: int, width: int) -> float:
    """Return the multiplications of the layers, from the shapes that go through them."""
    part = family.part("unet")
    unet: Any = on_meta(part)
    config, meta = part.config, torch.device("meta")
    total = 0

    def count(module: nn.Module, inputs: object, output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += output.numel() * module.weight[0].numel()
        elif isinstance(module, nn.Linear):
            total += output.numel() * module.in_features

    def count_attention(module: nn.Module, inputs: object, named: dict[str, Tensor], output: Tensor) -> None:
        nonlocal total
        keys = named.get("encoder_hidden_states")
        pairs = output.shape[1] * (output if keys is None else keys).shape[1]
        total += 2 * pairs * output.shape[2]

    for module in unet.modules():
        if isinstance(module, Attention):
            module.register_forward_hook(count_attention, with_kwargs=True)
        else:
            module.register_forward_hook(count)
    added = None
    if family.size_conditioning:
        pooled = config["projection_class_embeddings_input_dim"] - 6 * config["addition_time_embed_dim"]
        added = {
            "text_embeds": torch.empty(1, pooled, device=meta),
            "time_ids": torch.empty(1, 6, device=meta),
        }
    tokens = torch.empty(1, 77, config["cross_attention_dim"], device=meta)
    with torch.no_grad():
        unet(torch.empty(1, 4, height, width, device=meta), 1, tokens, added_cond_kwargs=added)
    return total


@pytest.mark.parametrize(
    "family",
    [
        *(pytest.param(family, id=f"tiny {family.name}") for family in tiny.TINY.values()),
        *(pytest.param(family, id=family.name, marks=pytest.mark.long) for family in (SD1, SD2, SDXL)),
    ],
)
def test_they_are_those_of_the_modules_at_every_size(family: Family) -> None:
    theirs = [counted(family, *size) for size in SIZES]
    for size, expected in zip(SIZES, theirs, strict=True):
        ours = unet_multiplications(family.part("unet"), size[0] * size[1])
        assert ours == pytest.approx(expected, rel=0.01)
    # The wrong twin: by the number of pixels alone, a larger picture would seem cheaper than it is.
    (height, width), (base, other) = SIZES[1], SIZES[0]
    assert theirs[1] / theirs[0] > 1.02 * (height * width) / (base * other)
