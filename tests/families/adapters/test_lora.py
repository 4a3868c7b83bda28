"""LoRAs act as if they had been added to the weights, and leave no trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from studio.errors import CheckpointError
from studio.families.adapters.lora import Lora, LoraLayers, WeightedLora, read_lora
from studio.families.loading import load
from tests.families.pipelines import token_ids
from tests.families.test_sampling import LATENTS, distances, our_run, pipeline_run
from tests.families.tiny import TINY, DictReader, networks, reader

if TYPE_CHECKING:
    from torch import Tensor, nn

    from studio.families.loading import Networks

RANK, ALPHA = 4, 2.0
X = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
LAYERS = {
    "lora_unet_": (
        "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k",
        "mid_block.attentions.0.transformer_blocks.0.ff.net.2",
        "mid_block.attentions.0.proj_in",  # a 1x1 convolution in SD 1.x, a linear layer in the others
        "down_blocks.0.resnets.0.conv1",
        "up_blocks.0.resnets.0.conv_shortcut",
        "down_blocks.0.downsamplers.0.conv",  # of stride 2
    ),
    "lora_te": ("encoder.layers.1.self_attn.q_proj", "encoder.layers.0.mlp.fc1"),
}


def modules(model: Networks) -> dict[str, nn.Module]:
    return {"unet": model.unet} | {one.part.name: one.model for one in model.text_encoders}


def fresh(name: str) -> Networks:
    """Return a copy of the small model that may be changed."""
    file = reader(name)
    return load(TINY[name], {part.name: file for part in TINY[name].parts})


def places(model: Networks) -> list[tuple[str, str, str]]:
    """Return part, layer and kohya's name of each layer that is changed."""
    found = [("unet", layer, f"lora_unet_{layer.replace('.', '_')}") for layer in LAYERS["lora_unet_"]]
    for index, encoder in enumerate(model.text_encoders):
        start = "lora_te_" if len(model.text_encoders) == 1 else f"lora_te{index + 1}_"
        inner = "text_model." if hasattr(encoder.model, "text_model") else ""
        for layer in LAYERS["lora_te"]:
            name = f"{start}text_model_{layer.replace('.', '_')}"
            found.append((encoder.part.name, inner + layer, name))
    return found


def made(
    model: Networks, seed: int, *, alpha: float | None = ALPHA
) -> tuple[Lora, dict[tuple[str, str], Tensor]]:
    """Return a random LoRA, and what it adds to each weight, computed in float64."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    added: dict[tuple[str, str], Tensor] = {}
    for part, layer, name in places(model):
        weight = modules(model)[part].get_submodule(layer).weight
        outputs, inputs, *kernel = weight.shape

        def draw(*shape: int) -> Tensor:
            return 0.3 * torch.randn(shape, generator=generator)

        if layer.endswith("downsamplers.0.conv"):  # through a kernel between the two
            down, mid, up = draw(RANK, inputs, 1, 1), draw(RANK, RANK, *kernel), draw(outputs, RANK, 1, 1)
            tensors[f"{name}.lora_mid.weight"] = mid
            product = torch.einsum("or,rsyx,si->oiyx", up[..., 0, 0], mid, down[..., 0, 0])
        else:
            ones = [1] * len(kernel)
            down, up = draw(RANK, inputs, *kernel), draw(outputs, RANK, *ones)
            product = torch.einsum("or,ri...->oi...", up.flatten(1), down)
        tensors[f"{name}.lora_down.weight"], tensors[f"{name}.lora_up.weight"] = down, up
        if alpha is not None:
            tensors[f"{name}.alpha"] = torch.tensor(alpha)
        added[part, layer] = product.double() * (1.0 if alpha is None else alpha / RANK)
    return read_lora(DictReader(tensors), model), added


@torch.no_grad()
def output(model: Networks) -> Tensor:
    encoded = [
        encoder(torch.tensor([token_ids("a red apple", encoder.padding)])) for encoder in model.text_encoders
    ]
    return model.backbone()(X, torch.tensor([500]), model.conditioning(encoded, 64, 64))


def merged(model: Networks, added: dict[tuple[str, str], Tensor], weight: float = 1.0) -> Networks:
    """Return the model with a LoRA added to its weights."""
    changed = fresh(model.family.name)
    for part, network in modules(changed).items():
        network.load_state_dict(modules(model)[part].state_dict(), assign=True)
    for (part, layer), change in added.items():
        parameter = modules(changed)[part].get_submodule(layer).weight
        parameter.data = (parameter.double() + weight * change.reshape(parameter.shape)).float()
    return changed


@pytest.mark.parametrize("name", TINY)
def test_outputs_are_those_of_the_changed_weights(name: str) -> None:
    model = fresh(name)
    lora, added = made(model, 1)
    assert lora.changes.keys() == added.keys()
    plain, expected = output(model), output(merged(model, added, 0.7))
    LoraLayers(model).use([WeightedLora(lora=lora, weight=0.7, text_weight=0.7)])
    torch.testing.assert_close(output(model), expected, rtol=1e-3, atol=1e-4)
    assert (expected - plain).abs().max() > 0.05


def test_without_alpha_the_scale_is_one_and_another_alpha_is_another_output() -> None:
    model = fresh("sd1")
    lora, added = made(model, 1, alpha=None)
    LoraLayers(model).use([WeightedLora(lora=lora)])
    torch.testing.assert_close(output(model), output(merged(networks("sd1"), added)), rtol=1e-3, atol=1e-4)
    other, _ = made(networks("sd1"), 1)
    wrong = fresh("sd1")
    LoraLayers(wrong).use([WeightedLora(lora=other)])
    assert (output(wrong) - output(model)).abs().max() > 0.05


def test_several_add_up_and_each_has_its_weights() -> None:
    model = fresh("sdxl")
    (one, first), (two, second) = made(model, 1), made(model, 2)
    LoraLayers(model).use(
        [
            WeightedLora(lora=one, weight=0.5, text_weight=0.0),
            WeightedLora(lora=two, weight=-0.3, text_weight=1.0),
        ]
    )
    both = {
        place: 0.5 * first[place] - 0.3 * second[place] if place[0] == "unet" else second[place]
        for place in second
    }
    expected = merged(networks("sdxl"), both)
    torch.testing.assert_close(output(model), output(expected), rtol=1e-3, atol=1e-4)


def test_a_then_b_then_a_gives_the_same_bits_and_none_those_of_the_model() -> None:
    model = fresh("sd1")
    plain = output(model)
    layers, a, b = LoraLayers(model), made(model, 1)[0], made(model, 2)[0]
    layers.use([WeightedLora(lora=a)])
    first = output(model)
    layers.use([WeightedLora(lora=b, weight=0.3)])
    assert not torch.equal(output(model), first)
    layers.use([WeightedLora(lora=a)])
    assert torch.equal(output(model), first)
    layers.use([WeightedLora(lora=a, weight=0.0, text_weight=0.0)])
    assert torch.equal(output(model), plain)
    layers.use([])
    assert torch.equal(output(model), plain)


def test_subtracting_what_was_added_leaves_a_trace() -> None:
    # What a program does that changes the weights themselves.
    model = networks("sd1")
    _, added = made(model, 1)
    there = merged(model, added)
    back = merged(there, added, -1.0)
    assert not torch.equal(output(back), output(model))


def test_a_lora_of_another_family_is_refused() -> None:
    model = networks("sdxl")
    wide = {
        "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": torch.zeros(
            4, 768
        ),
        "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight": torch.zeros(
            64, 4
        ),
    }
    with pytest.raises(CheckpointError, match="another model"):
        read_lora(DictReader(wide), model)
    with pytest.raises(CheckpointError, match="changes no layer"):
        read_lora(DictReader({"x.lora_down.weight": torch.zeros(4, 4)}), model)


@pytest.mark.parametrize("name", ["sd1", "sdxl"])
def test_the_picture_is_that_of_diffusers_pipeline_with_the_changed_weights(name: str) -> None:
    model = fresh(name)
    lora, added = made(model, 3)
    LoraLayers(model).use([WeightedLora(lora=lora, weight=0.5, text_weight=0.5)])
    theirs = merged(networks(name), added, 0.5)
    reference = pipeline_run(theirs, "ddim", "eps")
    assert distances(our_run(model, "ddim", "eps"), reference)[0] < LATENTS
    assert distances(our_run(networks(name), "ddim", "eps"), reference)[0] > 10 * LATENTS
