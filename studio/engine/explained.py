"""What the engine answers when it is asked why a state becomes what it becomes. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Explained:
    """What a model believes of one state; no part of a job. Every array is fresh and not writeable.

    Attributes:
        x0_hat: what the sampler is told the picture becomes, float32 (C, h, w).
        cond: the same by the prompt alone, before clipping; None where guidance is off.
        uncond: the same by the negative (or no) prompt, likewise.
        difference: guided - uncond, what guidance does, before clipping; None where guidance is off.
        score_norm: the length of the score, grad log p, at each place: float32 (h, w).
        pictures: "x0_hat" and, where there are such, "cond" and "uncond" as pixels, uint8 (H, W, 3).
        model_calls: backbone evaluations that it took (guidance counts two).
    """

    x0_hat: NDArray[np.float32]
    cond: NDArray[np.float32] | None
    uncond: NDArray[np.float32] | None
    difference: NDArray[np.float32] | None
    score_norm: NDArray[np.float32]
    pictures: Mapping[str, NDArray[np.uint8]]
    model_calls: int
