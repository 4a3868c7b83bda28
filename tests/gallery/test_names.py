from __future__ import annotations

import ntpath
import posixpath
import re
import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from studio.gallery.names import counter_of, is_part, part_name, picture_name, slug
from tests.gallery.samples import PROMPTS

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTILE = [
    "../../etc/passwd",
    "..\\..\\windows\\system32",
    "C:\\con",
    "CON",
    "nul.txt",
    "a.",
    "a ",
    " . ",
    'a/b\\c:d*e?f"g<h>i|j',
    "\x00\x07\x1b[2J\x7f\x85",
    "\u202egnp.exe\u2066\u200f",
    "\ud83c half \udc00",
    "e\u0301" * 100,
    "\u0301\u0302 marks first",
    "한글" * 60,
    "각",  # three letters that NFC joins
    "İSTANBUL ǅ ß ﬁ",
    "\ufeff\u200b\u00ad\u2028",
    "\U0010ffff\ue000\u0378",
    *PROMPTS.values(),
]

# What each system forbids, written down from its own documentation and not from the code.
WINDOWS_RESERVED = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{i}" for port in ("com", "lpt") for i in "0123456789¹²³"),
}
WINDOWS_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


def faults_on_windows(name: str) -> list[str]:
    return [
        *(["a forbidden character"] if WINDOWS_FORBIDDEN.search(name) else []),
        *(["ends in a dot or space"] if name.endswith((".", " ")) else []),
        *(["is reserved"] if name.split(".")[0].rstrip().lower() in WINDOWS_RESERVED else []),
        *(["too long"] if len(name.encode("utf-16-le", "surrogatepass")) > 2 * 255 else []),
    ]


def faults_on_macos(name: str) -> list[str]:
    stored = unicodedata.normalize("NFD", name)  # as HFS+ keeps it
    return [
        *(["a separator"] if "/" in name or ":" in name else []),
        *(["not valid Unicode"] if any(unicodedata.category(c) == "Cs" for c in name) else []),
        *(["too long"] if len(stored.encode("utf-16-le", "surrogatepass")) > 2 * 255 else []),
    ]


def faults_on_linux(name: str) -> list[str]:
    data = name.encode("utf-8", "surrogatepass")
    return [
        *(["a separator or NUL"] if b"/" in data or b"\0" in data else []),
        *(["names a folder"] if name in ("", ".", "..") else []),
        *(["too long"] if len(data) > 143 else []),  # eCryptfs; ext4 takes 255
    ]


def faults_for_people(name: str) -> list[str]:
    unseen = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}
    return [
        *(["an unseen character"] if any(unicodedata.category(c) in unseen for c in name) else []),
        *(["not in NFC"] if not unicodedata.is_normalized("NFC", name) else []),
        *(["hidden"] if name.startswith(".") else []),
        *(["leaves the folder"] if posixpath.normpath(f"/a/b/{name}") != f"/a/b/{name}" else []),
        *(["leaves the folder"] if ntpath.join("c:\\a", name) != f"c:\\a\\{name}" else []),
    ]


def faults(name: str) -> list[str]:
    return [
        *faults_on_windows(name),
        *faults_on_macos(name),
        *faults_on_linux(name),
        *faults_for_people(name),
    ]


def naive_name(counter: int, seed: int, prompt: str) -> str:
    return f"{prompt.replace('/', '_')}.png"


def every_fault(name_of: Callable[[int, int, str], str]) -> dict[str, list[str]]:
    named = {prompt: name_of(1, 7, prompt) for prompt in HOSTILE if "\0" not in prompt}
    return {prompt: found for prompt, name in named.items() if (found := faults(name))}


def test_names_of_hostile_prompts_are_safe_on_every_system() -> None:
    assert every_fault(picture_name) == {}
    assert faults(picture_name(1, 7, "a\0b")) == []


def test_the_check_of_names_rejects_the_naive_name() -> None:
    assert len(every_fault(naive_name)) >= 12


@settings(max_examples=300)
@given(
    st.integers(1, 9_999_999),
    st.integers(0, 2**32 - 1),
    st.text(st.characters(), max_size=60)
    | st.text(st.characters(codec=None, categories=["L", "M", "Cf", "Cs"])),
)
@example(1, 0, "ᄀ" * 80)
def test_any_name_is_safe_and_tells_its_number(counter: int, seed: int, prompt: str) -> None:
    name = picture_name(counter, seed, prompt)
    assert faults(name) == []
    assert counter_of(name) == counter
    assert f"-{seed}" in name
    assert len(slug(prompt).encode("utf-8")) <= 80


@given(st.text(max_size=40))
def test_a_slug_is_its_own_slug(prompt: str) -> None:
    assert slug(slug(prompt)) == slug(prompt)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("A red apple, on a Blue background!", "a-red-apple-on-a-blue-background"),
        ("파란 배경의 사과", "파란-배경의-사과"),
        ("תפוח אדום", "תפוח-אדום"),
        ("🍎", ""),
        ("", ""),
        ("हिन्दी में", "हिन्दी-में"),
        ("w" * 500, "w" * 80),
        ("\u0301\u0302 marks first 🍎\u0301x", "marks-first-x"),
    ],
)
def test_a_slug_reads_as_the_prompt_does(prompt: str, words: str) -> None:
    assert slug(prompt) == words


def test_names_sort_by_their_number() -> None:
    names = [
        picture_name(i, 10**9 - i, "zebra" if i % 2 else "ape")
        for i in (1, 2, 9, 10, 99, 100, 99_999, 100_000)
    ]
    assert sorted(names) == names


@pytest.mark.parametrize(
    "name",
    [
        "20260131-1234.png",
        "IMG-0001.png",
        "1-2.png",
        "000001.png",
        "000001-x.png",
        "000001-5.jpg",
        ".stepwise-000001.part",
    ],
)
def test_names_of_other_programs_are_not_taken_for_ours(name: str) -> None:
    assert counter_of(name) is None


def test_part_files_are_told_from_pictures() -> None:
    assert is_part(part_name(12))
    assert not is_part(picture_name(12, 0))
    assert counter_of(part_name(12)) is None
    assert faults_on_windows(part_name(12)) == []
