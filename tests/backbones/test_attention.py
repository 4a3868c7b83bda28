"""Attention is the same sum whichever way it is worked out."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from studio.backbones.layers import SHORT, attend


def _ask(length: int, keys: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (
        torch.randn(3, 4, count, 16, generator=generator, requires_grad=True)
        for count in (length, keys, keys)
    )
    mask = torch.rand(3, 1, 1, keys, generator=generator) < 0.6
    mask[..., 0] = True
    return query, key, value, mask


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("length", "keys"), [(1, 1), (7, 13), (64, 64)])
def test_written_out_it_is_what_the_fused_kernel_gives(length: int, keys: int, masked: bool) -> None:
    query, key, value, mask = _ask(length, keys)
    chosen = mask if masked else None
    written = attend(query, key, value, chosen)
    fused = F.scaled_dot_product_attention(query, key, value, attn_mask=chosen)
    assert torch.allclose(written, fused, atol=1e-6)
    towards = torch.ones_like(written)
    gradients = (torch.autograd.grad(made, (query, key, value), towards) for made in (written, fused))
    for ours, theirs in zip(*gradients, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)
    assert not torch.allclose(attend(query, key.flip(-2), value, chosen), fused) or keys == 1


def test_long_sequences_and_those_that_do_not_learn_take_the_fused_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    kernel = F.scaled_dot_product_attention

    def spy(*given: torch.Tensor, **more: torch.Tensor | None) -> torch.Tensor:
        asked.append(given[0].shape[-2])
        return kernel(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(F, "scaled_dot_product_attention", spy)
    for length in (8, SHORT):
        attend(*_ask(length, 2))
    with torch.no_grad():
        attend(*_ask(9, 2))
    assert asked == [SHORT, 9]
