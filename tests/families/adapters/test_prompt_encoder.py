"""Prompts are encoded once for what they depend on, and adapters read once while their files are the same."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file

from studio.errors import CheckpointError
from studio.families.adapters import loaded, prompt_encoder
from studio.families.adapters.loaded import LoadedAdapters
from studio.families.adapters.prompt_encoder import PromptEncoder
from studio.families.interface import InversionUse, LoraUse, TextOptions
from studio.weights.files import LoadCancelled
from tests.families.adapters.test_lora import fresh

if TYPE_CHECKING:
    from pathlib import Path

    from studio.families.loading import Networks

CPU = torch.device("cpu")
SIZE = (64, 64)
LAYERS = {
    "unet": "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q",
    "text": "lora_te_text_model_encoder_layers_0_self_attn_q_proj",
}


@pytest.fixture(scope="module")
def networks() -> Networks:
    return fresh("sd1")


def save_lora(path: Path, part: str = "text", seed: int = 0) -> Path:
    width = 64 if part == "unet" else 32
    generator = torch.Generator().manual_seed(seed)
    down, up = (torch.randn(shape, generator=generator) for shape in ((2, width), (width, 2)))
    save_file({f"{LAYERS[part]}.lora_down.weight": down, f"{LAYERS[part]}.lora_up.weight": up}, path)
    return path


def with_lora(path: Path, weight: float = 1.0, text_weight: float = 1.0) -> TextOptions:
    return TextOptions(loras=(LoraUse(name="x", path=path, weight=weight, text_weight=text_weight),))


class Calls:
    """Counts the calls of a text encoder."""

    def __init__(self, networks: Networks) -> None:
        self.count = 0
        networks.text_encoders[0].register_forward_hook(self._add)

    def _add(self, *_: object) -> None:
        self.count += 1


def test_a_prompt_is_encoded_again_only_if_what_it_depends_on_changes(
    networks: Networks, tmp_path: Path
) -> None:
    encoder, calls = PromptEncoder(networks, CPU), Calls(networks)
    path = save_lora(tmp_path / "text.safetensors")
    unet_only = save_lora(tmp_path / "unet.safetensors", "unet")
    for text in (
        TextOptions(),
        TextOptions(),
        with_lora(unet_only),
        with_lora(unet_only, weight=0.5),
        with_lora(path, text_weight=0.0),
    ):
        encoder.encode("a fox", SIZE, text)
    assert calls.count == 1
    plain = encoder.encode("a fox", SIZE, TextOptions())
    for place, text in enumerate(
        (with_lora(path), with_lora(path, text_weight=0.5), TextOptions(clip_skip=2)), start=2
    ):
        changed = encoder.encode("a fox", SIZE, text)
        assert calls.count == place
        assert not torch.equal(changed.tensors["tokens"], plain.tensors["tokens"])
        assert changed.adapters == ()
    encoder.encode("a dog", SIZE, TextOptions())
    assert calls.count == 5
    assert torch.equal(
        PromptEncoder(networks, CPU).encode("a fox", SIZE, TextOptions()).tensors["tokens"],
        plain.tensors["tokens"],
    ), "no LoRA is left behind"


def test_the_conditioning_carries_what_acts_on_the_network(networks: Networks, tmp_path: Path) -> None:
    encoder, path = PromptEncoder(networks, CPU), save_lora(tmp_path / "x.safetensors", "unet")
    half, whole, off = (
        encoder.encode("a fox", SIZE, with_lora(path, weight=weight)) for weight in (0.5, 1.0, 0.0)
    )
    assert [weight for _, weight in half.adapters] == [0.5]
    assert half.layout == encoder.encode("a dog", SIZE, with_lora(path, weight=0.5)).layout
    assert len({half.layout, whole.layout, off.layout}) == 3
    assert off.adapters == ()
    assert half.expand(3).adapters == half.map(torch.clone).adapters == half.adapters


def test_few_prompts_are_kept(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_encoder, "MAX_ENCODED_BYTES", 3 * 77 * 32 * 4)
    encoder, calls = PromptEncoder(networks, CPU), Calls(networks)
    for prompt in ("a", "b", "c", "c", "d", "d", "a"):
        encoder.encode(prompt, SIZE, TextOptions())
    assert calls.count == 5


def test_a_file_is_read_once_and_again_if_it_is_replaced(
    networks: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_lora(tmp_path / "x.safetensors")
    adapters = LoadedAdapters(networks, CPU, 2 * adapters_size(networks, path))
    first = adapters.lora(path)
    assert adapters.lora(path) is first
    save_lora(path, seed=1)
    os.utime(path, ns=(1, 1))
    second = adapters.lora(path)
    assert second is not first
    for seed in (2, 3):
        adapters.lora(save_lora(tmp_path / f"{seed}.safetensors", seed=seed))
    assert adapters.lora(path) is not second, "the oldest made room"
    path.unlink()
    with pytest.raises(CheckpointError, match=r"x\.safetensors"):
        adapters.lora(path)


def adapters_size(networks: Networks, path: Path) -> int:
    return LoadedAdapters(networks, CPU).lora(path).size


def test_a1111s_own_files_are_converted(
    networks: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPWISE_HOME", str(tmp_path / "home"))
    path, vectors = tmp_path / "toy.pt", torch.randn(2, 32)
    state = {"string_to_token": {"*": 265}, "string_to_param": {"*": vectors}, "name": "toy", "step": 5}
    torch.save(state, path)
    (found,) = LoadedAdapters(networks, CPU).inversion(path).vectors
    assert torch.equal(found, vectors)
    torch.save({**state, "string_to_param": {"*": vectors[:, :7]}}, path)
    with pytest.raises(CheckpointError, match=r"toy\.pt is not a textual inversion for this model"):
        LoadedAdapters(networks, CPU).inversion(path)


def test_loading_can_be_cancelled(networks: Networks, tmp_path: Path) -> None:
    cancelled, path = threading.Event(), tmp_path / "x.safetensors"
    cancelled.set()
    save_file({"emb_params": torch.zeros(1, 32)}, path)
    inversion = InversionUse(name="x", path=path, tokens=1)
    for text in (with_lora(save_lora(tmp_path / "y.safetensors")), TextOptions(inversions=(inversion,))):
        with pytest.raises(LoadCancelled):
            PromptEncoder(networks, CPU).load(text, cancelled)


def test_the_limit_holds_several_loras() -> None:
    assert loaded.MAX_BYTES > 10 * (150 << 20)
