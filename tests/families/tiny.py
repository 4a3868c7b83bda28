"""Small models of each family: the true architecture and the true names, narrow layers, random weights."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from studio.families.loading import load
from studio.families.sd1 import SD1
from studio.families.sd2 import SD2
from studio.families.sdxl import SDXL
from tests.families import original

if TYPE_CHECKING:
    from torch import Tensor

    from studio.families.family import Family, Part
    from studio.families.loading import Networks

FIRST_TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4}
SECOND_TEXT = FIRST_TEXT | {"hidden_size": 48, "projection_dim": 40}
WIDTHS = (32, 64, 64, 64)


def narrow(part: Part, changes: dict[str, object]) -> Part:
    return replace(part, config={**part.config, **changes})


def _family(family: Family, unet: dict[str, object], *texts: dict[str, object]) -> Family:
    vae = {"block_out_channels": (32, 32, 64, 64), "sample_size": 64}
    return replace(
        family,
        parts=tuple(
            narrow(part, changes) for part, changes in zip(family.parts, (unet, vae, *texts), strict=True)
        ),
    )


TINY_SD1 = _family(
    SD1, {"block_out_channels": WIDTHS, "cross_attention_dim": 32, "sample_size": 8}, FIRST_TEXT
)
TINY_SD2 = _family(
    SD2,
    {
        "block_out_channels": WIDTHS,
        "cross_attention_dim": 32,
        "attention_head_dim": (2, 4, 4, 4),
        "sample_size": 8,
    },
    FIRST_TEXT,
)
TINY_SDXL = _family(
    SDXL,
    {
        "block_out_channels": WIDTHS[:3],
        "cross_attention_dim": 80,
        "attention_head_dim": (2, 4, 4),
        "transformer_layers_per_block": (1, 1, 2),
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 40 + 6 * 8,
        "sample_size": 8,
    },
    FIRST_TEXT,
    SECOND_TEXT,
)
TINY = {family.name: family for family in (TINY_SD1, TINY_SD2, TINY_SDXL)}

_UNET = {"model_channels": 32, "channel_mult": (1, 2, 2, 2), "depths": (1, 1, 1, 0), "middle_depth": 1}
_SD1_UNET = original.UNetShape(**_UNET, context_dim=32)
_SD2_UNET = original.UNetShape(**_UNET, context_dim=32, use_linear=True)
_SDXL_UNET = original.UNetShape(
    model_channels=32,
    channel_mult=(1, 2, 2),
    depths=(0, 1, 2),
    middle_depth=2,
    context_dim=80,
    use_linear=True,
    adm_in_channels=88,
)


def single_file_shapes(name: str) -> original.Shapes:
    """Return what a single file of the small model holds, in the original modules' names."""
    prefixed = original.prefixed
    vae = prefixed("first_stage_model.", original.autoencoder(32, (1, 1, 2, 2)))
    clip = original.clip(32, 64, 4)
    unets = {"sd1": _SD1_UNET, "sd2": _SD2_UNET, "sdxl": _SDXL_UNET}
    network = prefixed("model.diffusion_model.", original.unet(unets[name])) | vae
    if name == "sd1":
        return network | prefixed("cond_stage_model.transformer.", clip)
    if name == "sd2":
        # One layer more than the family uses: the real files hold 24 of which 23 are used.
        return network | prefixed("cond_stage_model.model.", original.open_clip(32, 64, 5, 32))
    first = prefixed("conditioner.embedders.0.transformer.", clip)
    second = original.open_clip(48, 64, 4, 40)
    return network | first | prefixed("conditioner.embedders.1.model.", second)


def random_tensors(shapes: original.Shapes, seed: int = 0) -> dict[str, Tensor]:
    """Return random weights of a scale that keeps the networks' outputs about as large as their inputs."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        if name.endswith("position_ids"):
            tensors[name] = torch.arange(77)[None]
            continue
        tensor = torch.randn(shape, generator=generator)
        if len(shape) < 2:  # biases, and the factors of norms
            tensors[name] = 0.1 * tensor + float(name.endswith("weight"))
        elif "embedding" in name:
            tensors[name] = 0.3 * tensor
        else:
            tensors[name] = tensor / max(1.0, float(tensor[0].numel())) ** 0.5
    return tensors


class DictReader:
    """A file of tensors that are in memory."""

    def __init__(self, tensors: dict[str, Tensor], path: Path = Path("model.safetensors")) -> None:
        self.path, self.tensors = path, tensors
        self.shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}

    def read(self, name: str) -> Tensor:
        return self.tensors[name]

    def scale_of(self, name: str) -> Tensor | None:
        return None


@cache
def _tensors(name: str) -> dict[str, Tensor]:
    return random_tensors(single_file_shapes(name))


def reader(name: str) -> DictReader:
    """Return the single file of the small model; its tensors are shared and must not be changed in place."""
    return DictReader(dict(_tensors(name)))


@cache
def networks(name: str) -> Networks:
    """Return the small model, loaded from its single file; tests share it and must not change it."""
    file = reader(name)
    return load(TINY[name], {part.name: file for part in TINY[name].parts})


def folder_tensors(model: Networks) -> dict[str, dict[str, Tensor]]:
    """Return what the files of the model's diffusers folder hold, by part."""
    found = {"unet": model.unet.state_dict(), "vae": model.vae.state_dict()}
    for encoder in model.text_encoders:
        state = {key.removeprefix("text_model."): one for key, one in encoder.model.state_dict().items()}
        found[encoder.part.name] = {
            key if key.startswith("text_projection.") else f"text_model.{key}": one
            for key, one in state.items()
        }
    return found
