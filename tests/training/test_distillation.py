"""A preview decoder learns from what a run shows on its way, and from the codec's decoder alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image

from studio.backbones.codec import Codec, CodecConfig, picture_loss
from studio.backbones.preview_decoder import PreviewConfig
from studio.training import distillation
from studio.training.data.training_data import open_source
from studio.training.distillation import intermediate_latents, preview_task
from studio.training.loop import keyed_generator
from studio.training.recipe import Recipe, load_recipe

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = """
[about]
name = "tiny"
title = "Tiny"
[data]
kind = "folder"
path = "."
size = 16
[codec]
channels = 4
widths = [16, 16]
[codec_train]
pictures = 8
[preview]
width = 16
layers = 1
[preview_train]
pictures = 8
batch = 16
[backbone]
[train]
pictures = 8
"""
CPU = torch.device("cpu")


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.setattr(distillation, "ENCODED", 32)
    for color in ("red", "blue", "white"):
        Image.new("RGB", (16, 16), color).save(tmp_path / f"{color}.png")
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    return load_recipe(path)


def test_the_preview_configuration_follows_from_the_codec(recipe: Recipe) -> None:
    assert recipe.preview == PreviewConfig(channels=4, downscale=4, width=16, layers=1)


def test_a_recipe_may_omit_the_preview_decoder(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.replace("[preview_train]\npictures = 8\nbatch = 16\n", ""))
    assert load_recipe(path).preview_loop is None
    path.write_text(RECIPE.replace("[codec_train]\npictures = 8\n", ""))
    pixels = load_recipe(path)
    assert pixels.preview is None
    assert pixels.preview_loop is None, "there is nothing to distil in a model of pixels"


def test_the_decoder_learns_the_output_of_the_codecs_decoder(recipe: Recipe) -> None:
    torch.manual_seed(1)
    codec = Codec(recipe.codec or CodecConfig()).eval()
    before = {name: value.clone() for name, value in codec.state_dict().items()}
    decoder, loss = preview_task(recipe, open_source(recipe), codec, CPU)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=5e-3)
    losses = []
    for step in range(150):
        error = loss(keyed_generator(0, step))
        optimizer.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(error.item())
    assert losses[-1] < 0.4 * losses[0]
    latents = codec.encode(torch.linspace(-1, 1, 768).reshape(1, 3, 16, 16))
    with torch.no_grad():
        untaught, _ = preview_task(recipe, open_source(recipe), codec, CPU)
        wanted = codec.decode(latents)
        assert picture_loss(decoder(latents), wanted) < 0.5 * picture_loss(untaught(latents), wanted)
    assert all(torch.equal(value, before[name]) for name, value in codec.state_dict().items())


def test_a_step_depends_on_its_key_alone(recipe: Recipe) -> None:
    torch.manual_seed(1)
    codec = Codec(recipe.codec or CodecConfig()).eval()
    source = open_source(recipe)
    _, first = preview_task(recipe, source, codec, CPU)
    _, second = preview_task(recipe, source, codec, CPU)
    first(keyed_generator(0, 0))
    assert torch.equal(first(keyed_generator(0, 7)), second(keyed_generator(0, 7)))
    assert not torch.equal(first(keyed_generator(0, 7)), first(keyed_generator(0, 8)))


def test_intermediate_latents_are_pictures_blends_and_states() -> None:
    latents = torch.randn(64, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    drawn = intermediate_latents(latents, 4000, torch.Generator().manual_seed(1))
    assert drawn.shape == (4000, 4, 4, 4)
    error = (drawn[:, None] - latents).square().mean(dim=(2, 3, 4)).amin(dim=1).sqrt()
    near = float((error < distillation.MAX_NOISE * 1.2).float().mean())
    assert distillation.CLEAN_SHARE - 0.05 < near < distillation.CLEAN_SHARE + 0.25, (
        "each is near to one picture, with noise"
    )
    norms = drawn.square().mean(dim=(1, 2, 3)).sqrt()
    assert float(norms.max()) > 1.5, "guidance pushes beyond what pictures are"
    assert float(norms.min()) < 0.7, "averages are flat"
    assert torch.equal(drawn, intermediate_latents(latents, 4000, torch.Generator().manual_seed(1)))
