"""A picture saved elsewhere: byte for byte as it is, or enlarged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from studio.errors import StorageError
from studio.gallery import png
from studio.gallery.pixels import read_pixels
from studio.gallery.saving import MOST_SIDE_PX, save_file, save_pixels
from studio.gallery.store import PictureStore
from tests.gallery.samples import metadata, pixels

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    store = PictureStore(tmp_path / "pictures", tmp_path / "catalogue")
    return store.add(pixels(3), metadata("a red apple")).path


def test_as_it_is_every_byte_is_kept(source: Path, tmp_path: Path) -> None:
    to = save_file(source, tmp_path / "new" / "x.png")
    assert to.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("factor", [4, 8])
def test_hard_pixels_become_squares_and_smooth_ones_do_not(source: Path, tmp_path: Path, factor: int) -> None:
    kept = read_pixels(source)
    hard = read_pixels(save_file(source, tmp_path / "hard.png", factor, smooth=False))
    assert (hard == kept.repeat(factor, 0).repeat(factor, 1)).all()
    smooth = read_pixels(save_file(source, tmp_path / "smooth.png", factor))
    assert smooth.shape == hard.shape
    assert (smooth != hard).any()


def test_enlarged_it_tells_other_programs_how_it_was_made_and_is_no_picture_of_ours(
    source: Path, tmp_path: Path
) -> None:
    to = save_file(source, tmp_path / "x.png", 4)
    assert png.read(to).metadata is None
    with Image.open(to) as image:
        assert image.text["parameters"].startswith("a red apple")  # type: ignore[attr-defined]


def test_what_cannot_be_saved_is_a_sentence_and_leaves_nothing(source: Path, tmp_path: Path) -> None:
    wide = np.zeros((2, MOST_SIDE_PX // 8 + 1, 3), np.uint8)
    with pytest.raises(StorageError, match="would be larger than 16,384 pixels on a side"):
        save_pixels(wide, tmp_path / "x.png", 8)
    with pytest.raises(StorageError, match="cannot be found"):
        save_file(source.with_name("gone.png"), tmp_path / "x.png")
    with pytest.raises(StorageError):
        save_file(source, source / "below.png", 4)
    assert not (tmp_path / "x.png").exists()
