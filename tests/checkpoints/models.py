"""A model small enough to make in every test: 16x16 pictures, a few thousand weights, all parts there are."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load
from torch import Tensor, nn

from studio.backbones.codec import Codec, CodecConfig
from studio.backbones.text import TextConfig, TextEncoder
from studio.backbones.unet import UNet, UNetConfig
from studio.checkpoints import native
from studio.checkpoints.card import Component, Defaults, ModelCard

if TYPE_CHECKING:
    from collections.abc import Mapping

UNET = UNetConfig(
    channels=4, widths=(16, 32), attention=(False, True), blocks=1, head_width=16, embedding=16, text=16
)
TEXT = TextConfig(features=16, words=6, ngrams=8, buckets=64, layers=1, heads=2)
CODEC = CodecConfig(channels=4, widths=(16, 16))

CARD = ModelCard(
    name="tiny",
    title="Tiny model ⭐",
    backbone=Component(kind="unet", config=dataclasses.asdict(UNET)),
    text=Component(kind="words", config=dataclasses.asdict(TEXT)),
    codec=Component(kind="conv", config=dataclasses.asdict(CODEC)),
    schedule=Component(kind="cosine", config={"T": 1000}),
    prediction="v",
    sizes=((16, 16), (32, 16)),
    downscale=4,
    latent_shape=(4, 4, 4),
    clip=False,
    defaults=Defaults(sampler="ddim", steps=30, guidance=3.0, spacing="trailing"),
    licence="MIT",
    training_data="nothing at all",
    recipe="none.toml",
    evaluation={"top1": 0.5, "by name": [1, 2.5, None, True, {"deep": "er"}]},
)


def make_modules(seed: int = 0) -> dict[str, nn.Module]:
    """Make the parts of `CARD` with weights that are nowhere zero."""
    torch.manual_seed(seed)
    modules: dict[str, nn.Module] = {"backbone": UNet(UNET), "text": TextEncoder(TEXT), "codec": Codec(CODEC)}
    for module in modules.values():
        for parameter in module.parameters():
            nn.init.normal_(parameter, std=0.1)
        module.eval()
    return modules


@functools.cache
def saved() -> dict[str, bytes]:
    """Return the files of a whole model by name."""
    with tempfile.TemporaryDirectory() as folder:
        native.save(Path(folder), CARD, make_modules())
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def weights() -> dict[str, Tensor]:
    """Return the tensors of that model."""
    return load(saved()["model.safetensors"])


def write_model(folder: Path, *, weights: bytes | None = None, **changes: object) -> Path:
    """Write a whole model to ``folder``, with other weights or other fields of the card where given."""
    folder.mkdir(parents=True, exist_ok=True)
    files = saved()
    card = json.loads(files["card.json"]) | changes
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(files["model.safetensors"] if weights is None else weights)
    return folder


def write_sparse(
    path: Path, shapes: Mapping[str, tuple[int, ...]], metadata: Mapping[str, str] | None = None
) -> int:
    """Write a safetensors file of float16 weights that takes no room on the disk; return the bytes of its header."""
    listed: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    place = 0
    for name, shape in shapes.items():
        size = 2 * math.prod(shape)
        listed[name] = {"dtype": "F16", "shape": shape, "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(listed, separators=(",", ":")).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + place)
    return len(text)
