"""From numbers to bytes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from studio.engine.requests.previews import EVERY_STEP, NO_PREVIEWS, Previews
from studio.engine.sampling.decoders import to_pixels


def test_minus_one_is_black_one_is_white_and_beyond_is_clipped() -> None:
    values = torch.tensor([-5.0, -1.0, 0.0, 1.0, 5.0, float("nan"), float("inf")])
    pixels = to_pixels(values.expand(1, 3, 1, -1))
    assert pixels[0, :, 0].tolist() == [0, 0, 128, 255, 255, 128, 255]


def test_every_byte_survives_the_way_through_a_picture() -> None:
    levels = np.arange(256, dtype=np.uint8)
    picture = (torch.from_numpy(levels.astype(np.float32)) / 127.5 - 1).expand(1, 3, 1, -1)
    assert np.array_equal(to_pixels(picture)[0, :, 1], levels)


@pytest.mark.parametrize("side", [1, 2, 7])
def test_the_bytes_are_the_arrays_own(side: int) -> None:
    picture = torch.zeros(1, 3, side, side)
    pixels = to_pixels(picture)
    picture.fill_(1.0)
    assert pixels.flags.owndata
    assert not pixels.flags.writeable
    assert (pixels == 128).all()


def test_previews_are_wanted_at_their_cadence_and_at_the_end() -> None:
    assert [step for step in range(1, 11) if Previews(4).wanted(step, 10)] == [4, 8, 10]
    assert all(EVERY_STEP.wanted(step, 10) for step in range(1, 11))
    assert not any(NO_PREVIEWS.wanted(step, 10) for step in range(1, 11))
