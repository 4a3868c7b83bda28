"""The seeds of pictures and of the draws of their noise. Imports no torch."""

from __future__ import annotations

import hashlib

from studio.errors import RequestError
from studio.messages import message

MAX_SEED = 2**64 - 1
"""The largest seed that torch and other programs accept."""
DISTINCT_SEEDS = 2**32
"""The number of seeds with different x_T: torch's CPU generator is seeded with the low 32 bits. The noise of later
steps depends on all 64. Seeds that the program chooses are below this."""


def check_seed(seed: int) -> None:
    """Check that a seed is a whole number from 0 to `MAX_SEED`.

    Raises:
        RequestError: it is not.
    """
    if type(seed) is not int or not 0 <= seed <= MAX_SEED:  # not isinstance, which accepts a bool
        reason = message("must be a whole number from 0 to {high}, not {value}", high=MAX_SEED, value=seed)
        raise RequestError("seed", reason)


def draw_seed(seed: int, step: int, draw: int) -> int:
    """Return the generator's seed for one draw of a picture, below `DISTINCT_SEEDS`.

    The hash has 32 bits, because torch's CPU generator uses no more of a seed. So two draws of a run may be equal by
    chance: with n draws the probability is about n^2 / 2^33, which is 0.3 % for 5,000 draws (1,000 steps of five
    passes). This is accepted: pictures made earlier must stay reproducible, and one repeated draw among thousands is
    invisible.

    Args:
        seed: of the picture.
        step: index of the step, from 0.
        draw: number of the draw within the step, from 0.
    """
    text = f"{seed}/{step}/{draw}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "little")
