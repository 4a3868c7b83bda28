from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from studio.checkpoints.words import (
    MAX_EXAMPLES,
    MAX_NAME_LENGTH,
    MAX_NAMES,
    MAX_WORDS_BYTES,
    Words,
    has_words,
    read_words,
    save_words,
)
from studio.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

WHOLE: dict[str, Any] = {"format": 1, "names": ["fox", "여우"], "examples": ["a fox on a teal background"]}
NAMES = "names must be a list of at most 20,000 texts, each one line of 1 to 200 characters that can be shown"


def write(folder: Path, content: object) -> None:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    (folder / "words.json").write_bytes(text)


def test_words_come_back_as_they_were_saved(tmp_path: Path) -> None:
    words = save_words(tmp_path, ["fox", "여우", "birthday cake"], ["two dogs"])
    assert words == Words(names=("fox", "여우", "birthday cake"), examples=("two dogs",))
    assert read_words(tmp_path) == words
    assert has_words(tmp_path)


def test_what_does_not_fit_is_left_out_when_saving_so_that_whatever_is_saved_can_be_read(
    tmp_path: Path,
) -> None:
    names = [
        "fox",
        "fox",
        "",
        "  a\n cat ",
        "x" * (MAX_NAME_LENGTH + 1),
        "bad\x00",
        "half \ud800",
        "turned \u202e",
    ]
    words = save_words(tmp_path, names, (f"a {number}" for number in range(99)))
    assert words.names == ("fox", "a cat")
    assert len(words.examples) == MAX_EXAMPLES
    assert read_words(tmp_path) == words


def test_too_many_names_give_way_until_the_file_can_be_read(tmp_path: Path) -> None:
    words = save_words(tmp_path, (f"{number:0200}" for number in range(MAX_NAMES + 1)), ["a fox"])
    assert 5_000 < len(words.names) < MAX_NAMES
    assert read_words(tmp_path) == words


def test_nothing_at_all_leaves_no_file(tmp_path: Path) -> None:
    assert save_words(tmp_path, [""], []) == Words()
    assert not has_words(tmp_path)
    assert not has_words(tmp_path / "nowhere")


def test_a_folder_in_the_words_place_is_none(tmp_path: Path) -> None:
    (tmp_path / "words.json").mkdir()
    assert not has_words(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not valid JSON"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"[" * 100_000, "contains JSON that is nested too deeply"),
        (b" " * (MAX_WORDS_BYTES + 1), "is larger than"),
        (b'{"format": 1, "format": 1}', "contains the field 'format' twice"),
        ([], "must be a JSON object"),
        ({}, "lacks the field 'format'"),
        (WHOLE | {"format": 2}, "has version 2, written by a newer Stepwise Studio"),
        (WHOLE | {"format": 0}, "format must be 1, not 0"),
        (WHOLE | {"format": True}, "format must be 1, not true"),
        (WHOLE | {"more": 1}, "does not know"),
        (WHOLE | {"names": "fox"}, "names must be a list"),
        (
            WHOLE | {"names": [f"x{number}" for number in range(MAX_NAMES + 1)]},
            "names must be a list of at most",
        ),
        (WHOLE | {"names": [1]}, NAMES),
        (WHOLE | {"names": [""]}, NAMES),
        (WHOLE | {"names": [" fox"]}, NAMES),
        (WHOLE | {"names": ["a\nfox"]}, NAMES),
        (WHOLE | {"names": ["a\u2028fox"]}, NAMES),
        (WHOLE | {"names": ["\u202efox"]}, NAMES),
        (WHOLE | {"names": ["\ud800"]}, NAMES),
        (WHOLE | {"names": ["x" * 201]}, NAMES),
        (WHOLE | {"names": ["fox", "fox"]}, "names contains a text twice"),
        (
            WHOLE | {"examples": [["a"]]},
            "examples must be a list of at most 48 texts, each one line of 1 to 400 characters",
        ),
        (
            WHOLE | {"examples": [f"a {number}" for number in range(49)]},
            "examples must be a list of at most 48",
        ),
    ],
)
def test_a_hostile_file_is_refused_in_a_sentence(tmp_path: Path, content: object, reason: str) -> None:
    write(tmp_path, content)
    with pytest.raises(CheckpointError, match=r"words\.json") as refused:
        read_words(tmp_path)
    assert reason in str(refused.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_and_a_link_that_leads_elsewhere_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    os.mkfifo(tmp_path / "words.json")
    with pytest.raises(CheckpointError, match="not a regular file"):
        read_words(tmp_path)
    (tmp_path / "elsewhere.json").write_text(json.dumps(WHOLE))
    (tmp_path / "model" / "words.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(CheckpointError, match="leads out of its folder"):
        read_words(tmp_path / "model")


def test_words_are_read_without_torch() -> None:
    code = "import sys, studio.checkpoints.words; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
