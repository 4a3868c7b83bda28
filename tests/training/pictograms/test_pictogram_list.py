from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from emoji import EMOJI_DATA
from hypothesis import given
from hypothesis import strategies as st

from studio.errors import RecipeError
from studio.training.pictograms.pictogram_list import MAX_BYTES, Pictogram, Pictograms, load_pictograms

if TYPE_CHECKING:
    from collections.abc import Iterable

SHIPPED = Path(__file__).parents[3] / "resources" / "recipes" / "pictograms.json"

# What is no pictogram, by kind; the list must hold everything else that is one code point.
NO_PICTOGRAMS = {
    "clock faces": "1F550-1F567",
    "letters and digits": "A9 AE 2122 2139 24C2 1F170-1F19A 1F3E7 1F4A4 1F4AF 1F51E-1F524 1F6BE",
    "squared signs": "3297 3299 1F201-1F251 1F3A6 1F4F3-1F4F6 1F530 1F6AD-1F6B1 1F6B3 1F6B7-1F6BC",
    "signs at stations": "1F6C2-1F6C5 1F6DC",
    "arrows": "2190-21FF 27A1 2934 2935 2B05-2B07 1F500-1F504 1F519-1F51D 1F53C 1F53D",
    "media controls": "23CF 23E9-23EF 23F8-23FA 25B6 25C0 1F505 1F506 1F518",
    "shapes": "25AA 25AB 25FB-25FE 26AA 26AB 2B1B 2B1C 2B55 1F4A0 1F532-1F53B 1F7E0-1F7EB",
    "marks": "203C 2049 2611 2705 2714 2716 2733 2734 2747 274C 274E 2753-2757 2795-2797 27B0 27BF 3030 303D",
    "zodiac and suits": "2648-2653 26CE 2660 2663 2665 2666",
    "faiths": "2626 262A 262E 262F 2638 269B 26A7 271D 2721 1F52F 1F549 1F54E 1F6D0 1FAAF",
    "dangers": "2622 2623 26A0 26D4 1F6AB",
    "other symbols": "2640 2642 2668 267B 267E 267F 2695 269C 1F4A2 1F4B1 1F4B2 1F7F0",
    "skin tones": "1F3FB-1F3FF",
}


def code_points(text: str) -> set[int]:
    points = set()
    for part in text.split():
        first, _, last = part.partition("-")
        points |= set(range(int(first, 16), int(last or first, 16) + 1))
    return points


def wanted_codes(kinds: Iterable[str] = NO_PICTOGRAMS) -> set[str]:
    """All emoji of one code point up to Unicode 15.1 (the font's version), without ``kinds``."""
    without = set[int]().union(*(code_points(NO_PICTOGRAMS[kind]) for kind in kinds))
    found = set()
    for text, data in EMOJI_DATA.items():
        bare = text.removesuffix("\ufe0f")
        if len(bare) == 1 and data["E"] <= 15.1 and ord(bare) not in without:
            found.add(f"{ord(bare):X}")
    return found


@pytest.fixture(scope="module")
def shipped() -> Pictograms:
    return load_pictograms(SHIPPED)


def test_the_list_is_every_pictogram_of_one_code_point_but_the_excluded_kinds(shipped: Pictograms) -> None:
    listed = {entry.code for entry in shipped.entries}
    assert listed == wanted_codes()
    assert 1100 <= len(shipped.entries) <= 1300


@pytest.mark.parametrize("kind", NO_PICTOGRAMS)
def test_a_list_that_took_in_an_excluded_kind_would_differ(shipped: Pictograms, kind: str) -> None:
    assert {entry.code for entry in shipped.entries} < wanted_codes(set(NO_PICTOGRAMS) - {kind})


def test_no_name_belongs_to_two_pictograms(shipped: Pictograms) -> None:
    counts = Counter[str]()
    for entry in shipped.entries:
        counts.update({re.sub(r"[-' .]", "", name.casefold()) for name in entry.names})
    assert [name for name, count in counts.items() if count > 1] == []


def test_names_are_plain_words_in_lower_case(shipped: Pictograms) -> None:
    names = [name for entry in shipped.entries for name in entry.names]
    assert [name for name in names if not re.fullmatch(r"[a-z0-9ñ][a-z0-9ñ' .-]*", name)] == []
    assert all(len(name) <= 45 for name in names)


@pytest.mark.parametrize(
    ("name", "char"),
    [
        ("dog", "🐕"),
        ("dog face", "🐶"),
        ("pizza", "🍕"),
        ("apple", "🍎"),
        ("heart", "❤"),
        ("coffee", "☕"),
        ("car", "🚗"),
    ],
)
def test_everyday_names_come_first(shipped: Pictograms, name: str, char: str) -> None:
    (found,) = (entry for entry in shipped.entries if entry.names[0] == name)
    assert found.char == char


def test_there_are_a_dozen_colours_and_white_far_apart(shipped: Pictograms) -> None:
    assert len(shipped.colors) == 13
    assert shipped.colors["white"] == (255, 255, 255)
    values = list(shipped.colors.values())
    distances = [
        sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) ** 0.5 for a in values for b in values if a < b
    ]
    assert min(distances) > 90


def test_held_out_pairs_spread_over_colours_and_take_each_pictogram_once(shipped: Pictograms) -> None:
    colors = Counter(color for _, color in shipped.held_out)
    assert set(colors) == set(shipped.colors) - {"white"}
    assert set(colors.values()) == {10}
    assert len({code for code, _ in shipped.held_out}) == len(shipped.held_out) == 120
    assert {code for code, _ in shipped.held_out} <= {entry.code for entry in shipped.entries}


def test_the_list_cannot_be_changed(shipped: Pictograms) -> None:
    with pytest.raises(TypeError):
        shipped.colors["white"] = (0, 0, 0)  # type: ignore[index]
    with pytest.raises(AttributeError):
        shipped.entries[0].code = "41"  # type: ignore[misc]


def small() -> dict[str, object]:
    return {
        "format": 1,
        "font": "NotoColorEmoji.ttf 2.042",
        "colors": {"white": "#ffffff", "red": "#d32f2f"},
        "pictograms": [{"code": "1F415", "names": ["dog"]}, {"code": "1F408", "names": ["cat", "kitten"]}],
        "held_out": [["1F415", "red"]],
    }


def write(folder: Path, content: object) -> Path:
    path = folder / "list.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_small_list_is_read(tmp_path: Path) -> None:
    read = load_pictograms(write(tmp_path, small()))
    assert read.entries[1] == Pictogram(code="1F408", names=("cat", "kitten"))
    assert read.entries[1].char == "🐈"
    assert dict(read.colors) == {"white": (255, 255, 255), "red": (211, 47, 47)}
    assert read.held_out == {("1F415", "red")}


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("format", 2, "has version 2, written by a newer Stepwise Studio"),
        ("format", True, "format"),
        ("format", "1" * 10_000, "format"),
        ("font", None, "font"),
        ("font", "", "font"),
        ("more", 1, "has the field 'more', which this program does not know"),
        ("colors", [], "must give each colour as a name and #rrggbb"),
        ("colors", {"red": "#ff0000"}, "white"),
        ("colors", {"white": "#fffffff"}, "must give each colour as a name and #rrggbb"),
        ("colors", {"white": "#FFFFFF\n"}, "must give each colour as a name and #rrggbb"),
        ("colors", {"white": 7}, "must give each colour as a name and #rrggbb"),
        ("colors", {"white": "#ffffff", "": "#000000"}, "must give each colour as a name and #rrggbb"),
        ("colors", {"white": "#ffffff", "snow": "#ffffff"}, "two names"),
        ("pictograms", [], "at least one"),
        ("pictograms", {"1F415": "dog"}, "at least one"),
        ("pictograms", ["dog"], "pictograms[0] must be a JSON object"),
        ("pictograms", [{"code": "1F415", "names": ["dog"], "x": 1}], "has the field 'pictograms[0].x'"),
        ("pictograms", [{"code": 128021, "names": ["dog"]}], "pictograms[0].code must be text, not 128021"),
        ("pictograms", [{"code": "D800", "names": ["dog"]}], "code point"),
        ("pictograms", [{"code": "110000", "names": ["dog"]}], "code point"),
        ("pictograms", [{"code": "+1F415", "names": ["dog"]}], "code point"),
        ("pictograms", [{"code": "1F415", "names": []}], "names"),
        ("pictograms", [{"code": "1F415", "names": "dog"}], "names"),
        ("pictograms", [{"code": "1F415", "names": ["a", "b", "c", "d", "e"]}], "names"),
        ("pictograms", [{"code": "1F415", "names": [" dog"]}], "names"),
        ("pictograms", [{"code": "1F415", "names": ["d\u0000g"]}], "names"),
        ("pictograms", [{"code": "1F415", "names": ["\ud800"]}], "names"),
        ("pictograms", [{"code": "1F415", "names": ["x" * 100_000]}], "names"),
        ("pictograms", [{"code": "1F415", "names": ["dog"]}, {"code": "1F415", "names": ["cat"]}], "twice"),
        ("pictograms", [{"code": "1F415", "names": ["dog"]}, {"code": "1F408", "names": ["DOG"]}], "again"),
        ("pictograms", [{"code": "1F415", "names": ["dog", "dog"]}], "again"),
        ("held_out", {}, "held_out"),
        ("held_out", [["1F415"]], "a code and a colour"),
        ("held_out", [[["1F415"], "red"]], "a code and a colour"),
        ("held_out", [["1F999", "red"]], "must be a listed pictogram and something to hold out with it"),
        ("held_out", [["1F415", "mauve"]], "must be a listed pictogram and something to hold out with it"),
        ("held_out", [["1F415", "white"]], "must be a listed pictogram and something to hold out with it"),
        ("held_out", [["1F415", "red"], ["1F415", "red"]], "each pair once"),
    ],
)
def test_a_list_that_breaks_a_rule_is_refused_with_a_sentence(
    tmp_path: Path, key: str, value: object, says: str
) -> None:
    path = write(tmp_path, small() | {key: value})
    with pytest.raises(RecipeError) as caught:
        load_pictograms(path)
    sentence = str(caught.value)
    assert says in sentence
    assert str(path) in sentence
    assert len(sentence) < len(str(path)) + 250


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "JSON"),
        (b"\xff\xfe{}", "UTF-8"),
        (b"[" * 200_000, "JSON"),
        (b"9" * 10_000, "a number with 10,000 digits"),
        (b"NaN", "JSON"),
        (b"null", "JSON object"),
        (b'{"format": 1, "format": 1}', "twice"),
        (b" " * (MAX_BYTES + 1), "larger"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_a_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "list.json"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=says):
        load_pictograms(path)


def test_a_missing_file_and_a_folder_are_refused_with_a_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(RecipeError, match="cannot be read"):
            load_pictograms(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(key=st.sampled_from(sorted(small())), value=JSON)
def test_no_value_anywhere_ends_in_anything_but_a_list_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    path = write(tmp_path_factory.getbasetemp(), small() | {key: value})
    with contextlib.suppress(RecipeError):
        assert load_pictograms(path).entries
