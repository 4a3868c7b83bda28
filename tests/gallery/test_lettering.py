"""Exported pictures are lettered in the shipped font: Korean as glyphs, what it lacks as the nearest thing."""

from __future__ import annotations

import sys
import unicodedata
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw

from studio.folders import interface_font
from studio.gallery import lettering
from studio.gallery.lettering import draw_line, elided, has_glyph, letters_for, open_font

if TYPE_CHECKING:
    from collections.abc import Iterator

KOREAN = "빨간 고양이가 창가에 앉아 있다. 뷁쀍힣"


@pytest.fixture(autouse=True)
def no_system_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the machine has must not matter here."""
    monkeypatch.setattr(lettering, "_FOLDERS", {sys.platform: ()})
    monkeypatch.setattr(lettering, "_LINUX_FOLDERS", ())
    for cached in (letters_for, lettering.system_fonts):
        cached.cache_clear()
    yield
    for cached in (letters_for, lettering.system_fonts):
        cached.cache_clear()


def spelled(text: str) -> str:
    return "".join(letter.text for letter in elided(text, 100_000, 14))


def drawn(text: str, width: int = 400) -> Image.Image:
    picture = Image.new("RGB", (width + 40, 24))
    draw_line(ImageDraw.Draw(picture), (0, 0), text, width=width, size=14, fill=(255, 255, 255))
    return picture


def test_korean_is_drawn_with_glyphs_of_the_shipped_font() -> None:
    assert spelled(KOREAN) == KOREAN
    assert {letter.file for letter in elided(KOREAN, 100_000, 14)} == {interface_font()}
    assert all(has_glyph(interface_font(), letter) for letter in KOREAN)
    assert not has_glyph(interface_font(), "狐")  # its twin: a character the font lacks is found out


@pytest.mark.parametrize("bold", [False, True])
def test_both_weights_have_every_syllable_and_all_that_the_window_is_written_with(bold: bool) -> None:
    font = interface_font(bold=bold)
    syllables = [chr(code) for code in range(0xAC00, 0xD7A4, 7)]
    signs = [chr(code) for code in (*range(0x21, 0x7F), *range(0xA1, 0x149)) if chr(code).isprintable()]
    marks = "ㄱㅎㅏㅣ–—…·×−≤→←σβα²"
    assert [letter for letter in (*syllables, *signs, *marks) if not has_glyph(font, letter)] == []


def test_korean_in_pieces_is_put_together() -> None:
    pieces = unicodedata.normalize("NFD", KOREAN)  # as file names are on some systems
    assert len(pieces) > len(KOREAN)
    assert drawn(pieces).tobytes() == drawn(KOREAN).tobytes()


def test_what_the_font_lacks_is_drawn_as_the_nearest_thing() -> None:
    assert spelled("ﬁ ﬃ ㌀") == "fi ffi アパート"
    assert spelled("a 🦊!") == "a (fox face)!"
    assert spelled("👩🏽‍🎨") == "(woman)(artist palette)"
    assert spelled("❤️") == spelled("❤")
    assert spelled("狐") == "□"
    assert spelled("a\nb\tc\u202ed") == "a b cd"
    assert spelled("\ud800") in {"□", " "}


def test_a_font_of_the_system_draws_what_the_shipped_one_lacks(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("fonts")
    (folder / "deeper").mkdir()
    file = folder / "deeper" / "NotoSansCJK-Regular.ttc"
    file.write_bytes(interface_font(bold=True).read_bytes())
    (folder / "DejaVuSans.ttf").write_text("no font")
    monkeypatch.setattr(lettering, "_FOLDERS", {sys.platform: (str(folder),)})
    assert lettering.system_fonts() == (file,)
    monkeypatch.setattr(
        lettering,
        "has_glyph",
        lambda font, letter: has_glyph(font, letter) or (font == file and letter == "狐"),
    )
    assert [(letter.text, letter.file) for letter in elided("a狐", 999, 14)] == [
        ("a", interface_font()),
        ("狐", file),
    ]


def test_a_line_keeps_to_its_width_and_is_cut_with_an_ellipsis() -> None:
    for text in ("a fox " * 100, KOREAN * 20, "🦊" * 50):
        letters = elided(text, 200, 14)
        assert letters[-1].text == "…"
        assert sum(open_font(letter.file, 14).getlength(letter.text) for letter in letters) <= 200
        assert drawn(text, 200).crop((202, 0, 240, 24)).getbbox() is None
        assert drawn(text, 200).crop((150, 0, 200, 24)).getbbox() is not None
    assert elided("", 200, 14) == []
