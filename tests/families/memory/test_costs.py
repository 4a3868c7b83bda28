"""What networks take in memory is what their modules really have, layer by layer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import torch

from studio.families.memory import costs
from studio.families.networks import on_meta
from studio.families.sd1 import SD1
from studio.families.sd2 import SD2
from studio.families.sdxl import SDXL
from tests.families import tiny
from tests.families.memory.live_memory import peak_values

if TYPE_CHECKING:
    from studio.families.family import Family

PUBLISHED = {
    "sd1": {"unet": 859_520_964, "vae": 83_653_863, "text_encoder": 123_060_480},
    "sd2": {"unet": 865_910_724, "vae": 83_653_863, "text_encoder": 340_387_840},
    "sdxl": {
        "unet": 2_567_463_684,
        "vae": 83_653_863,
        "text_encoder": 123_060_480,
        "text_encoder_2": 694_659_840,
    },
}
# Measured with `peak_values` on the meta device: float32 numbers for one picture, by height and width of its latents.
MEASURED = {
    "sd1": {(64, 64): 34_139_457, (96, 192): 153_414_977},
    "sd2": {(64, 64): 34_159_169, (96, 192): 153_434_689},
    "sdxl": {(64, 64): 20_804_423, (96, 192): 93_057_863, (128, 128): 82_735_943},
}
DECODER_MEASURED = {(64, 64): 201_342_976, (96, 192): 906_043_392, (128, 128): 805_371_904}


@pytest.mark.parametrize("family", [SD1, SD2, SDXL], ids=lambda family: family.name)
def test_parameters_are_those_published(family: Family) -> None:
    assert {part.name: costs.parameters_of(part).total for part in family.parts} == PUBLISHED[family.name]


@pytest.mark.parametrize("name", tiny.TINY)
def test_parameters_are_those_of_the_modules(name: str) -> None:
    for part in tiny.TINY[name].parts:
        network = on_meta(part)
        counted = costs.parameters_of(part)
        assert counted.total == sum(parameter.numel() for parameter in network.parameters())
        largest = max(
            sum(parameter.numel() for parameter in module.parameters(recurse=False))
            for module in network.modules()
        )
        assert counted.largest_layer == largest


def unet_peak(family: Family, height: int, width: int) -> float:
    part = family.part("unet")
    unet: Any = on_meta(part)
    config, meta = part.config, torch.device("meta")
    tokens = torch.empty(1, 77, config["cross_attention_dim"], device=meta)
    added = None
    if family.size_conditioning:
        pooled = config["projection_class_embeddings_input_dim"] - 6 * config["addition_time_embed_dim"]
        added = {
            "text_embeds": torch.empty(1, pooled, device=meta),
            "time_ids": torch.empty(1, 6, device=meta),
        }
    x, t = torch.empty(1, 4, height, width, device=meta), torch.empty(1, device=meta)
    return peak_values(
        unet, lambda: unet(x, t, encoder_hidden_states=tokens, added_cond_kwargs=added, return_dict=False)
    )


@pytest.mark.parametrize("name", tiny.TINY)
def test_the_values_of_small_networks_are_those_measured(name: str) -> None:
    family = tiny.TINY[name]
    measured = unet_peak(family, 32, 48)
    assert costs.unet_values(family.part("unet"), 32 * 48) == pytest.approx(measured, rel=0.02)
    assert costs.unet_values(family.part("unet"), 32 * 32) < 0.9 * measured, "the twin: another size"
    vae: Any = on_meta(family.part("vae"))
    latents = torch.empty(1, 4, 32, 48, device="meta")
    decoded = peak_values(vae, lambda: vae.decode(latents, return_dict=False))
    assert costs.decoder_values(family.part("vae"), 32 * 48) == pytest.approx(decoded, rel=0.02)


@pytest.mark.parametrize("family", [SD1, SD2, SDXL], ids=lambda family: family.name)
def test_the_values_of_full_networks_are_those_measured(family: Family) -> None:
    for (height, width), measured in MEASURED[family.name].items():
        assert costs.unet_values(family.part("unet"), height * width) == pytest.approx(measured, rel=0.01)
    for (height, width), measured in DECODER_MEASURED.items():
        counted = costs.decoder_values(family.part("vae"), height * width)
        assert counted == pytest.approx(measured, rel=0.01)


@pytest.mark.parametrize("family", [SD1, SDXL], ids=lambda family: family.name)
def test_slices_and_tiles_take_less(family: Family) -> None:
    unet, vae = family.part("unet"), family.part("vae")
    latents = 128 * 128
    assert costs.unet_values(unet, latents, sliced=True) < costs.unet_values(unet, latents)
    assert costs.unet_values(unet, 16, sliced=True) == costs.unet_values(unet, 16), "one slice is all of it"
    assert costs.tiled_decoder_values(vae, latents, 8) < 0.3 * costs.decoder_values(vae, latents)


@pytest.mark.parametrize("name", tiny.TINY)
def test_the_values_of_text_encoders_are_an_upper_bound(name: str) -> None:
    for part in tiny.TINY[name].text_parts:
        network: Any = on_meta(part)
        tokens = torch.zeros(1, 77, dtype=torch.long, device="meta")
        measured = peak_values(network, partial(network, input_ids=tokens, output_hidden_states=True))
        assert measured <= costs.text_values(part) <= 2 * measured
