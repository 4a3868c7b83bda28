from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import StorageError
from studio.gallery import database as gallery_database
from studio.gallery import index as gallery_index
from studio.gallery.database import DamagedError, Database
from studio.gallery.images import encode
from studio.gallery.index import FILE_NAME, Catalogue
from studio.gallery.metadata import parameters_text
from studio.gallery.store import PictureStore
from studio.storage import lock_file, unlock_file
from tests.gallery.samples import PROMPTS, metadata, pixels

if TYPE_CHECKING:
    from studio.gallery.index import Entry
    from studio.gallery.metadata import PictureMetadata

ROOT = Path(__file__).parents[2]


def filled(place: Path, *prompts: str) -> tuple[PictureStore, list[Entry]]:
    store = PictureStore(place / "pictures", place / "catalogue")
    return store, [store.add(pixels(i), metadata(prompt, seed=i)) for i, prompt in enumerate(prompts)]


def lost_fields(before: list[Entry], after: tuple[Entry, ...]) -> list[str]:
    """Return the fields of ``before`` (oldest first) that ``after`` (newest first) does not have."""
    found = {entry.path: entry for entry in after}
    lost = []
    for entry in before:
        now = found.get(entry.path)
        lost += [
            f"{item.name} of {entry.path.name}"
            for whole, part in ((entry, now), (entry.metadata, now.metadata if now else None))
            for item in fields(whole)
            if item.name not in ("id", "metadata")
            and getattr(part, item.name, None) != getattr(whole, item.name)
        ]
    return lost


# --------------------------------------------------------------------------------------------------------- listing
def test_pages_are_newest_first_and_new_pictures_do_not_shift_them(tmp_path: Path) -> None:
    store, made = filled(tmp_path, *[""] * 7)
    first = store.catalogue.entries(limit=3)
    store.add(pixels(), metadata(seed=99))
    second = store.catalogue.entries(limit=3, before=first[-1].id)
    third = store.catalogue.entries(limit=3, before=second[-1].id)
    assert [*first, *second, *third] == made[::-1]
    assert store.catalogue.entries(before=third[-1].id) == ()
    assert store.catalogue.count() == 8


def test_search_finds_parts_of_words_in_any_case_and_any_script(tmp_path: Path) -> None:
    store, made = filled(
        tmp_path,
        "A Red apple",
        "red car, 100% new",
        "STRASSE",
        "파란 사과",
        "crème brûlée",
        "file_name",
        "🍎",
        "back\\slash",
    )

    def found(text: str) -> list[int]:
        return [made.index(entry) for entry in store.catalogue.search(text)]

    assert found("RED") == [1, 0]
    assert found("app red") == [0]
    assert found("straße") == [2]
    assert found("사과") == [3]
    assert found("cre\u0300me") == [4]
    assert found("100%") == [1]
    assert found("%") == [1]
    assert found("_") == [5]
    assert found("🍎") == [6]
    assert found("\\") == found("back\\sl") == [7]
    assert found("starter apple") == [0]
    assert found("blur") == []
    assert found("' OR 1=1 --") == []
    assert found("\ud83c") == []
    assert found(" ") == [7, 6, 5, 4, 3, 2, 1, 0]
    assert [made.index(entry) for entry in store.catalogue.search("red", before=made[1].id)] == [0]


def test_a_known_path_is_renewed_and_keeps_its_place(tmp_path: Path) -> None:
    store, (first, second) = filled(tmp_path, "one", "two")
    assert store.catalogue.add(replace(first, metadata=metadata("three"))) == first.id
    assert [entry.metadata.request["prompt"] for entry in store.catalogue.entries()] == ["two", "three"]
    assert store.catalogue.entries()[0] == second


@pytest.mark.skipif(sys.platform != "linux", reason="names elsewhere are always text")
def test_folders_whose_names_are_no_text_are_listed(tmp_path: Path) -> None:
    store = PictureStore(tmp_path / os.fsdecode(b"caf\xe9"), tmp_path / "catalogue")
    entry = store.add(pixels(), metadata())
    assert entry.notes == ()
    assert store.catalogue.entries() == (entry,)


def test_ids_are_those_of_the_search_and_lead_to_the_entries(tmp_path: Path) -> None:
    store, made = filled(tmp_path, "red apple", "green apple", "red car")
    catalogue = store.catalogue
    assert catalogue.ids() == tuple(entry.id for entry in made[::-1])
    assert catalogue.ids("RED") == (made[2].id, made[0].id)
    assert catalogue.ids("' OR 1=1 --") == ()
    wanted = [made[0].id or 0, 999, made[2].id or 0]
    assert catalogue.entries_of(wanted) == (made[0], made[2])
    assert catalogue.entries_of([]) == ()
    many = [*range(10_000, 20_000), made[1].id or 0]
    assert catalogue.entries_of(many) == (made[1],)


def test_a_restored_entry_returns_to_its_place(tmp_path: Path) -> None:
    store, made = filled(tmp_path, "one", "two", "three")
    store.catalogue.remove([made[1]])
    assert store.catalogue.entries() == (made[2], made[0])
    assert store.catalogue.add(made[1]) == made[1].id
    assert store.catalogue.entries() == tuple(made[::-1])
    store.catalogue.remove(made)
    assert store.add(pixels(), metadata()).id == 4, "the place of what may come back stays free"


def test_a_restored_entry_whose_place_is_taken_gets_a_new_one(tmp_path: Path) -> None:
    store, made = filled(tmp_path, "one", "two")
    other = replace(made[0], path=tmp_path / "other.png")
    assert store.catalogue.add(other) == 3
    assert store.catalogue.entries()[1:] == tuple(made[::-1])


def test_after_a_rebuild_the_right_picture_is_removed(tmp_path: Path) -> None:
    store, made = filled(tmp_path, "one", "two")
    made[0].path.unlink()
    shutil.rmtree(tmp_path / "catalogue")
    assert store.catalogue.recover()
    store.catalogue.wait()
    (two,) = store.catalogue.entries()
    assert two.path == made[1].path
    store.catalogue.remove([replace(made[0], id=two.id)])  # of the old index, where the number was another's
    assert store.catalogue.entries() == (two,)


def test_recovering_without_a_folder_of_pictures_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert not Catalogue(tmp_path / "catalogue").recover()
    assert not Catalogue(tmp_path / "catalogue", pictures=tmp_path / "none").recover()
    assert not Catalogue(tmp_path / "catalogue", pictures=tmp_path / "empty").recover()
    assert Catalogue(tmp_path / "catalogue").ids() == ()


def test_the_catalogue_opens_without_numpy_and_pillow() -> None:
    code = "import sys; sys.modules.update({'numpy': None, 'PIL': None}); import studio.gallery.store"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# ------------------------------------------------------------------------------------------------------ rebuilding
def test_from_the_pictures_alone_every_field_comes_back(tmp_path: Path) -> None:
    store, made = filled(tmp_path, *PROMPTS.values())
    shutil.rmtree(tmp_path / "catalogue")
    found = store.catalogue.rebuild(tmp_path / "pictures")
    assert (found.pictures, found.missing, found.others, found.unreadable) == (len(made), 0, 0, ())
    assert lost_fields(made, store.catalogue.entries()) == []
    assert [entry.path for entry in store.catalogue.entries()] == [entry.path for entry in made[::-1]]


def test_the_comparison_rejects_pictures_with_only_the_shared_text(tmp_path: Path) -> None:
    store, made = filled(tmp_path, "one", "two")
    info = PngInfo()
    info.add_text("parameters", parameters_text(made[0].metadata, 19, 16))
    Image.fromarray(pixels()).save(made[0].path, "PNG", pnginfo=info)
    shutil.rmtree(tmp_path / "catalogue")
    assert store.catalogue.rebuild(tmp_path / "pictures").others == 1
    assert len(lost_fields(made, store.catalogue.entries())) > 12


def test_rebuilding_twice_changes_nothing(tmp_path: Path) -> None:
    store, made = filled(tmp_path, "one", "two")
    store.catalogue.rebuild(tmp_path / "pictures")
    assert store.catalogue.entries() == tuple(made[::-1])


def test_a_missing_file_marks_its_entry_and_a_found_one_unmarks_it(tmp_path: Path) -> None:
    store, (first, second) = filled(tmp_path, "one", "two")
    hidden = first.path.rename(tmp_path / "elsewhere.png")
    for _ in range(2):
        assert store.catalogue.rebuild(tmp_path / "pictures").missing == 1
        assert store.catalogue.entries() == (second, replace(first, missing=True))
    hidden.rename(first.path)
    assert store.catalogue.rebuild(tmp_path / "pictures").missing == 0
    assert store.catalogue.entries() == (second, first)


def test_an_unplugged_drive_changes_no_entry(tmp_path: Path) -> None:
    store, made = filled(tmp_path, "one", "two")
    (tmp_path / "pictures").rename(tmp_path / "unplugged")
    with pytest.raises(StorageError, match="unplugged"):
        store.catalogue.rebuild(tmp_path / "pictures")
    assert store.catalogue.entries() == tuple(made[::-1])


def test_entries_of_other_folders_are_left_alone(tmp_path: Path) -> None:
    store, _ = filled(tmp_path, "one")
    other = store.add(pixels(), metadata(), tmp_path / "other")
    other.path.unlink()
    assert store.catalogue.rebuild(tmp_path / "pictures").missing == 0
    assert store.catalogue.entries()[0] == other


def test_foreign_and_damaged_files_in_the_folder_are_counted_and_stop_nothing(tmp_path: Path) -> None:
    store, made = filled(tmp_path, "one", "two")
    pictures = tmp_path / "pictures"
    below = pictures / "sorted" / "by me"
    below.mkdir(parents=True)
    moved = made[1].path.rename(below / made[1].path.name)
    Image.fromarray(pixels()).save(pictures / "holiday.png")
    (pictures / "wreck.png").write_bytes(b"\x89PNG rubbish")
    (pictures / "notes.txt").write_text("not a picture")
    if os.name != "nt":  # where links need a permission of their own
        (pictures / "link.png").symlink_to(made[0].path)
    (pictures / "000009-9.png").write_bytes(encode(pixels(), metadata())[:300])
    found = store.catalogue.rebuild(pictures)
    assert (found.pictures, found.missing, found.others) == (2, 1, 1)
    assert {error.path.name for error in found.unreadable} == {"wreck.png", "000009-9.png"}
    paths = {entry.path: entry.missing for entry in store.catalogue.entries()}
    assert paths == {made[0].path: False, made[1].path: True, moved: False}


@pytest.mark.parametrize(
    "created", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-06-01T00:00:00+00:00"]
)
def test_an_impossible_time_only_affects_its_picture(tmp_path: Path, created: str) -> None:
    store, made = filled(tmp_path, "one", "two")
    text = made[0].metadata.to_json()
    info = PngInfo()
    info.add_text("stepwise", text.replace(made[0].metadata.created.isoformat(), created))
    Image.fromarray(pixels()).save(tmp_path / "pictures" / "000009-9.png", "PNG", pnginfo=info)
    shutil.rmtree(tmp_path / "catalogue")
    found = store.catalogue.rebuild(tmp_path / "pictures")
    assert (found.pictures, len(found.unreadable)) == (2, 1)
    assert "created must be a time from the year 1970 to the year 9998" in str(found.unreadable[0])
    assert [entry.path for entry in store.catalogue.entries()] == [entry.path for entry in made[::-1]]


# ---------------------------------------------------------------------------------------------------------- damage
def mended(catalogue: Catalogue) -> tuple[Entry, ...]:
    """Have damage found and mended, and return the entries."""
    catalogue.check()
    catalogue.entries()
    catalogue.wait()
    return catalogue.entries()


def reads_without_checks(file: Path) -> list[tuple[object, ...]] | None:
    """Return what a program that trusts its database would show; None where SQLite itself refuses."""
    try:
        with contextlib.closing(sqlite3.connect(file)) as connection:
            return connection.execute("SELECT path, width, height, metadata, words FROM pictures").fetchall()
    except (sqlite3.Error, UnicodeError):
        return None


def test_a_catalogue_damaged_anywhere_is_detected_and_rebuilt(tmp_path: Path) -> None:
    store, made = filled(tmp_path, *[f"picture {i}" for i in range(12)])
    store.catalogue.close()
    file = tmp_path / "catalogue" / FILE_NAME
    good, shown = file.read_bytes(), reads_without_checks(file)
    source = random.Random(1)
    noticed = wrong_unchecked = 0
    for _ in range(60):
        data = bytearray(good)
        at = source.randrange(len(data))
        if source.random() < 0.2:
            del data[at:]
        else:
            length = source.choice([1, 4, 64, 2048])
            data[at : at + length] = source.randbytes(min(length, len(data) - at))
        file.write_bytes(data)
        wrong_unchecked += reads_without_checks(file) not in (shown, None)
        file.write_bytes(data)
        catalogue = Catalogue(tmp_path / "catalogue", pictures=tmp_path / "pictures")
        assert lost_fields(made, mended(catalogue)) == []
        if catalogue.set_aside is not None:
            noticed += 1
            catalogue.set_aside.unlink()
        catalogue.close()
    assert noticed >= 20
    assert wrong_unchecked >= 3, "a catalogue without checks must show something wrong"


def test_rows_that_vanish_silently_are_detected(tmp_path: Path) -> None:
    store, made = filled(tmp_path, *[f"picture {i}" for i in range(12)])
    store.catalogue.close()
    file = tmp_path / "catalogue" / FILE_NAME
    with contextlib.closing(sqlite3.connect(file)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'pictures'").fetchone()
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    data = bytearray(file.read_bytes())
    cells = (page - 1) * page_size + 3  # the number of children of the table's root, in two bytes
    assert int.from_bytes(data[cells : cells + 2]) >= 2
    data[cells + 1] -= 1
    file.write_bytes(data)
    rows = reads_without_checks(file)
    assert rows is not None
    assert len(rows) < len(made), "a catalogue without checks must show too little"
    assert lost_fields(made, mended(Catalogue(file.parent, pictures=tmp_path / "pictures"))) == []


def test_a_damaged_catalogue_is_kept_and_reported_with_the_next_picture(tmp_path: Path) -> None:
    older, _ = filled(tmp_path, "one", "two")
    older.catalogue.close()
    file = tmp_path / "catalogue" / FILE_NAME
    file.with_name(f"{FILE_NAME}.damaged-1").write_bytes(b"an older one")
    rubbish = b"rubbish" * 1000
    file.write_bytes(rubbish)
    store, (entry,) = filled(tmp_path, "three")
    assert entry.notes == (store.catalogue.set_aside_note,)
    assert str(store.catalogue.set_aside) in entry.notes[0]
    assert store.catalogue.set_aside == file.with_name(f"{FILE_NAME}.damaged-2")
    assert store.catalogue.set_aside.read_bytes() == rubbish
    assert file.with_name(f"{FILE_NAME}.damaged-1").read_bytes() == b"an older one"
    store.catalogue.wait()
    assert store.catalogue.count() == 3
    assert store.add(pixels(), metadata()).notes == ()


def test_damage_while_the_program_runs_is_detected_too(tmp_path: Path) -> None:
    store, made = filled(tmp_path, "one", "two")
    store.catalogue.close()
    (tmp_path / "catalogue" / FILE_NAME).write_bytes(b"rubbish" * 1000)
    assert lost_fields(made, mended(store.catalogue)) == []
    assert store.catalogue.set_aside is not None


def test_a_catalogue_damaged_again_and_again_ends_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = filled(tmp_path, "one")
    store.catalogue.close()

    def damaged(self: Database, *_: object) -> None:
        raise DamagedError("as always")

    monkeypatch.setattr(Database, "_prepare", damaged)
    with pytest.raises(StorageError, match="damaged again"):
        store.catalogue.entries()
    assert "damaged again" in store.add(pixels(), metadata()).notes[0]


def test_a_process_does_not_set_aside_what_another_has_rebuilt(tmp_path: Path) -> None:
    store, _ = filled(tmp_path, "one")
    database = Database(tmp_path / "catalogue" / FILE_NAME)
    damage = DamagedError("seen in the older file")
    damage.file = os.stat(tmp_path)
    assert database.set_aside(damage) is None
    assert store.catalogue.count() == 1


def test_a_database_of_another_program_is_set_aside_unharmed(tmp_path: Path) -> None:
    file = tmp_path / "catalogue" / FILE_NAME
    file.parent.mkdir()
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()
    theirs = file.read_bytes()
    store, _ = filled(tmp_path, "one")
    store.catalogue.wait()
    assert store.catalogue.set_aside is not None
    assert store.catalogue.set_aside.read_bytes() == theirs
    assert store.catalogue.count() == 1


def test_a_catalogue_of_a_newer_version_is_left_unchanged(tmp_path: Path) -> None:
    older, _ = filled(tmp_path, "one")
    older.catalogue.close()
    file = tmp_path / "catalogue" / FILE_NAME
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 1000")
    before = file.read_bytes()
    store, (entry,) = filled(tmp_path, "two")
    assert entry.path.exists()
    assert "newer Stepwise Studio" in entry.notes[0]
    assert store.catalogue.set_aside == file.with_name(f"{FILE_NAME}.newer-1")
    assert store.catalogue.set_aside.read_bytes() == before
    store.catalogue.wait()
    assert [found.metadata.request["prompt"] for found in store.catalogue.entries()] == ["two", "one"]


def test_a_catalogue_that_another_program_is_using_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = filled(tmp_path, "one")
    monkeypatch.setattr(gallery_database, "BUSY_TIMEOUT_S", 0.01)
    store.catalogue.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "catalogue" / FILE_NAME)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        entry = store.add(pixels(), metadata())
        assert "another program is using it" in entry.notes[0]
        assert store.catalogue.count() == 1
        connection.execute("ROLLBACK")
    store.catalogue.rebuild(tmp_path / "pictures")
    assert store.catalogue.count() == 2


def test_rows_are_durable_before_they_are_acknowledged(tmp_path: Path) -> None:
    filled(tmp_path, "one")
    database = Database(tmp_path / "catalogue" / FILE_NAME)
    with database.transaction(write=True) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA busy_timeout").fetchone()[0] >= 1000


# ------------------------------------------------------------------------------------- rebuilding in the background
class Paused:
    """Lets a rebuild read so many files, and then waits.

    Attributes:
        reached: it waits now.
        threads: those that have read files.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: int = 0) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.threads: set[threading.Thread] = set()
        self._after, self._count, self._read = after, 0, gallery_index.png.read
        monkeypatch.setattr(gallery_index.png, "read", self.read)

    def read(self, path: Path) -> object:
        self.threads.add(threading.current_thread())
        if self._count == self._after:
            self.reached.set()
            assert self.go_on.wait(10)
        self._count += 1
        return self._read(path)


def damage(store: PictureStore) -> None:
    """Replace the catalogue by rubbish."""
    (entry, *_) = store.catalogue.entries()
    store.catalogue.close()
    (entry.path.parents[1] / "catalogue" / FILE_NAME).write_bytes(b"rubbish" * 1000)


def at(minute: int, prompt: str = "") -> PictureMetadata:
    return metadata(prompt, seed=minute, created=datetime(2026, 2, 1, 12, minute, tzinfo=UTC))


def test_a_picture_is_added_while_a_damaged_catalogue_is_rebuilt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, made = filled(tmp_path, *[f"picture {i}" for i in range(6)])
    damage(store)
    paused = Paused(monkeypatch, after=2)
    first = store.add(pixels(), metadata("first", seed=20))
    assert paused.reached.wait(10)
    second = store.add(pixels(), metadata("second", seed=21))
    assert None not in (first.id, second.id)
    assert store.catalogue.is_rebuilding()
    assert store.catalogue.entries()[:2] == (second, replace(first, notes=()))
    paused.go_on.set()
    store.catalogue.wait()
    assert not store.catalogue.is_rebuilding()
    listed = store.catalogue.entries()
    assert [entry.path for entry in listed] == [entry.path for entry in (second, first, *made[::-1])]
    assert lost_fields([*made, replace(first, notes=()), second], listed) == []
    assert threading.current_thread() not in paused.threads, "no picture may be read by who adds one"


def test_what_is_found_is_ordered_by_its_time_and_new_pictures_come_first(tmp_path: Path) -> None:
    store = PictureStore(tmp_path / "pictures", tmp_path / "catalogue")
    minutes = [3, 9, 1, 7, 7, 5]
    made = [store.add(pixels(i), at(minute)) for i, minute in enumerate(minutes)]
    below = tmp_path / "pictures" / "below"
    below.mkdir()
    moved = [entry.path.rename(below / entry.path.name) for entry in made[1::2]]
    shutil.rmtree(tmp_path / "catalogue")
    assert store.catalogue.recover()
    store.catalogue.wait()
    new = store.add(pixels(), metadata())
    listed = store.catalogue.entries()
    assert listed[0] == new
    assert [entry.metadata.created.minute for entry in listed[1:]] == sorted(minutes, reverse=True)
    assert set(moved) < {entry.path for entry in listed}


def test_a_picture_found_later_gets_its_place_among_those_that_were_found(tmp_path: Path) -> None:
    store = PictureStore(tmp_path / "pictures", tmp_path / "catalogue")
    made = [store.add(pixels(minute), at(minute)) for minute in range(3)]
    hidden = made[1].path.rename(tmp_path / "hidden")
    shutil.rmtree(tmp_path / "catalogue")
    store.catalogue.recover()
    store.catalogue.wait()
    hidden.rename(made[1].path)
    store.catalogue.rebuild(tmp_path / "pictures")
    assert [entry.path for entry in store.catalogue.entries()] == [entry.path for entry in made[::-1]]


def test_an_entry_removed_before_a_rebuild_goes_back_by_its_time(tmp_path: Path) -> None:
    store = PictureStore(tmp_path / "pictures", tmp_path / "catalogue")
    made = [store.add(pixels(minute), at(minute)) for minute in range(3)]
    store.catalogue.remove([made[1]])
    trashed = made[1].path.rename(tmp_path / "trashed")
    damage(store)
    mended(store.catalogue)
    trashed.rename(made[1].path)
    store.catalogue.add(made[1])
    assert [entry.path for entry in store.catalogue.entries()] == [entry.path for entry in made[::-1]]


def test_a_rebuild_that_was_stopped_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, made = filled(tmp_path, *[f"picture {i}" for i in range(6)])
    damage(store)
    monkeypatch.setattr(gallery_index, "_BATCH", 1)
    with monkeypatch.context() as context:
        paused = Paused(context, after=2)
        store.catalogue.count()
        assert paused.reached.wait(10)
        closing = threading.Thread(target=store.catalogue.close)
        closing.start()
        paused.go_on.set()
        closing.join(10)
    later = Catalogue(tmp_path / "catalogue", pictures=tmp_path / "pictures")
    assert 0 < later.count() < 6
    read: list[Path] = []
    real = gallery_index.png.read
    monkeypatch.setattr(gallery_index.png, "read", lambda path: (read.append(path), real(path))[1])
    assert later.is_rebuilding()
    later.wait()
    assert not later.is_rebuilding()
    assert later.entries() == tuple(
        replace(entry, id=new.id) for entry, new in zip(made[::-1], later.entries(), strict=True)
    )
    assert len(read) < 6, "what was entered before is not read again"


def test_a_rebuild_of_another_process_is_waited_for_and_not_done_twice(tmp_path: Path) -> None:
    store, _ = filled(tmp_path, "one")
    mark = lock_file(tmp_path / "catalogue" / f"{FILE_NAME}.rebuilding")
    assert mark is not None
    assert store.catalogue.is_rebuilding()
    store.catalogue.wait()  # for nothing: it is not this one's
    assert store.catalogue.is_rebuilding()
    unlock_file(mark, tmp_path / "catalogue" / f"{FILE_NAME}.rebuilding")
    assert not store.catalogue.is_rebuilding()


def test_an_index_that_another_process_replaced_is_opened_again(tmp_path: Path) -> None:
    """Both keep a connection open, as the window and the command line do."""
    store, made = filled(tmp_path, "one", "two", "three")
    other = Catalogue(tmp_path / "catalogue", pictures=tmp_path / "pictures")
    other.count()
    with contextlib.closing(sqlite3.connect(tmp_path / "catalogue" / FILE_NAME)) as connection, connection:
        connection.execute("UPDATE pictures SET width = width + 1 WHERE id = 2")
    other.entries()
    assert other.set_aside is not None
    new = store.add(pixels(), metadata("new"))
    assert new.notes == ()
    other.wait()
    for catalogue in (other, store.catalogue):
        assert [entry.path for entry in catalogue.entries()] == [entry.path for entry in (new, *made[::-1])]
    assert store.catalogue.set_aside is None


def test_the_hashes_of_final_states_lead_to_the_newest_picture_of_each(tmp_path: Path) -> None:
    store, made = filled(tmp_path, "one", "two")
    again = store.add(pixels(), made[0].metadata)
    one, two = (entry.metadata.final_sha256 for entry in made)
    assert store.catalogue.ids_by_final_hash() == {one: again.id, two: made[1].id}
    assert store.catalogue.ids_by_final_hash([one, "", "0" * 64]) == {one: again.id}
    assert store.catalogue.ids_by_final_hash([]) == {}
    with contextlib.closing(sqlite3.connect(tmp_path / "catalogue" / FILE_NAME)) as connection:
        query = "EXPLAIN QUERY PLAN SELECT final_sha256, max(id) FROM pictures WHERE final_sha256 IN (?) GROUP BY 1"
        assert "COVERING INDEX" in str(connection.execute(query, (one,)).fetchall())
