"""The networks that a model card or a recipe can refer to by name."""

from __future__ import annotations

from studio.backbones.codec import Codec, CodecConfig, Identity, IdentityConfig
from studio.backbones.dit import DiT, DiTConfig
from studio.backbones.preview_decoder import PreviewConfig, PreviewDecoder
from studio.backbones.unet import UNet, UNetConfig

BACKBONES = {"unet": (UNetConfig, UNet), "dit": (DiTConfig, DiT)}
CODECS = {"identity": (IdentityConfig, Identity), "conv": (CodecConfig, Codec)}
PREVIEW_DECODERS = {"conv": (PreviewConfig, PreviewDecoder)}
