"""The tiny VAE for previews, against diffusers' own, from files in all layouts that people have."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from safetensors.torch import save_file

from studio.errors import CheckpointError
from studio.families.loading import load_tiny_decoder
from studio.weights.reader import TensorReader
from tests.families.architectures import taesd
from tests.families.test_model import loaded, saved

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

LATENTS = torch.randn(1, 4, 4, 6, generator=torch.Generator().manual_seed(3))


def reference(seed: int = 0) -> AutoencoderTiny:
    torch.manual_seed(seed)
    return AutoencoderTiny().eval()


def in_layout(layout: str, model: AutoencoderTiny) -> dict[str, Tensor]:
    """Return its tensors as a file of that layout holds them."""
    state = model.state_dict()
    if layout == "diffusers":
        return state
    names = {"encoder": 0, "decoder": 1}  # the original decoder begins with a clamp, which has no parameters
    found = {}
    for key, tensor in state.items():
        half, _, place, rest = key.split(".", 3)
        prefix = {"original": "", "pair": f"taesd_{half}."}[layout]
        if layout == "pair" or half == "decoder":
            found[f"{prefix}{int(place) + names[half]}.{rest}"] = tensor
    return found


@pytest.mark.parametrize("layout", ["original", "pair", "diffusers"])
@torch.no_grad()
def test_a_tiny_vae_decodes_as_diffusers_does(layout: str, tmp_path: Path) -> None:
    model, path = reference(), tmp_path / "taesd.safetensors"
    tensors = in_layout(layout, model)
    if layout == "original":
        assert {name: tuple(one.shape) for name, one in tensors.items()} == taesd()[1], "the published names"
    save_file({name: one.half() for name, one in tensors.items()}, path)
    with TensorReader(path) as reader:
        decoder = load_tiny_decoder(reader)
    found, expected = decoder(LATENTS), model.half().float().decode(LATENTS).sample
    assert found.shape == (1, 3, 32, 48)
    torch.testing.assert_close(found, expected)
    other = reference(seed=1).decode(LATENTS).sample
    assert (found - other).abs().max() > 0.01, "with other weights the picture differs"


@torch.no_grad()
def test_it_gives_the_small_preview_and_one_that_does_not_fit_a_reason(tmp_path: Path) -> None:
    good, wide = tmp_path / "taesd.safetensors", tmp_path / "taef1.safetensors"
    save_file(in_layout("original", reference()), good)
    torch.manual_seed(0)
    save_file(AutoencoderTiny(latent_channels=16).state_dict(), wide)
    model = loaded("sd1", saved("sd1", tmp_path), tiny_vae=good)
    previews = model.preview_decoders(threading.Event())
    assert list(previews.decoders) == ["small", "linear"]
    torch.testing.assert_close(previews.decoders["small"](LATENTS), reference().decode(LATENTS).sample)
    assert previews.fault is None
    wrong = loaded("sd1", saved("sd1", tmp_path), tiny_vae=wide).preview_decoders(threading.Event())
    assert list(wrong.decoders) == ["linear"]
    assert "tiny VAE" in str(wrong.fault)


def test_an_encoder_alone_is_refused(tmp_path: Path) -> None:
    path, model = tmp_path / "taesd_encoder.safetensors", reference()
    save_file(
        {
            key.removeprefix("encoder.layers."): one
            for key, one in model.state_dict().items()
            if key.startswith("encoder.")
        },
        path,
    )
    with TensorReader(path) as reader, pytest.raises(CheckpointError, match="tiny VAE"):
        load_tiny_decoder(reader)
