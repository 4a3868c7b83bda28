from __future__ import annotations

import getpass
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import StorageError
from studio.gallery.pixels import encode
from studio.gallery.png import read
from tests.gallery.samples import PROMPTS, metadata, pixels


def foreign(**texts: str) -> bytes:
    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    file = io.BytesIO()
    Image.fromarray(pixels()).save(file, "PNG", pnginfo=info)
    return file.getvalue()


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_pixels_and_every_field_come_back(prompt: str, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    kept = metadata(prompt)
    path.write_bytes(encode(pixels(), kept))
    found = read(path)
    assert found.metadata == kept
    assert (found.width, found.height) == (19, 16)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels())


def test_pixels_that_are_a_view_or_read_only_are_taken(tmp_path: Path) -> None:
    view = pixels()[::-1, ::-1]
    view.flags.writeable = False
    path = tmp_path / "x.png"
    path.write_bytes(encode(view, metadata()))
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), view)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3)),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_pixels_of_another_shape_or_type_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="pixels must be"):
        encode(wrong, metadata())


def test_the_file_tells_neither_folders_nor_the_user(tmp_path: Path) -> None:
    data = encode(
        pixels(), metadata(model=str(tmp_path / "starter"), request={"model": str(tmp_path / "starter")})
    )
    assert str(tmp_path).encode() not in data
    assert str(Path.home()).encode() not in data
    user = getpass.getuser()
    assert len(user) < 4 or user.encode() not in data


def test_a_picture_of_another_program_has_no_metadata_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(foreign(parameters="x\nSteps: 1, Seed: 2, Size: 1x1", Software="another"))
    assert read(path).metadata is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "version must be"),
        ("rubbish", "not valid JSON"),
        (metadata().to_json().replace('"version": 1', '"version": 99'), "newer Stepwise Studio"),
        (metadata().to_json().replace('"seed": 7', '"seed": -7'), "seed must be"),
        ("\x00{}", "not valid JSON"),
    ],
)
def test_metadata_that_cannot_be_used_are_refused_in_one_sentence(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(foreign(stepwise=text))
    with pytest.raises(StorageError, match=words) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_descriptions_of_one_picture_are_refused(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("stepwise", metadata(seed=1).to_json())
    info.add_text("stepwise", metadata(seed=2).to_json())
    path = tmp_path / "x.png"
    Image.fromarray(pixels()).save(path, "PNG", pnginfo=info)
    with pytest.raises(StorageError, match="two descriptions"):
        read(path)
