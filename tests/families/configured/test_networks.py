"""The published architectures are built from their configurations, of their published size, and recognised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.families.configured.configs import (
    Noise,
    TransformerConfig,
    UNetConfig,
    read_config,
)
from studio.families.configured.ddpm import unet_part
from studio.families.configured.dit_xl import transformer_part
from studio.families.configured.networks import schedule_of
from studio.families.networks import on_meta, parameter_shapes
from studio.families.recognition.kinds import Family
from studio.families.recognition.recognise import recognise
from tests.families.configured.test_configs import CELEBAHQ, CIFAR10, DIT_256, written
from tests.families.headers import file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("config", "family", "millions"),
    [(CIFAR10, Family.DDPM, 35.7), (CELEBAHQ, Family.DDPM, 113.7), (DIT_256, Family.DIT_XL, 749.8)],
    ids=["ddpm-cifar10-32", "ddpm-celebahq-256", "DiT-XL-2-256"],
)
def test_a_published_architecture(
    tmp_path: Path, config: dict[str, object], family: Family, millions: float
) -> None:
    path = written(tmp_path, config)
    part = (
        unet_part(read_config(path, UNetConfig))
        if family is Family.DDPM
        else transformer_part(read_config(path, TransformerConfig))
    )
    header = file("diffusion_pytorch_model.safetensors", parameter_shapes(on_meta(part)), "F32")
    assert header.parameters / 1e6 == pytest.approx(millions, abs=0.05)
    found = recognise(header).family
    assert found is not None
    assert found.value is family


def test_a_schedule_may_end_without_signal() -> None:
    noise = Noise(schedule="linear", T=100, beta_start=1e-4, beta_end=0.02)
    assert schedule_of(noise).alpha(99) > 0
    rescaled = Noise(schedule="linear", T=100, beta_start=1e-4, beta_end=0.02, zero_terminal_snr=True)
    assert schedule_of(rescaled).alpha(99) == 0
    assert schedule_of(Noise(schedule="cosine", T=50)).T == 50
