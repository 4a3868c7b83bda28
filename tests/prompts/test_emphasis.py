"""Emphasis in closed form."""

from __future__ import annotations

import pytest
import torch

from studio.prompts.emphasis import EMPHASES, emphasize


@pytest.fixture
def hidden() -> torch.Tensor:
    return torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0)) + 0.5


WEIGHTS = torch.tensor([[1, 1, 1.5, 1, 1], [1, 0.5, 1, 1, 2.0]])
EMPTY = torch.linspace(-1, 1, 15).reshape(1, 5, 3)


@pytest.mark.parametrize("kind", EMPHASES)
def test_weights_of_one_change_no_bit(kind: str, hidden: torch.Tensor) -> None:
    assert emphasize(kind, hidden, torch.ones(2, 5), EMPTY).equal(hidden)


def test_without_emphasis_weights_do_nothing(hidden: torch.Tensor) -> None:
    assert emphasize("none", hidden, WEIGHTS, EMPTY).equal(hidden)


def test_a1111_restores_the_mean_of_each_chunk_and_keeps_the_ratios(hidden: torch.Tensor) -> None:
    result = emphasize("a1111", hidden, WEIGHTS, EMPTY)
    torch.testing.assert_close(result.mean((1, 2)), hidden.mean((1, 2)))
    ratio = result / hidden
    torch.testing.assert_close(
        ratio / ratio[:, :1, :1], (WEIGHTS / WEIGHTS[:, :1])[..., None].expand(2, 5, 3)
    )
    assert not torch.allclose(hidden * WEIGHTS[..., None], result), "scaling alone shifts the mean"


def test_comfyui_moves_along_the_line_from_the_empty_prompt(hidden: torch.Tensor) -> None:
    result = emphasize("comfyui", hidden, WEIGHTS, EMPTY)
    for chunk, place in ((0, 2), (1, 1), (1, 4)):
        weight = WEIGHTS[chunk, place]
        torch.testing.assert_close(
            result[chunk, place], weight * hidden[chunk, place] + (1 - weight) * EMPTY[0, place]
        )
    assert result[0, 0].allclose(hidden[0, 0])
    assert not torch.allclose(result[0, 2], WEIGHTS[0, 2] * hidden[0, 2]), (
        "the line does not pass through zero"
    )


def test_weights_of_zero_leave_finite_numbers(hidden: torch.Tensor) -> None:
    assert emphasize("a1111", hidden, torch.zeros(2, 5), EMPTY).isfinite().all()
