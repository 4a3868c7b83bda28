"""A model is the same whatever layout its files have, keeps their dtypes, and never asks the network for anything."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from studio.errors import CheckpointError
from studio.families.loading import load
from tests.families.tiny import TINY, DictReader, folder_tensors, networks, reader

if TYPE_CHECKING:
    from torch import Tensor

    from studio.families.loading import Networks

ROOT = Path(__file__).parents[2]
OLD_VAE_NAMES = {"to_q.": "query.", "to_k.": "key.", "to_v.": "value.", "to_out.0.": "proj_attn."}


def parameters(model: Networks) -> dict[str, Tensor]:
    modules = {"unet": model.unet, "vae": model.vae}
    modules |= {encoder.part.name: encoder.model for encoder in model.text_encoders}
    return {
        f"{part}.{name}": one for part, module in modules.items() for name, one in module.state_dict().items()
    }


def same(one: Networks, two: Networks) -> bool:
    mine, others = parameters(one), parameters(two)
    return mine.keys() == others.keys() and all(torch.equal(mine[name], others[name]) for name in mine)


@pytest.mark.parametrize("name", TINY)
def test_a_folder_gives_the_same_networks_as_a_single_file(name: str) -> None:
    files = {part: DictReader(tensors) for part, tensors in folder_tensors(networks(name)).items()}
    assert same(load(TINY[name], files), networks(name))


def test_an_old_folder_gives_the_same_autoencoder() -> None:
    parts = folder_tensors(networks("sd1"))
    vae = parts["vae"]
    for key in [key for key in vae if ".attentions." in key]:
        new = key
        for today, before in OLD_VAE_NAMES.items():
            new = new.replace(today, before)
        vae[new] = vae.pop(key)
    assert any(".query." in key for key in vae)
    files = {part: DictReader(tensors) for part, tensors in parts.items()}
    assert same(load(TINY["sd1"], files), networks("sd1"))


@pytest.mark.parametrize("prefix", ["", "first_stage_model."])
def test_another_autoencoder_can_be_chosen(prefix: str) -> None:
    file = reader("sd1")
    chosen = {
        key.replace("first_stage_model.", prefix): 2 * tensor
        for key, tensor in file.tensors.items()
        if key.startswith("first_stage_model.")
    }
    files = {part.name: file for part in TINY["sd1"].parts} | {"vae": DictReader(chosen)}
    model = load(TINY["sd1"], files)
    mine, original = parameters(model), parameters(networks("sd1"))
    for name, tensor in original.items():
        assert torch.equal(mine[name], 2 * tensor if name.startswith("vae.") else tensor)


def test_parameters_keep_the_dtype_in_which_they_are_stored_unless_another_is_asked_for() -> None:
    half = {key: one.half() if one.is_floating_point() else one for key, one in reader("sd1").tensors.items()}
    file = DictReader(half)
    files = {part.name: file for part in TINY["sd1"].parts}
    model = load(TINY["sd1"], files, {"vae": torch.float32})
    dtypes = {name.split(".")[0]: one.dtype for name, one in parameters(model).items()}
    assert dtypes == {"unet": torch.float16, "vae": torch.float32, "text_encoder": torch.float16}
    shared = half["model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"]
    mine = parameters(model)["unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"]
    assert mine.data_ptr() == shared.data_ptr()  # not copied


def test_nothing_is_left_on_the_meta_device_or_learns() -> None:
    for name in TINY:
        model = networks(name)
        modules = [model.unet, model.vae, *(encoder.model for encoder in model.text_encoders)]
        for module in modules:
            assert not any(one.is_meta or one.requires_grad for one in module.parameters())
            assert not any(one.is_meta for one in module.buffers())
            assert not module.training


def test_a_file_without_a_part_is_refused() -> None:
    file = reader("sd1")
    with pytest.raises(CheckpointError, match="text encoder"):
        load(TINY["sd1"], {"unet": file, "vae": file})


def test_loading_and_running_open_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a socket was asked for")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    file = reader("sdxl")
    model = load(TINY["sdxl"], {part.name: file for part in TINY["sdxl"].parts})
    encoded = [encoder(torch.zeros(1, 77, dtype=torch.int64)) for encoder in model.text_encoders]
    with torch.no_grad():
        model.backbone()(torch.zeros(1, 4, 8, 8), torch.zeros(1), model.conditioning(encoded, 64, 64))
        model.codec().decode(torch.zeros(1, 4, 8, 8))


ALONE = """
import os, sys
def refuse(event, args):
    if event == "socket.getaddrinfo" or (event == "socket.connect" and isinstance(args[1], tuple)):
        os.write(2, f"asks for {args}".encode())
        os._exit(77)
sys.addaudithook(refuse)
from tests.families.test_loading import networks
networks("sdxl")
assert os.environ["HF_HUB_OFFLINE"] == "1"
import huggingface_hub.constants, diffusers.utils.constants
assert huggingface_hub.constants.HF_HUB_OFFLINE and huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY
"""


@pytest.mark.long
def test_a_process_of_its_own_opens_no_socket_while_it_imports_and_loads() -> None:
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
