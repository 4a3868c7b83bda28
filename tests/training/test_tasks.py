"""The codec's statistics belong to the weights it is exported with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from studio.backbones.codec import Codec, CodecConfig
from studio.training.data.sources import draw_batch
from studio.training.loop import keyed_generator
from studio.training.tasks import fit_statistics

CPU = torch.device("cpu")


class Noise:
    """Pictures of noise with a colour of their own."""

    def draw(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, list[str]]:
        colours = rng.uniform(-1, 1, (count, 3, 1, 1))
        pictures = np.clip(colours + rng.normal(0, 0.2, (count, 3, 16, 16)), -1, 1)
        return pictures.astype(np.float32), [""] * count


def moments(codec: Codec) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and variance of the latents of other pictures than those that were fitted, by channel."""
    pictures, _ = draw_batch(Noise(), 512, keyed_generator(1, 0))
    with torch.no_grad():
        latents = codec.encode(pictures)
    return latents.mean(dim=(0, 2, 3)), latents.var(dim=(0, 2, 3))


def moved_codec() -> Codec:
    """Return a codec whose weights have moved on since its statistics were taken, as averaged weights have."""
    torch.manual_seed(0)
    codec = Codec(CodecConfig(channels=4, widths=(16, 16)))
    fit_statistics(codec, Noise(), 64, 0, CPU)
    with torch.no_grad():
        for parameter in codec.encoder.parameters():
            parameter.mul_(1.5).add_(0.05)
    return codec


def test_latents_have_mean_0_and_variance_1_once_the_statistics_are_fitted() -> None:
    codec = moved_codec()
    fit_statistics(codec, Noise(), 64, 0, CPU)
    mean, variance = moments(codec)
    assert mean.abs().max() < 0.15
    assert (variance - 1).abs().max() < 0.2


def test_statistics_of_other_weights_do_not_fit() -> None:
    mean, variance = moments(moved_codec())
    assert max(float(mean.abs().max()), float((variance - 1).abs().max())) > 0.5


def test_fitting_is_repeatable_and_leaves_the_codec_in_evaluation_mode() -> None:
    one, two = moved_codec(), moved_codec()
    for codec in (one, two):
        momentum = codec.norm.momentum
        fit_statistics(codec, Noise(), 64, 0, CPU)
        assert codec.norm.momentum == pytest.approx(momentum)
        assert not any(module.training for module in codec.modules())
    assert torch.equal(one.norm.running_mean, two.norm.running_mean)  # type: ignore[arg-type]
    assert torch.equal(one.norm.running_var, two.norm.running_var)  # type: ignore[arg-type]
