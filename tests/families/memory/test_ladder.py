"""With a rung a model gives what it gives without: the same bits, or the same up to rounding; tiles are blended."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import pytest
import torch

from studio.families.loading import load
from studio.families.memory.ladder import MemoryLadder
from studio.families.memory.slices import slice_attention
from studio.families.memory.tiles import _ramp, _spans, decode_in_tiles
from studio.weights.compute import compute_in
from tests.families import tiny

if TYPE_CHECKING:
    from torch import Tensor, nn

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("no_gradients")


@pytest.fixture
def no_gradients() -> Any:  # noqa: ANN401
    with torch.no_grad():
        yield


def small(name: str) -> Any:  # noqa: ANN401
    """Return a small model that no other test sees."""
    file = tiny.reader(name)
    return load(tiny.TINY[name], {part.name: file for part in tiny.TINY[name].parts})


def call(networks: Any, side: int = 8) -> Tensor:  # noqa: ANN401
    """Return the output of the U-Net."""
    generator = torch.Generator().manual_seed(0)
    family = networks.family
    width = family.part("unet").config["cross_attention_dim"]
    x = torch.randn(2, 4, side, side, generator=generator)
    tokens = torch.randn(2, 77, width, generator=generator)
    added = None
    if family.size_conditioning:
        added = {"text_embeds": torch.randn(2, 40, generator=generator), "time_ids": torch.ones(2, 6)}
    output: Tensor = networks.unet(x, 500, tokens, added_cond_kwargs=added, return_dict=False)[0]
    return output


class Copies:
    """Makes copies as a device would, and counts those that are alive."""

    def __init__(self) -> None:
        self.made = 0
        self.alive: dict[int, int] = {}
        self.most = 0

    def __call__(self, tensor: Tensor) -> Tensor:
        copied = tensor.clone()
        self.made += 1
        self.alive[self.made] = copied.numel()
        self.most = max(self.most, sum(self.alive.values()))
        weakref.finalize(copied.untyped_storage(), self.alive.pop, self.made)
        return copied


def ladder_of(networks: Any, copies: Copies | None = None) -> MemoryLadder:  # noqa: ANN401
    texts = {encoder.part.name: encoder.model for encoder in networks.text_encoders}
    return MemoryLadder(networks.unet, networks.vae, texts, copy=copies)


# ------------------------------------------------------------------------------------------------ layer by layer


@pytest.mark.parametrize("name", tiny.TINY)
def test_offloaded_weights_give_the_same_bits_and_visit_one_layer_at_a_time(name: str) -> None:
    networks, copies = small(name), Copies()
    compute_in(networks.unet, torch.float32)
    exact = call(networks)
    weights = {key: one.data_ptr() for key, one in networks.unet.named_parameters()}
    ladder = ladder_of(networks, copies)
    ladder.take(("layer_offload",), CPU)
    assert torch.equal(call(networks), exact)
    assert copies.made > 100
    largest = max(
        sum(one.numel() for one in layer.parameters(recurse=False)) for layer in networks.unet.modules()
    )
    assert copies.most == largest, "no two layers were on the device at once"
    assert copies.alive == {}
    assert {key: one.data_ptr() for key, one in networks.unet.named_parameters()} == weights
    made = copies.made
    ladder.take((), CPU)
    assert torch.equal(call(networks), exact)
    assert copies.made == made, "the rung was taken back"


def test_a_layer_that_fails_leaves_the_device_too() -> None:
    networks, copies = small("sd1"), Copies()
    ladder_of(networks, copies).take(("layer_offload",), CPU)
    weights = {key: one.data_ptr() for key, one in networks.unet.named_parameters()}

    def fail(_module: nn.Module, _inputs: object) -> None:
        raise RuntimeError("no more")

    hook = networks.unet.mid_block.attentions[0].norm.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="no more"):
        call(networks)
    assert {key: one.data_ptr() for key, one in networks.unet.named_parameters()} == weights
    hook.remove()
    call(networks)


def test_only_text_encoders_are_offloaded_on_the_first_rung() -> None:
    networks, copies = small("sdxl"), Copies()
    tokens = torch.arange(77)[None]
    exact = [encoder(tokens).hidden for encoder in networks.text_encoders]
    ladder_of(networks, copies).take(("text_encoders_off",), CPU)
    call(networks)
    assert copies.made == 0
    for encoder, hidden in zip(networks.text_encoders, exact, strict=True):
        assert torch.equal(encoder(tokens).hidden, hidden)
    assert copies.made > 0


# ------------------------------------------------------------------------------------------------------- in slices


@pytest.mark.parametrize("name", tiny.TINY)
def test_slices_give_the_same_up_to_rounding(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(slice_attention.__kwdefaults__, "tokens", 24)
    networks = small(name)
    exact = call(networks)
    ladder = ladder_of(networks)
    ladder.take(("attention_slicing",), CPU)
    sliced = call(networks)
    assert (sliced - exact).abs().max() < 1e-5 * exact.abs().max()
    assert any(getattr(module, "slice_tokens", 0) == 24 for module in networks.unet.modules())
    ladder.take((), CPU)
    assert torch.equal(call(networks), exact)
    assert not any(hasattr(module, "slice_tokens") for module in networks.unet.modules())


# -------------------------------------------------------------------------------------------------------- in tiles


def pictures_of(name: str, height: int, width: int) -> tuple[Any, Tensor, Tensor]:
    vae: Any = tiny.networks(name).vae
    generator = torch.Generator().manual_seed(1)
    smooth = torch.randn(1, 4, 6, 6, generator=generator)
    latents = torch.nn.functional.interpolate(smooth, (height, width), mode="bicubic")
    latents = latents + 0.3 * torch.randn(latents.shape, generator=generator)
    return vae, latents, vae.decode(latents, return_dict=False)[0]


def test_latents_of_one_tile_are_decoded_as_a_whole() -> None:
    vae, latents, whole = pictures_of("sd1", 16, 12)
    assert torch.equal(decode_in_tiles(vae, latents, tile=16, overlap=4), whole)


@pytest.mark.parametrize(("height", "width"), [(20, 20), (12, 31)])
def test_tiles_are_close_to_the_whole_and_blended(height: int, width: int) -> None:
    vae, latents, whole = pictures_of("sd1", height, width)
    tiled = decode_in_tiles(vae, latents, tile=12, overlap=4)
    assert tiled.shape == whole.shape
    vae.tile_latent_min_size, vae.tile_sample_min_size, vae.tile_overlap_factor = 12, 12 * 8, 1 / 3
    others = vae.tiled_decode(latents, return_dict=False)[0]
    # The weights are random, and nothing in them makes the norms of a tile like those of the picture.
    assert (tiled - whole).square().mean() < 0.3**2 * whole.var()
    assert (tiled - whole).square().mean() < 0.4 * (others - whole).square().mean()
    for axis in (-1, -2):  # no seam: neighbouring pixels differ no more than without tiles
        kept = 3 + axis
        edges, without = (
            one.diff(dim=axis).abs().mean(dim=(0, 1, 2 if kept == 2 else 3)) for one in (tiled, whole)
        )
        assert edges.max() < 1.3 * without.max()


def test_every_pixel_of_a_constant_is_weighted_once() -> None:
    for length in (25, 61, 100):
        spans = _spans(length, 24, 8)
        weights = torch.zeros(length)
        for span in spans:
            weights[span.start : span.stop] += _ramp(span, length, 8, 1)
        assert weights.min() > 0.4
        assert [span.core[0] for span in spans] == [0, *(span.core[1] for span in spans[:-1])]
        assert spans[-1].core[1] == length
