"""The colours of a difference: a table from dark (none) over blue and green to a pale yellow (as much as can be).

It is even to the eye and its lightness only grows, so that it reads the same in grey and to who sees no red or green.
It keeps clear of violet and amber, which mean the noise level.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from studio.ui.theme.colour import ramp

if TYPE_CHECKING:
    from numpy.typing import NDArray

STOPS = ("#08090c", "#143a66", "#12707e", "#2fa873", "#a3d65c", "#fbf6b8")
SIZE = 256
GAINS = (1, 2, 5, 10)
"""How much a difference may be enlarged before it is coloured."""


@lru_cache(maxsize=1)
def table() -> NDArray[np.uint8]:
    """Return the colours from no difference to all there is, uint8 (256, 3); not to be changed."""
    colours = [ramp(STOPS, place / (SIZE - 1)) for place in range(SIZE)]
    made = np.array(
        [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in colours], dtype=np.uint8
    )
    made.setflags(write=False)
    return made


def coloured(amount: NDArray[np.uint8], gain: float) -> NDArray[np.uint8]:
    """Return a difference as a picture.

    Args:
        amount: per pixel, uint8 (H, W).
        gain: what it is multiplied by; what then is above 255 has the last colour.

    Returns:
        uint8 (H, W, 3), contiguous and read-only.
    """
    enlarged = np.rint(np.minimum(np.arange(SIZE) * gain, SIZE - 1)).astype(np.intp)
    picture = np.take(table()[enlarged], amount, axis=0)
    picture.setflags(write=False)
    return picture
