"""Tiny models with random weights, saved as any model is: large enough to go wrong, small enough to be quick."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch

from studio.backbones.codec import Codec, CodecConfig, Identity
from studio.backbones.text import TextConfig, TextEncoder
from studio.backbones.unet import UNet, UNetConfig
from studio.checkpoints import native
from studio.checkpoints.card import Component, Defaults, ModelCard

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

TEXT = TextConfig(features=16, words=4, ngrams=4, buckets=64, layers=1, heads=2)


def save_tiny(folder: Path, *, latent: bool = False, text: bool = True, seed: int = 1) -> ModelCard:
    """Save a tiny model called as its folder is: 16x16 (or 32x16) pixels, 1000 times, 5 steps by default."""
    torch.manual_seed(seed)
    channels = 4 if latent else 3
    unet = UNetConfig(
        channels=channels,
        widths=(16, 32),
        attention=(False, True),
        blocks=1,
        head_width=16,
        embedding=32,
        text=16 if text else 0,
    )
    codec = CodecConfig(channels=4, widths=(16, 16))
    modules: dict[str, nn.Module] = {
        "backbone": UNet(unet),
        "codec": Codec(codec) if latent else Identity(),
    }
    if text:
        modules["text"] = TextEncoder(TEXT)
    for module in modules.values():
        for parameter in module.parameters():  # what starts at zero would hide mistakes
            torch.nn.init.normal_(parameter, std=0.15)
    card = ModelCard(
        name=folder.name,
        title=f"Tiny {folder.name}",
        backbone=Component(kind="unet", config=dataclasses.asdict(unet)),
        text=Component(kind="words", config=dataclasses.asdict(TEXT)) if text else None,
        codec=Component(kind="conv", config=dataclasses.asdict(codec))
        if latent
        else Component(kind="identity"),
        schedule=Component(kind="cosine"),
        prediction="v",
        sizes=((16, 16), (32, 16)),
        downscale=4 if latent else 1,
        latent_shape=(channels, 4, 4) if latent else (3, 16, 16),
        clip=not latent,
        defaults=Defaults(sampler="ddim", steps=5, guidance=3.0),
        licence="CC0-1.0",
        training_data="none: its weights are random",
        evaluation={},
    )
    return native.save(folder, card, modules)
