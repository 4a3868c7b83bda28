"""A codec that is a linear map is recovered; any other is met as nearly as a linear map can."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from studio.backbones.codec import Codec, CodecConfig
from studio.backbones.linear_decoder import draw_synthetic_pictures, fit_linear_decoder


class LinearCodec(nn.Module):
    """Blocks of pixels, mixed by an invertible matrix into as many channels; decoding undoes it, and may do more."""

    channels, downscale = 12, 2

    def __init__(self, *, neighbours: float = 0.0, bend: float = 0.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.mix = nn.Parameter(torch.linalg.qr(torch.randn(12, 12, generator=generator))[0])
        self.smear = torch.randn(12, 12, 3, 3, generator=generator) * neighbours
        self.shift = torch.linspace(-0.2, 0.2, 12)
        self.bend = bend

    def encode(self, pictures: Tensor) -> Tensor:
        return torch.einsum("oc,bchw->bohw", self.mix, F.pixel_unshuffle(pictures, 2))

    def decode(self, latents: Tensor) -> Tensor:
        blocks = torch.einsum("oc,bohw->bchw", self.mix, latents) + self.shift.view(1, -1, 1, 1)
        blocks = blocks + F.conv2d(latents, self.smear, padding=1) + self.bend * latents**3
        return F.pixel_shuffle(blocks, 2)


def worst(codec: Any, decoder: nn.Module) -> float:  # noqa: ANN401
    """The largest error on latents that were never fitted to, of another size than those that were."""
    latents = torch.randn(4, 12, 5, 9, generator=torch.Generator().manual_seed(8))
    with torch.no_grad():
        return float((decoder(latents) - codec.decode(latents)).abs().max())


@pytest.mark.parametrize("neighbours", [0.0, 0.3])
def test_a_linear_codec_is_recovered(neighbours: float) -> None:
    codec: Any = LinearCodec(neighbours=neighbours)
    assert worst(codec, fit_linear_decoder(codec)) < 2e-3


def test_what_is_not_recovered_is_seen() -> None:
    bent: Any = LinearCodec(bend=0.5)
    assert worst(bent, fit_linear_decoder(bent)) > 0.1, "no linear map is this codec"
    codec: Any = LinearCodec(neighbours=0.3)
    blind = fit_linear_decoder(codec)
    blind.weight[:, :, 0, 0] = 0.0
    assert worst(codec, blind) > 0.1, "a map that overlooks a neighbour would pass"
    unshifted = fit_linear_decoder(codec)
    unshifted.bias.zero_()
    assert worst(codec, unshifted) > 0.1, "a map without an offset would pass"


def test_the_fit_is_the_same_every_time_and_draws_no_one_elses_random_numbers() -> None:
    codec = Codec(CodecConfig(channels=4, widths=(16, 16))).eval()
    first = fit_linear_decoder(codec)
    torch.manual_seed(2)
    drawn = torch.rand(1)
    torch.manual_seed(2)
    second = fit_linear_decoder(codec)
    assert torch.equal(torch.rand(1), drawn)
    assert torch.equal(first.weight, second.weight)
    assert torch.equal(first.bias, second.bias)


def test_a_pictures_shape_follows_from_the_latents() -> None:
    decoder = fit_linear_decoder(Codec(CodecConfig(channels=4, widths=(16, 16))).eval())
    assert decoder(torch.zeros(2, 4, 3, 5)).shape == (2, 3, 12, 20)
    assert not any(parameter.requires_grad for parameter in decoder.parameters())


def test_plain_pictures_are_pictures_and_differ() -> None:
    pictures = draw_synthetic_pictures(16, 24)
    assert pictures.shape == (16, 3, 24, 24)
    assert float(pictures.min()) >= -1
    assert float(pictures.max()) <= 1
    assert float(pictures.std(dim=0).min()) > 0.1
    assert torch.equal(pictures, draw_synthetic_pictures(16, 24))
