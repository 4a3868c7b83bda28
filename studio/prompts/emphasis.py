"""Emphasis: how the weights of a prompt's tokens change the output of a text encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from torch import Tensor

Emphasis: TypeAlias = Literal["a1111", "comfyui", "none"]
EMPHASES: Final[tuple[Emphasis, ...]] = get_args(Emphasis)


def emphasize(kind: Emphasis, hidden: Tensor, weights: Tensor, empty: Tensor) -> Tensor:
    """Return the encoder's output with emphasis.

    a1111    every token times its weight, then all values times one factor that restores the mean of the chunk, as
             AUTOMATIC1111's web UI does.
    comfyui  every token moved along the line from the empty prompt's output at its position, as ComfyUI does:
             empty + weight (hidden - empty).
    none     no change.

    Args:
        kind: the rule.
        hidden: of each chunk, (N, L, C).
        weights: of each token, (N, L).
        empty: the encoder's output for the empty prompt, (1, L, C).
    """
    if kind == "none" or bool((weights == 1.0).all()):
        return hidden
    factors = weights.to(hidden)[..., None]
    if kind == "comfyui":
        return empty + factors * (hidden - empty)
    scaled = hidden * factors
    before, after = hidden.mean((1, 2), keepdim=True), scaled.mean((1, 2), keepdim=True)
    # Weights of zero leave nothing whose mean could be restored.
    return scaled * (before / after).where(after.abs() > 1e-12, 1.0)
