"""What the families say of themselves fits the rest of the program and their published configurations."""

from __future__ import annotations

import pytest

from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.spacings import SPACINGS
from studio.families.family import PART_LABELS, Family
from studio.families.sd1 import SD1
from studio.families.sd2 import SD2
from studio.families.sdxl import SDXL

FAMILIES = pytest.mark.parametrize("family", [SD1, SD2, SDXL], ids=lambda family: family.name)


@FAMILIES
def test_the_settings_name_samplers_and_spacings_that_there_are(family: Family) -> None:
    for defaults in (family.defaults, *family.variants.values()):
        assert defaults.sampler in SAMPLERS
        assert defaults.spacing in SPACINGS
        assert 1 <= defaults.steps <= 100
        assert defaults.guidance >= 1


@FAMILIES
def test_the_sizes_can_be_made_and_are_as_large_as_those_of_training(family: Family) -> None:
    trained = family.part("unet").config["sample_size"]
    assert isinstance(trained, int)
    pixels = (trained * family.latents.downscale) ** 2
    for width, height in family.sizes:
        assert width % family.size_multiple == height % family.size_multiple == 0
        assert 0.4 * pixels <= width * height <= 1.6 * pixels
        assert (height, width) in family.sizes
    assert len(set(family.sizes)) == len(family.sizes)


@FAMILIES
def test_the_parts_fit_together(family: Family) -> None:
    unet, vae = family.part("unet").config, family.part("vae").config
    assert vae["scaling_factor"] == family.latents.scale
    assert vae["latent_channels"] == unet["in_channels"] == unet["out_channels"] == family.latents.channels
    widths = [part.config["hidden_size"] for part in family.text_parts]
    assert sum(widths) == unet["cross_attention_dim"]
    assert {part.name for part in family.parts} <= PART_LABELS.keys()
    with pytest.raises(KeyError):
        family.part("controlnet")
