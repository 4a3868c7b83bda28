"""A pool gives back what was put in, and a file that is not whole or not of this codec is not taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
import torch

from studio.backbones.codec import Codec, CodecConfig
from studio.training.data.pool import BATCH, LatentPool, fill_pool, load_pool, pool_key, save_pool
from studio.training.loop import keyed_generator

if TYPE_CHECKING:
    from pathlib import Path


def _numbered(count: int, generator: torch.Generator) -> tuple[torch.Tensor, list[str]]:
    numbers = torch.randint(1000, (count,), generator=generator)
    pictures = numbers.float()[:, None, None, None].expand(count, 3, 8, 8)
    return pictures, [str(number) for number in numbers.tolist()]


def _encode(pictures: torch.Tensor) -> torch.Tensor:
    return pictures[:, :2, :4, :4] + 0.5


def _filled(count: int, seed: int) -> LatentPool:
    making = fill_pool(_numbered, _encode, count, seed)
    while True:
        try:
            next(making)
        except StopIteration as end:
            return cast("LatentPool", end.value)


def test_latents_and_captions_stay_together() -> None:
    pool = _filled(3 * BATCH - 1, seed=0)
    assert len(pool.captions) == 3 * BATCH
    latents, captions = pool.draw(50, keyed_generator(0, 0))
    assert latents.shape == (50, 2, 4, 4)
    assert [float(latent[0, 0, 0]) for latent in latents] == [int(caption) + 0.5 for caption in captions]


def test_a_pool_that_is_filled_again_is_the_same() -> None:
    one, two, other = (_filled(100, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.latents, two.latents)
    assert one.captions == two.captions != other.captions


def test_filling_reports_its_progress() -> None:
    assert list(fill_pool(_numbered, _encode, 2 * BATCH + 1, seed=0)) == [
        (BATCH, 2 * BATCH + 1),
        (2 * BATCH, 2 * BATCH + 1),
        (2 * BATCH + 1, 2 * BATCH + 1),
    ]


def test_a_file_is_only_used_for_its_own_key(tmp_path: Path) -> None:
    path = tmp_path / "training" / "pool.safetensors"
    assert load_pool(path, "a") is None
    pool = LatentPool(torch.randn(3, 2, 4, 4).half(), ["여우", "a fox", ""])
    save_pool(path, "a", pool)
    read = load_pool(path, "a")
    assert read is not None
    assert torch.equal(read.latents, pool.latents)
    assert read.captions == pool.captions
    assert load_pool(path, "b") is None


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_truncated_file_is_not_used(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "pool.safetensors"
    save_pool(path, "a", LatentPool(torch.randn(3, 2, 4, 4).half(), ["a", "b", "c"]))
    path.write_bytes(path.read_bytes()[:keep])
    assert load_pool(path, "a") is None


def test_a_fingerprint_depends_on_every_weight_and_on_the_data() -> None:
    codec = Codec(CodecConfig(channels=4, widths=(16, 16)))
    before = pool_key(codec, "data")
    assert pool_key(codec, "other data") != before
    with torch.no_grad():
        next(codec.parameters()).view(-1)[0] += 1e-3
    assert pool_key(codec, "data") != before
