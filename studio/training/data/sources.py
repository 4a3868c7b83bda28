"""What draws captioned pictures.

A source draws a batch from a random generator and nothing else, so a batch depends on the generator's key alone and a
resumed run sees what an unbroken one would have seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Source(Protocol):
    """Draws captioned pictures."""

    def draw(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], list[str]]:
        """Draw ``count`` pictures, (count, 3, H, W) in [-1, 1], and their captions."""
        ...
