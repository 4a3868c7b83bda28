"""Files made of a run: every kind, with captions and without, and what can be in the way."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from PySide6.QtWidgets import QFileDialog, QWidget

from studio.errors import UnknownNameError
from studio.gallery import export as film
from studio.gallery.export import evenly_spaced
from studio.gallery.images import read_pixels
from studio.ui.core.images import to_pixels
from studio.ui.run import text
from studio.ui.run.export import ExportMenu, ExportModel
from studio.ui.theme.theme import Theme
from tests.ui.fakes import Forming
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

    from studio.ui.run.export import ExportModel


@pytest.fixture
def studio(qtbot: QtBot, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Studio]:
    made = Studio(qtbot, tmp_path, Forming(pixels=getattr(request, "param", True)))
    made.session.start()
    yield made
    made.close()


@pytest.fixture
def exports(studio: Studio) -> ExportModel:
    return studio.models.exports


def exported(studio: Studio, exports: ExportModel, kind: str, path: Path, *, captions: bool) -> Image.Image:
    studio.generate("A tiger, face!")
    studio.wait_idle()
    exports.export(kind, path, captions=captions)  # type: ignore[arg-type]
    studio.wait(lambda: studio.sentences)
    assert studio.sentences == [text.exported(path)]
    return Image.open(io.BytesIO(path.read_bytes()))


@pytest.mark.parametrize("captions", [True, False])
@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_an_animation_has_a_frame_for_each_step(
    studio: Studio, exports: ExportModel, tmp_path: Path, kind: str, captions: bool
) -> None:
    image = exported(studio, exports, kind, tmp_path / f"a.{kind}", captions=captions)
    assert image.format == kind.upper()
    if captions or kind == "gif":  # without, these frames are so alike that WebP makes one of them
        assert image.n_frames == 4
    assert image.width == film.MIN_SIDE
    assert (image.height > film.MIN_SIDE) is captions


@pytest.mark.parametrize("captions", [True, False])
def test_a_contact_sheet_contains_every_step(
    studio: Studio, exports: ExportModel, tmp_path: Path, captions: bool
) -> None:
    image = exported(studio, exports, "sheet", tmp_path / "a.png", captions=captions)
    assert image.format == "PNG"
    assert image.width > 3 * 256
    reds = {image.getpixel((x, y))[0] for x in range(40, image.width, 60) for y in range(60, 300, 60)}
    assert {1, 2, 3} <= reds


@pytest.mark.parametrize("studio", [False], indirect=True)
def test_drafts_are_decoded_in_full_before_the_export(
    studio: Studio, exports: ExportModel, tmp_path: Path
) -> None:
    studio.generate()
    studio.wait_idle()
    studio.run.set_quantity("x_t")
    exports.export("gif", tmp_path / "a.gif", captions=False)
    studio.wait(lambda: studio.sentences)
    assert {value for _, _, value in studio.engine.decoded} == {-1.0, -2.0, -3.0, -4.0}
    assert Image.open(io.BytesIO((tmp_path / "a.gif").read_bytes())).n_frames == 4


@pytest.mark.parametrize("studio", [False], indirect=True)
def test_a_missing_model_is_reported(studio: Studio, exports: ExportModel, tmp_path: Path) -> None:
    studio.generate()
    studio.wait_idle()
    studio.engine.decode_error = UnknownNameError("model", "fake", [])
    studio.run.set_quantity("x_t")
    exports.export("gif", tmp_path / "a.gif", captions=False)
    studio.wait(lambda: studio.sentences)
    assert studio.told[0].kind == "error"
    assert not (tmp_path / "a.gif").exists()


def test_a_path_that_cannot_be_written_is_reported(
    studio: Studio, exports: ExportModel, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    studio.generate()
    studio.wait_idle()
    exports.export("sheet", tmp_path / "file" / "a.png", captions=True)
    studio.wait(lambda: studio.sentences)
    assert studio.told[0].kind == "error"
    exports.export("sheet", tmp_path / "b.png", captions=True)
    studio.wait(lambda: len(studio.sentences) == 2)
    assert (tmp_path / "b.png").exists()


def test_without_steps_there_is_nothing_to_export(
    studio: Studio, exports: ExportModel, tmp_path: Path
) -> None:
    exports.export("gif", tmp_path / "a.gif", captions=True)
    assert studio.sentences == [text.no_steps()]
    assert exports.name == "run"


def test_evenly_spaced_steps_are_taken_of_many() -> None:
    assert evenly_spaced(3, 24) == (0, 1, 2)
    taken = evenly_spaced(1000, 24)
    assert (len(taken), taken[0], taken[-1]) == (24, 0, 999)
    assert len(set(taken)) == 24


def test_the_menu_asks_where_and_names_the_file_after_the_prompt(
    studio: Studio,
    exports: ExportModel,
    tmp_path: Path,
    qtbot: QtBot,
    qapp: QApplication,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    studio.generate("A tiger, face!")
    studio.wait_idle()
    asked: list[str] = []

    def answer(parent: QWidget, title: str, suggested: str, kinds: str) -> tuple[str, str]:
        asked.append(suggested)
        return str(tmp_path / "mine"), kinds

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    parent = QWidget()
    qtbot.addWidget(parent)
    menu = ExportMenu(Theme(qapp, "dark"), exports, parent)
    menu.captions.setChecked(False)
    menu.kinds["gif"].trigger()
    studio.wait(lambda: studio.sentences)
    assert asked[0].endswith("a-tiger-face.gif")
    assert (tmp_path / "mine.gif").exists()


def test_the_shown_picture_is_saved_enlarged(studio: Studio, exports: ExportModel, tmp_path: Path) -> None:
    exports.save_picture(tmp_path / "none.png", 4, smooth=False)
    assert studio.sentences == [text.no_picture()]
    studio.generate()
    studio.wait_idle()
    studio.run.select(2)
    exports.save_picture(tmp_path / "x.png", 4, smooth=False)
    studio.wait(lambda: (tmp_path / "x.png").is_file())
    frame = studio.run.frame
    assert frame is not None
    saved = read_pixels(tmp_path / "x.png")
    assert saved.shape == (4 * frame.height(), 4 * frame.width(), 3)
    assert (saved[::4, ::4] == to_pixels(frame)).all()


def test_too_little_memory_ends_one_export_and_not_those_after_it(
    studio: Studio, exports: ExportModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> bytes:
        raise MemoryError

    studio.generate("A tiger")
    studio.wait_idle()
    with monkeypatch.context() as patch:
        patch.setattr(film, "draw_run", full)
        exports.export("sheet", tmp_path / "a.png", captions=False)
        studio.wait(lambda: studio.sentences)
    assert "MemoryError" in studio.sentences[0]
    exports.export("sheet", tmp_path / "a.png", captions=False)
    studio.wait(lambda: len(studio.sentences) == 2)
    assert studio.sentences[1] == text.exported(tmp_path / "a.png")
