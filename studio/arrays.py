"""Array conversions that several layers share: pixels, read-only copies, hashes. Needs numpy, not torch."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

_Scalar = TypeVar("_Scalar", bound=np.generic)


def to_uint8(pictures: NDArray[np.floating] | Tensor) -> NDArray[np.uint8]:
    """Convert pictures (..., 3, H, W) from [-1, 1] to bytes (..., H, W, 3), fresh and read-only.

    Values outside are clipped; NaN becomes grey (128). A tensor is converted on its own device, so that a GPU returns
    bytes and not floats. Both libraries give the same bytes for the same float32 values.
    """
    if isinstance(pictures, np.ndarray):
        channels_first = _levels(np.nan_to_num(pictures, nan=0.0)).astype(np.uint8)
    else:
        channels_first = to_bytes(pictures).cpu().numpy()
    return read_only_copy(np.moveaxis(channels_first, -3, -1))


def to_bytes(pictures: Tensor) -> Tensor:
    """Convert pictures of any shape from [-1, 1] to bytes on their own device, as `to_uint8` does."""
    return _levels(pictures.detach().nan_to_num(0.0)).byte()


_ArrayT = TypeVar("_ArrayT", "NDArray[np.floating]", "Tensor")


def _levels(pictures: _ArrayT) -> _ArrayT:
    """Return 0 to 255, rounded half to even, still as floats."""
    return ((pictures.clip(-1.0, 1.0) + 1.0) * 127.5).round()


def from_uint8(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert bytes to float32 in [-1, 1], in the same order of dimensions."""
    return pixels.astype(np.float32) / np.float32(127.5) - np.float32(1.0)


def read_only_copy(array: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """Return a contiguous copy that owns its memory and cannot be written to."""
    copy = np.array(array, order="C", copy=True)
    copy.setflags(write=False)
    return copy


def sha256_of(array: NDArray[np.float32]) -> str:
    """Return the SHA-256 of an array's values as float32, little-endian, in C order."""
    return hashlib.sha256(np.ascontiguousarray(array, dtype="<f4").tobytes()).hexdigest()
