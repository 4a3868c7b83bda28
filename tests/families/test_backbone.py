"""The U-Net as a backbone, its attention in float16, the sizes it is given, and the autoencoder as a codec."""

from __future__ import annotations

import copy

import pytest
import torch

from studio.diffusion.conditioning import Conditioning
from studio.families.backbone import Float32Attention, LatentCodec, size_ids
from tests.families.tiny import networks

X = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
T = torch.tensor([10, 900])


def conditioning(name: str) -> Conditioning:
    width = networks(name).unet.config.cross_attention_dim
    tokens = torch.randn(2, 77, width, generator=torch.Generator().manual_seed(1))
    if name != "sdxl":
        return Conditioning(tokens=tokens)
    return Conditioning(
        tokens=tokens, pooled=torch.ones(2, 40), extras={"size": size_ids(64, 64).expand(2, -1)}
    )


def test_the_sizes_are_height_before_width() -> None:
    assert size_ids(1216, 832).tolist() == [[832, 1216, 0, 0, 832, 1216]]
    assert size_ids(64, 32, original=(640, 320), crop=(7, 5)).tolist() == [[320, 640, 5, 7, 32, 64]]


@torch.no_grad()
def test_pictures_of_a_batch_have_their_own_times_and_conditions() -> None:
    backbone, both = networks("sdxl").backbone(), conditioning("sdxl")
    together = backbone(X, T, both)
    for row in (slice(0, 1), slice(1, 2)):
        one = backbone(X[row], T[row], both.map(lambda part, row=row: part[row]))
        torch.testing.assert_close(one, together[row], rtol=1e-4, atol=1e-4)
    assert (together - backbone(X, T.flip(0), both)).abs().max() > 1e-3


def test_a_conditioning_without_what_the_unet_reads_is_refused() -> None:
    with pytest.raises(ValueError, match="tokens"):
        networks("sd1").backbone()(X, T, Conditioning())
    with pytest.raises(ValueError, match="sizes"):
        networks("sdxl").backbone()(X, T, Conditioning(tokens=conditioning("sdxl").tokens))


@torch.no_grad()
def test_attention_is_that_of_diffusers() -> None:
    unet = copy.deepcopy(networks("sd1").unet)
    tokens = conditioning("sd1").tokens
    theirs = unet(X, T, encoder_hidden_states=tokens).sample
    unet.set_attn_processor(Float32Attention())
    torch.testing.assert_close(unet(X, T, encoder_hidden_states=tokens).sample, theirs, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_products_that_float16_cannot_hold_do_no_harm() -> None:
    unet = copy.deepcopy(networks("sd2").unet)
    attention = unet.down_blocks[0].attentions[0].transformer_blocks[0].attn1
    attention.to_q.weight.mul_(300)
    attention.to_k.weight.mul_(300)
    x = torch.randn(1, 64, 32, generator=torch.Generator().manual_seed(2))
    exact = attention(x)
    half = attention.half()
    query, key = half.to_q(x.half()), half.to_k(x.half())
    assert not (query @ key.transpose(1, 2)).isfinite().all()  # what happens without
    assert half(x.half()).isfinite().all()
    assert (half(x.half()).float() - exact).abs().mean() < 0.1 * exact.abs().mean()


@torch.no_grad()
def test_latents_are_scaled_by_the_familys_number() -> None:
    model = networks("sdxl")
    codec: LatentCodec = model.codec()
    pictures = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(3)) * 2 - 1
    latents = codec.encode(pictures)
    assert tuple(latents.shape) == (1, codec.channels, 64 // codec.downscale, 64 // codec.downscale)
    torch.testing.assert_close(latents, model.vae.encode(pictures).latent_dist.mean * 0.13025)
    decoded = codec.decode(latents)
    assert decoded.shape == pictures.shape
    torch.testing.assert_close(decoded, model.vae.decode(latents / 0.13025).sample)


@torch.no_grad()
def test_in_bfloat16_the_output_is_near_that_of_float32() -> None:
    model = networks("sd1")
    exact = model.backbone()(X, T, conditioning("sd1"))
    reduced = copy.deepcopy(model.unet).bfloat16()
    backbone = type(model.backbone())(reduced, size_conditioning=False, dtype=torch.bfloat16)
    output = backbone(X, T, conditioning("sd1"))
    assert output.dtype == torch.bfloat16
    assert (output.float() - exact).abs().mean() < 0.1 * exact.abs().mean()
