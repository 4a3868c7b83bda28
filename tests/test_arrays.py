"""Arrays from one layer to another: the same bytes whatever library made the numbers."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from studio.arrays import from_uint8, read_only_copy, sha256_of, to_uint8


def test_tensors_and_arrays_give_the_same_bytes() -> None:
    values = np.random.default_rng(0).normal(0, 0.7, (3, 40, 50)).astype(np.float32)
    values.ravel()[:4] = np.nan, np.inf, -np.inf, 0.0
    expected = to_uint8(torch.from_numpy(values))
    assert np.array_equal(to_uint8(values), expected)
    assert expected.shape == (40, 50, 3)
    assert expected[0, :4, 0].tolist() == [128, 255, 0, 128]


def test_halves_are_rounded_to_even_in_both() -> None:
    """Values that lie exactly between two bytes; rounding them up would give other bytes."""
    halves = ((np.arange(255, dtype=np.float32) + np.float32(0.5)) / np.float32(127.5) - 1)[None, None]
    pictures = np.repeat(halves, 3, axis=0)
    assert np.array_equal(to_uint8(pictures), to_uint8(torch.from_numpy(pictures)))


def test_every_byte_comes_back_from_its_float() -> None:
    levels = np.arange(256, dtype=np.uint8)
    floats = from_uint8(np.broadcast_to(levels, (3, 1, 256)))
    assert floats.dtype == np.float32
    assert (floats.min(), floats.max()) == (-1.0, 1.0)
    assert np.array_equal(to_uint8(floats)[0, :, 0], levels)


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 5)])
def test_bytes_are_fresh_and_read_only(shape: tuple[int, ...]) -> None:
    source = np.zeros(shape, np.float32)
    for pictures in (source, torch.from_numpy(source)):
        pixels = to_uint8(pictures)
        assert pixels.shape == (*shape[:-3], 4, 5, 3)
        assert pixels.flags.owndata
        assert pixels.flags.c_contiguous
        assert not pixels.flags.writeable


def test_a_copy_cannot_be_written_to_and_does_not_follow_its_source() -> None:
    source = np.arange(6.0).reshape(2, 3).T
    copy = read_only_copy(source)
    source[:] = 0
    assert copy.tolist() == [[0, 3], [1, 4], [2, 5]]
    with pytest.raises(ValueError, match="read-only"):
        copy[0] = 1


def test_a_hash_depends_on_the_values_alone() -> None:
    array = np.random.default_rng(1).normal(size=(4, 3, 2)).astype(np.float32)
    expected = hashlib.sha256(array.astype("<f4").tobytes()).hexdigest()
    assert sha256_of(array) == sha256_of(np.asfortranarray(array)) == expected
    assert sha256_of(array.astype(">f4")) == expected
    assert sha256_of(array[::-1]) != expected
