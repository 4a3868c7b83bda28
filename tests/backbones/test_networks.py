"""Shapes, conditions and symmetries that hold for a network before it has learned anything."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from studio.backbones.codec import Codec, CodecConfig, Identity
from studio.backbones.dit import DiT, DiTConfig, positions
from studio.backbones.layers import grid_features, sinusoidal
from studio.backbones.unet import UNet, UNetConfig
from studio.diffusion.conditioning import Conditioning


def _stirred(module: nn.Module) -> nn.Module:
    """Give every parameter a random value: many start at zero, and would hide what they do."""
    torch.manual_seed(1)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.1)
    return module.eval().requires_grad_(False)


def _network(kind: str, text: int) -> nn.Module:
    if kind == "unet":
        return _stirred(UNet(UNetConfig(widths=(16, 32), blocks=1, head_width=16, embedding=32, text=text)))
    return _stirred(DiT(DiTConfig(features=32, layers=2, heads=2, text=text)))


def _condition(batch: int) -> Conditioning:
    generator = torch.Generator().manual_seed(5)
    mask = torch.zeros(batch, 6, dtype=torch.bool)
    mask[:, :3] = True
    tokens = torch.randn(batch, 6, 12, generator=generator)
    return Conditioning(tokens=tokens, mask=mask, pooled=torch.randn(batch, 12, generator=generator))


X = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
T = torch.tensor([3, 700])


@pytest.mark.parametrize("kind", ["unet", "dit"])
@pytest.mark.parametrize("text", [0, 12])
def test_the_prediction_has_the_pictures_shape(kind: str, text: int) -> None:
    predicted = _network(kind, text)(X, T, _condition(2) if text else Conditioning())
    assert predicted.shape == X.shape
    assert torch.isfinite(predicted).all()


@pytest.mark.parametrize("kind", ["unet", "dit"])
def test_time_and_text_change_the_prediction_and_padding_does_not(kind: str) -> None:
    network, condition = _network(kind, 12), _condition(2)
    tokens, mask, pooled = condition.tensors.values()
    predicted = network(X, T, condition)
    assert not torch.allclose(predicted, network(X, T + 1, condition))
    assert not torch.allclose(predicted, network(X, T, replace(condition, pooled=-pooled)))
    assert not torch.allclose(predicted, network(X, T, replace(condition, tokens=-tokens)))
    padding = torch.where(mask[..., None], tokens, torch.full_like(tokens, 9.0))
    assert torch.allclose(predicted, network(X, T, replace(condition, tokens=padding)))


@pytest.mark.parametrize("kind", ["unet", "dit"])
def test_a_picture_does_not_depend_on_its_neighbours(kind: str) -> None:
    network, condition = _network(kind, 12), _condition(2)
    both = network(X, T, condition)
    alone = network(X[1:], T[1:], condition.map(lambda part: part[1:]))
    assert torch.allclose(both[1:], alone, atol=1e-5)


@pytest.mark.parametrize("kind", ["unet", "dit"])
def test_an_untrained_network_predicts_nothing(kind: str) -> None:
    fresh = (
        UNet(UNetConfig(widths=(16, 32), blocks=1))
        if kind == "unet"
        else DiT(DiTConfig(features=32, layers=1))
    )
    assert torch.equal(fresh(X, T, Conditioning()), torch.zeros_like(X))


@pytest.mark.parametrize("kind", ["unet", "dit"])
def test_a_draft_is_seen_whatever_its_size(kind: str) -> None:
    unet = UNetConfig(widths=(16, 32), blocks=1, head_width=16, embedding=32, text=12, draft=5)
    dit = DiTConfig(features=32, layers=2, heads=2, text=12, draft=5)
    network, condition = _stirred(UNet(unet) if kind == "unet" else DiT(dit)), _condition(2)
    drafts = [torch.randn(2, 5, side, side) for side in (8, 16)]
    predicted = [network(X, T, replace(condition, extras={"draft": draft})) for draft in drafts]
    assert predicted[0].shape == X.shape
    assert not torch.allclose(predicted[0], predicted[1])


def test_every_parameter_of_the_unet_has_a_part_in_the_prediction() -> None:
    network = _network("unet", 12).requires_grad_(True)
    network(X, T, _condition(2)).square().sum().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


def test_sinusoids_start_at_cosine_one_and_sine_zero() -> None:
    embedded = sinusoidal(torch.tensor([0, 5]), 8)
    assert torch.equal(embedded[0], torch.tensor([1.0] * 4 + [0.0] * 4))
    assert embedded[1, 0] == pytest.approx(torch.cos(torch.tensor(5.0)).item())
    assert torch.allclose(embedded[:, :4] ** 2 + embedded[:, 4:] ** 2, torch.ones(2, 4))


def test_each_cell_of_a_grid_and_each_patch_has_its_own_mark() -> None:
    cells = grid_features(4, 4, torch.device("cpu")).flatten(1).T
    patches = positions(4, 4, 16, torch.device("cpu"))
    for marks in (cells, patches):
        assert torch.cdist(marks, marks).fill_diagonal_(9).min() > 0.1


def test_the_codec_halves_the_sides_per_level_and_comes_back() -> None:
    codec = Codec(CodecConfig(channels=4, widths=(16, 32))).eval()
    latents = codec.encode(torch.zeros(2, 3, 32, 16))
    assert codec.downscale == 4
    assert latents.shape == (2, 4, 8, 4)
    assert codec.decode(latents).shape == (2, 3, 32, 16)


def test_latents_in_training_have_mean_zero_and_variance_one() -> None:
    codec = Codec(CodecConfig(channels=4, widths=(16, 32))).train()
    latents = codec.encode(torch.randn(32, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    assert latents.mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert (latents.var(dim=(0, 2, 3), correction=0) - 1).abs().max() < 1e-2


def test_the_identity_changes_nothing() -> None:
    assert torch.equal(Identity().decode(Identity().encode(X)), X)


def test_position_features_are_computed_once_for_a_size_and_device() -> None:
    cpu = torch.device("cpu")
    assert grid_features(6, 4, cpu) is grid_features(6, 4, cpu)
    assert positions(6, 4, 16, cpu) is positions(6, 4, 16, cpu)
    assert grid_features(4, 6, cpu) is not grid_features(6, 4, cpu)
    assert not grid_features(6, 4, cpu).requires_grad
    assert grid_features(6, 4, torch.device("meta")).is_meta


def test_position_features_survive_a_forward_pass() -> None:
    cpu = torch.device("cpu")
    before = grid_features(8, 8, cpu).clone(), positions(4, 4, 32, cpu).clone()
    UNet(UNetConfig(widths=(16, 16), embedding=16, head_width=16))(
        torch.randn(1, 3, 8, 8), torch.tensor([3]), Conditioning()
    )
    DiT(DiTConfig(features=32, layers=1))(torch.randn(1, 3, 8, 8), torch.tensor([3]), Conditioning())
    assert torch.equal(grid_features(8, 8, cpu), before[0])
    assert torch.equal(positions(4, 4, 32, cpu), before[1])
