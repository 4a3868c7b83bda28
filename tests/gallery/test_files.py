from __future__ import annotations

import errno
import ntpath
import os
import posixpath
import re
import stat
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from studio import storage
from studio.errors import StorageError
from studio.gallery.files import counter_of, is_part, part_name, picture_name, slug, sweep, write_new
from tests.gallery.disk_faults import Disk
from tests.gallery.samples import PROMPTS
from tests.gallery.twins import naive_save

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
def test_any_name_is_safe_and_contains_its_number(counter: int, seed: int, prompt: str) -> None:
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
def test_file_names_of_other_programs_are_not_mistaken_for_ours(name: str) -> None:
    assert counter_of(name) is None


def test_part_files_are_told_from_pictures() -> None:
    assert is_part(part_name(12))
    assert not is_part(picture_name(12, 0))
    assert counter_of(part_name(12)) is None
    assert faults_on_windows(part_name(12)) == []


DATA = bytes(range(256)) * 8
OLDER = b"an older picture"
CODES = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS)

Writer = Callable[[Disk, Path], Path | None]


def ours(at: Disk, folder: Path) -> Path | None:
    with pytest.MonkeyPatch.context() as patch:
        at.install(patch)
        return write_new(folder, DATA, lambda number: picture_name(number, 7)).path


def naive(at: Disk, folder: Path) -> Path | None:
    try:
        naive_save(at, folder, DATA)
    except OSError as error:
        raise StorageError(folder, "cannot be written") from error
    return folder / "000002-7.png"


@dataclass
class Found:
    """What failing every call in turn brought to light."""

    trials: int = 0
    calls: int = 0
    faults: list[str] = field(default_factory=list)


def fail_every_call(writer: Writer, folder: Path) -> Found:
    """Fail the first, second, third ... call the writer makes to the disk, once and for ever, with every code."""
    found = Found()
    for code in CODES:
        for for_ever in (False, True):
            number = 0
            while True:
                number += 1
                place = folder / f"{code}-{for_ever}-{number}"
                place.mkdir()
                (place / "000001-7.png").write_bytes(OLDER)
                at = Disk(number, code, for_ever=for_ever)
                what = f"call {number}, {errno.errorcode[code]}, {'for ever' if for_ever else 'once'}"
                found.faults += [f"{what}: {fault}" for fault in one_trial(writer, at, place)]
                found.trials += 1
                if not at.failed:
                    found.calls = len(at.calls)
                    break
    return found


def one_trial(writer: Writer, at: Disk, place: Path) -> list[str]:
    written = None
    faults = []
    try:
        written = writer(at, place)
    except StorageError as error:
        if str(place) not in str(error):
            faults.append("the sentence does not name the folder")
    pictures = {path: path.read_bytes() for path in place.iterdir() if not is_part(path.name)}
    if pictures.pop(place / "000001-7.png") != OLDER:
        faults.append("an older picture changed")
    faults += [f"{path.name} is not whole" for path, data in pictures.items() if data != DATA]
    if written is not None and written not in pictures:
        faults.append("acknowledged and not there")
    again = write_new(place, DATA, lambda number: picture_name(number, 8)).path
    if again.read_bytes() != DATA or again in pictures:
        faults.append("it cannot be saved again")
    sweep(place)
    if any(is_part(path.name) for path in place.iterdir()):
        faults.append("a part file stays for good")
    return faults


def test_whichever_call_fails_no_part_of_a_picture_lies_under_a_final_name(tmp_path: Path) -> None:
    found = fail_every_call(ours, tmp_path)
    assert found.faults == []
    assert found.calls >= 10, "the faults must reach every call"
    assert found.trials == 2 * len(CODES) * (found.calls + 1)


def test_failing_every_call_rejects_the_naive_way(tmp_path: Path) -> None:
    faults = fail_every_call(naive, tmp_path).faults
    assert sum("is not whole" in fault for fault in faults) >= 2 * len(CODES)


def test_a_picture_is_never_overwritten_even_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    for place in (tmp_path / "links", tmp_path / "no links"):
        taken = [place / f"taken-{number}" for number in range(1, 5)]
        place.mkdir()
        for path in taken[:3]:
            path.write_bytes(OLDER)
        if place.name == "no links":
            monkeypatch.setattr(os, "link", no_links)
        # The number does not show in these names, so the same one is wanted again and again.
        names = iter([path.name for path in taken])
        assert write_new(place, DATA, lambda _, names=names: next(names)).path == taken[3]
        assert [path.read_bytes() for path in taken] == [OLDER, OLDER, OLDER, DATA]
        assert set(place.iterdir()) == set(taken)


def test_names_that_are_always_taken_end_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "same").write_bytes(OLDER)
    with pytest.raises(StorageError, match="other programs"):
        write_new(tmp_path, DATA, lambda _: "same")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"same": OLDER}


def test_numbers_continue_after_the_highest_existing_one(tmp_path: Path) -> None:
    def name_of(number: int) -> str:
        return picture_name(number, 7)

    assert write_new(tmp_path / "new" / "folder", DATA, name_of).path.name == "000001-7.png"
    (tmp_path / "000041-9-cat.PNG").write_bytes(b"")
    (tmp_path / "20260131-1200.png").write_bytes(b"")
    assert write_new(tmp_path, DATA, name_of).path.name == "000042-7.png"
    (tmp_path / part_name(43)).write_bytes(b"of another process")
    assert write_new(tmp_path, DATA, name_of).path.name == "000044-7.png"


def test_a_disk_that_writes_a_little_at_a_time_gets_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, bytes(data[:100])))
    assert write_new(tmp_path, DATA, lambda _: "x.png").path.read_bytes() == DATA


def test_a_folder_that_cannot_be_synced_is_reported_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def fail(code: int) -> Callable[[int], None]:
        def fsync(file: int) -> None:
            if stat.S_ISDIR(os.fstat(file).st_mode):
                raise OSError(code, "no")
            sync(file)

        return fsync

    monkeypatch.setattr(os, "fsync", fail(errno.EIO))
    written = write_new(tmp_path / "a", DATA, lambda _: "x.png")
    assert (written.confirmed, written.path.read_bytes()) == (False, DATA)
    monkeypatch.setattr(os, "fsync", fail(errno.EINVAL))  # as file systems do that know nothing of it
    assert write_new(tmp_path / "b", DATA, lambda _: "x.png").confirmed


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be synced there")
def test_the_names_of_new_folders_are_synced_too(tmp_path: Path) -> None:
    at = Disk()
    ours(at, tmp_path / "new" / "deep")
    assert at.calls.count("fsync folder") == 3
    at = Disk()
    ours(at, tmp_path / "new" / "deep")
    assert at.calls.count("fsync folder") == 1


@pytest.mark.skipif(os.name == "nt", reason="an open file is safe there without a lock")
def test_part_files_of_dead_processes_are_deleted_and_those_in_use_stay(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / part_name(number)).write_bytes(b"half")
    (tmp_path / "000001-7.png").write_bytes(OLDER)
    with open(tmp_path / part_name(2), "ab") as file:
        assert storage.lock_part(file.fileno(), tmp_path / part_name(2))
        assert sweep(tmp_path) == 1
    assert {path.name for path in tmp_path.iterdir()} == {part_name(2), "000001-7.png"}
    assert sweep(tmp_path) == 1
    assert sweep(tmp_path / "nothing here") == 0
    assert sweep(Path("nul\0byte")) == 0


@pytest.mark.skipif(os.name == "nt", reason="an open file is safe there without a lock")
def test_a_part_file_deleted_at_once_only_loses_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = storage.lock_part

    def swept_first(descriptor: int, part: Path) -> bool:
        if part.name == part_name(1):
            sweep(tmp_path)
        return hold(descriptor, part)

    monkeypatch.setattr(storage, "lock_part", swept_first)
    assert write_new(tmp_path, DATA, lambda number: picture_name(number, 7)).path.name == "000002-7.png"


@pytest.mark.parametrize("name", ["nul\0byte", "x" * 300])
def test_a_folder_no_system_can_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StorageError):
        write_new(tmp_path / name, DATA, lambda _: "x.png")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may write anywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="no permission") as caught:
        write_new(tmp_path, DATA, lambda _: "x.png")
    tmp_path.chmod(0o700)
    assert str(tmp_path) in str(caught.value)
