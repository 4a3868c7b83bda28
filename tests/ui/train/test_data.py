"""The pictures of a folder are listed while they are found, away from the window's thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from PySide6.QtCore import Qt

from studio.ui.train.data import FoundRole, TrainFolder, make_tile, read_square

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.modeltest import ModelTester
    from pytestqt.qtbot import QtBot


def draw(path: Path, colour: str = "red", size: tuple[int, int] = (24, 16)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


@pytest.fixture
def folder(qapp: object) -> Iterator[TrainFolder]:
    del qapp
    model = TrainFolder()
    yield model
    model.close()


def test_pictures_are_listed_with_captions_and_unusable_files_with_reasons(
    qtbot: QtBot, tmp_path: Path, folder: TrainFolder, qtmodeltester: ModelTester
) -> None:
    draw(tmp_path / "a_red_fox.png")
    draw(tmp_path / "hens" / "IMG_0001.png")
    (tmp_path / "a_red_fox.txt").write_text("a fox in the snow")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    qtmodeltester.check(folder)
    folder.read_folder(tmp_path)
    assert folder.reading
    qtbot.waitUntil(lambda: not folder.reading)
    captions = [folder.index(row).data() for row in range(folder.rowCount())]
    assert captions == ["a fox in the snow", "hens"]
    assert folder.index(0).data(FoundRole).caption_from == "text"
    assert folder.index(0).data(Qt.ItemDataRole.AccessibleTextRole) == "a fox in the snow"
    (refused,) = folder.refused
    assert refused.sentence.startswith("broken.jpg ")
    assert (folder.count, folder.refused_count, folder.fault) == (2, 1, "")


def test_another_folder_replaces_one_that_is_still_being_read(
    qtbot: QtBot, tmp_path: Path, folder: TrainFolder
) -> None:
    for number in range(40):
        draw(tmp_path / "many" / f"picture {number}a.png")
    draw(tmp_path / "few" / "a hen.png")
    folder.read_folder(tmp_path / "many")
    folder.read_folder(tmp_path / "few")
    qtbot.waitUntil(lambda: not folder.reading)
    assert [found.caption for found in folder.found] == ["a hen"]


def test_a_missing_folder_is_reported_in_one_sentence(
    qtbot: QtBot, tmp_path: Path, folder: TrainFolder
) -> None:
    folder.read_folder(tmp_path / "nowhere")
    qtbot.waitUntil(lambda: not folder.reading)
    assert "nowhere" in folder.fault
    folder.read_folder(None)
    assert (folder.fault, folder.reading, folder.folder) == ("", False, None)


def test_the_folder_is_read_in_another_thread(
    qtbot: QtBot, tmp_path: Path, folder: TrainFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.training.data import inspect  # noqa: PLC0415

    threads = set()

    def listed(*_: object) -> Iterator[object]:
        threads.add(threading.get_ident())
        yield from ()

    monkeypatch.setattr(inspect, "inspect_folder", listed)
    folder.read_folder(tmp_path)
    qtbot.waitUntil(lambda: not folder.reading)
    assert threads
    assert threading.get_ident() not in threads


def test_a_tile_is_the_middle_of_the_picture_with_round_corners(tmp_path: Path) -> None:
    path = draw(tmp_path / "wide.jpg", "blue", (64, 16))
    tile = make_tile(path, 16, 4.0)
    assert not isinstance(tile, str)
    assert tile.pixelColor(8, 8).blue() > 200
    assert tile.pixelColor(0, 0).alpha() < 128
    assert read_square(path, 16).shape == (16, 16, 3)
    assert not read_square(path, 16).flags.writeable


def test_a_thumbnail_that_cannot_be_made_is_reported_in_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"x" * 100)
    assert str(make_tile(broken, 16, 4.0)).endswith(".")
