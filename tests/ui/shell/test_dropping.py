"""A picture that is dropped fills the form; anything else is a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from studio.engine.requests.generate import GenerateRequest
from studio.gallery.store import PictureStore
from studio.ui.shell.main_window import read_request
from tests.gallery.samples import metadata

if TYPE_CHECKING:
    from pathlib import Path


def test_a_picture_of_ours_gives_its_request_for_itself_alone(tmp_path: Path) -> None:
    request = GenerateRequest(prompt="a fox", seed=7, count=4, sampler="ddim", steps=30).to_dict()
    kept = PictureStore(tmp_path / "out", tmp_path / "catalogue").add(
        np.zeros((8, 8, 3), np.uint8), metadata(request=request, seed=9, image=2)
    )
    read = read_request(kept.path)
    assert isinstance(read, GenerateRequest)
    assert (read.prompt, read.seed, read.count, read.steps) == ("a fox", 9, 1, 30)


def test_a_picture_of_another_program_is_reported_in_one_sentence(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "theirs.png")
    said = read_request(tmp_path / "theirs.png")
    assert isinstance(said, str)
    assert "theirs.png" in said


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_any_other_dropped_file_is_reported_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.png").write_bytes(content)
    said = read_request(tmp_path / "x.png")
    assert isinstance(said, str)
    assert said.endswith(".")


def test_settings_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    kept = PictureStore(tmp_path / "out", tmp_path / "catalogue").add(
        np.zeros((8, 8, 3), np.uint8), metadata(request={"prompt": "x", "steps": 10**6})
    )
    said = read_request(kept.path)
    assert isinstance(said, str)
    assert kept.path.name in said
    assert "steps" in said, "the setting"
