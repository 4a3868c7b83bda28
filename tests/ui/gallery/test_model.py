from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QFile, Qt

from studio.errors import StorageError
from studio.gallery import png
from studio.gallery.index import Catalogue, Entry
from studio.gallery.metadata import Origin
from studio.ui.gallery import text, trash
from studio.ui.gallery.model import CACHED_ENTRIES, EntryRole, ImageRole, LiveRole, Rows, row_changes
from studio.ui.jobs.text import accessible_text
from tests.gallery.samples import metadata, pixels
from tests.ui.pictures import Gallery, live, make_gallery, read, settle

if TYPE_CHECKING:
    from pytestqt.modeltest import ModelTester
    from pytestqt.qtbot import QtBot

    from tests.ui.program import MakeModels

FEW = ("one", "two", "three")
FULL = StorageError("catalogue", "cannot be written: the disk is full")


@pytest.fixture
def gallery(make_models: MakeModels, tmp_path: Path, request: pytest.FixtureRequest) -> Gallery:
    return make_gallery(make_models(home=tmp_path), getattr(request, "param", FEW))


class FullTrash(QFile):
    """A file that the trash does not take."""

    def moveToTrash(self) -> bool:
        return False


@pytest.fixture(autouse=True)
def trash_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's trash, put into the folder of the test."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "Trash"


def spans(gallery: Gallery) -> list[tuple[str, int, int]]:
    """Have what the model says of its rows noted in the list that is returned."""
    said: list[tuple[str, int, int]] = []
    model = gallery.model
    model.rowsInserted.connect(lambda _, first, last: said.append(("+", first, last)))
    model.rowsRemoved.connect(lambda _, first, last: said.append(("-", first, last)))
    model.modelReset.connect(lambda: said.append(("reset", 0, 0)))
    return said


# --------------------------------------------------------------------------------------------------------- listing
def test_the_newest_picture_comes_first(gallery: Gallery, qtbot: QtBot) -> None:
    assert not gallery.model.loaded
    assert gallery.model.rowCount() == 0
    read(gallery, qtbot)
    assert gallery.model.loaded
    assert gallery.prompts() == ["three", "two", "one"]


def test_the_model_keeps_the_rules_of_models(
    gallery: Gallery, qtbot: QtBot, qtmodeltester: ModelTester
) -> None:
    qtmodeltester.check(gallery.model)
    read(gallery, qtbot)
    gallery.model.set_live(live())
    gallery.model.add(gallery.add("four"))
    gallery.add("five")
    gallery.store.catalogue.remove([gallery.store.catalogue.entries()[2]])
    with qtbot.waitSignal(gallery.model.state_changed):
        gallery.model.reload()
    gallery.model.set_live(live(4))
    gallery.model.set_live(None)
    with qtbot.waitSignal(gallery.model.modelReset):
        gallery.model.search("f")
    qtmodeltester.check(gallery.model)


def test_the_catalogue_is_never_used_in_the_windows_thread(
    gallery: Gallery, qtbot: QtBot, trash_can: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[threading.Thread] = set()
    for name in ("ids", "entries_of", "add", "remove", "recover"):
        real = getattr(Catalogue, name)

        def noting(*arguments: object, real: object = real, **more: object) -> object:
            threads.add(threading.current_thread())
            return real(*arguments, **more)  # type: ignore[operator]

        monkeypatch.setattr(Catalogue, name, noting)
    read(gallery, qtbot)
    with qtbot.waitSignal(gallery.model.modelReset):
        gallery.model.search("two")
    entry = gallery.model.index(0).data(EntryRole)
    with qtbot.waitSignal(gallery.model.rowsRemoved):
        gallery.model.trash([entry])
    assert threads
    assert threading.main_thread() not in threads


@pytest.mark.parametrize("gallery", [[str(number) for number in range(300)]], indirect=True)
def test_entries_are_read_for_the_visible_rows(
    gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = Catalogue.entries_of
    monkeypatch.setattr(Catalogue, "entries_of", lambda self, ids: asked.extend(ids) or real(self, ids))
    with qtbot.waitSignal(gallery.model.state_changed):
        gallery.model.reload()
    assert len(asked) == 60
    index = gallery.model.index(200)
    assert index.data(EntryRole) is None
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == text.loading()
    with qtbot.waitSignal(gallery.model.dataChanged) as changed:
        assert index.data() is None
    assert changed.args is not None
    assert [changed.args[0].row(), changed.args[1].row()] == [200, 200]
    assert index.data() == "99"
    assert len(asked) == 61


@pytest.mark.parametrize("gallery", [[str(number) for number in range(300)]], indirect=True)
def test_rows_out_of_sight_before_they_were_read_are_not_read(gallery: Gallery, qtbot: QtBot) -> None:
    with qtbot.waitSignal(gallery.model.state_changed):
        gallery.model.reload()
    for row in range(60, 300):
        gallery.model.entry_at(row)
    with qtbot.waitSignal(gallery.model.dataChanged) as changed:
        pass
    assert changed.args is not None
    assert [changed.args[0].row(), changed.args[1].row()] == [180, 299]


def test_only_the_most_recently_used_entries_stay_in_memory() -> None:
    rows = Rows()
    rows.cache(entry(number) for number in range(1, CACHED_ENTRIES + 1))
    assert rows.entry(1) is not None
    rows.cache([entry(CACHED_ENTRIES + 1)])
    assert rows.entry(1) is not None
    assert rows.entry(2) is None


def entry(number: int) -> Entry:
    return Entry(id=number, path=Path(f"/{number}.png"), width=8, height=8, metadata=metadata())


def test_changes_by_other_programs_are_found_at_the_next_reload(gallery: Gallery, qtbot: QtBot) -> None:
    read(gallery, qtbot)
    said = spans(gallery)
    gallery.add("four")
    gallery.add("five")
    read(gallery, qtbot)
    assert gallery.prompts() == ["five", "four", "three", "two", "one"]
    gallery.store.catalogue.remove([gallery.model.entry_at(1), gallery.model.entry_at(3)])
    read(gallery, qtbot)
    assert gallery.prompts() == ["five", "three", "one"]
    read(gallery, qtbot)
    assert said == [("+", 0, 1), ("-", 3, 3), ("-", 1, 1)]


def test_many_changes_are_reported_as_few_ranges() -> None:
    assert row_changes([3, 2, 1], [5, 4, 3, 2, 1]) == ([], [(0, 1)])
    assert row_changes([3, 2, 1], [3, 2, 1]) == ([], [])
    assert row_changes([], [2, 1]) == ([], [(0, 1)])
    assert row_changes([2, 1], []) == ([(0, 1)], [])
    assert row_changes([5, 4, 2, 1], [6, 5, 3, 1]) == ([(1, 2)], [(0, 0), (2, 2)])
    assert row_changes(list(range(1000, 0, -1)), list(range(1000, 0, -2))) is None


def test_an_empty_catalogue_is_filled_from_the_folder_of_pictures(gallery: Gallery, qtbot: QtBot) -> None:
    shutil.rmtree(gallery.models.folders.catalogue)
    gallery.model.reload()
    qtbot.waitUntil(lambda: gallery.prompts() == ["three", "two", "one"])


# ----------------------------------------------------------------------------------------------------------- adding
def test_a_new_picture_is_the_first_below_the_live_tile(gallery: Gallery, qtbot: QtBot) -> None:
    read(gallery, qtbot)
    gallery.model.set_live(live())
    said = spans(gallery)
    gallery.model.add(gallery.add("four"))
    assert gallery.prompts() == ["a fox", "four", "three", "two", "one"]
    assert said == [("+", 1, 1)]


def test_an_outdated_listing_does_not_remove_a_new_picture(gallery: Gallery, qtbot: QtBot) -> None:
    read(gallery, qtbot)
    older = gallery.store.catalogue.ids()
    new = gallery.add("four")
    gallery.model.reload()
    gallery.model.add(new)
    assert gallery.store.catalogue.ids() != older
    said = spans(gallery)
    read(gallery, qtbot)
    assert said == []
    assert gallery.prompts()[0] == "four"


def test_a_picture_missing_in_the_catalogue_is_listed_and_added_later(
    gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(gallery, qtbot)

    def refuse(*_: object) -> int:
        raise FULL

    with monkeypatch.context() as full:
        full.setattr(Catalogue, "add", refuse)
        kept = gallery.add("four")
        assert kept.id is None
        gallery.model.add(kept)
        assert gallery.prompts() == ["four", "three", "two", "one"]
        read(gallery, qtbot)
        assert gallery.prompts() == ["four", "three", "two", "one"]
    read(gallery, qtbot)
    assert gallery.prompts() == ["four", "three", "two", "one"]
    assert gallery.model.index(0).data(EntryRole).id is not None


# -------------------------------------------------------------------------------------------------------- live tile
def test_the_live_tile_is_the_first_row_while_a_job_runs(gallery: Gallery, qtbot: QtBot) -> None:
    read(gallery, qtbot)
    said = spans(gallery)
    tile = live(3)
    gallery.model.set_live(tile)
    first = gallery.model.index(0)
    assert first.data(LiveRole) is tile
    assert first.data(EntryRole) is None
    assert first.data(ImageRole) is None
    assert first.data(Qt.ItemDataRole.AccessibleTextRole) == text.live_tile(live(3))
    with qtbot.waitSignal(gallery.model.dataChanged):
        gallery.model.set_live(live(4))
    gallery.model.set_live(None)
    gallery.model.set_live(None)
    assert said == [("+", 0, 0), ("-", 0, 0)]
    assert gallery.model.index(0).data(LiveRole) is None


def test_a_picture_says_how_it_was_made(gallery: Gallery, qtbot: QtBot) -> None:
    read(gallery, qtbot)
    said = gallery.model.index(2).data(Qt.ItemDataRole.AccessibleTextRole)
    assert said == accessible_text(gallery.model.entry_at(2))


def test_a_fork_says_where_it_comes_from(gallery: Gallery, qtbot: QtBot) -> None:
    origin = Origin(run="", step=3, of=4, kind="fork")
    gallery.store.add(pixels(), metadata("a fork", origin=origin))
    read(gallery, qtbot)
    said = gallery.model.index(0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert said == text.tile_name(gallery.model.entry_at(0)) != accessible_text(gallery.model.entry_at(0))


@pytest.mark.parametrize("gallery", [['<img src="/dev/zero">', "a\nb\tc"]], indirect=True)
def test_prompts_are_one_line_of_plain_text(gallery: Gallery, qtbot: QtBot) -> None:
    read(gallery, qtbot)
    assert gallery.prompts() == ["a b c", '<img src="/dev/zero">']


# ----------------------------------------------------------------------------------------------------------- search
def test_only_matches_are_listed_and_everything_without_a_search(gallery: Gallery, qtbot: QtBot) -> None:
    read(gallery, qtbot)
    with qtbot.waitSignal(gallery.model.modelReset):
        gallery.model.search("T")
    assert gallery.prompts() == ["three", "two", "one"], "the model starter has a t"
    with qtbot.waitSignal(gallery.model.modelReset):
        gallery.model.search("tw")
    assert gallery.prompts() == ["two"]
    gallery.model.add(gallery.add("four"))
    assert gallery.prompts() == ["two"]
    gallery.model.add(gallery.add("twelve"))
    assert gallery.prompts() == ["twelve", "two"]
    with qtbot.waitSignal(gallery.model.modelReset):
        gallery.model.search("")
    assert gallery.prompts() == ["twelve", "four", "three", "two", "one"]


def test_the_answer_to_an_older_search_is_dropped(
    gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(gallery, qtbot)
    begun, go_on = threading.Event(), threading.Event()
    real, asked = Catalogue.ids, []

    def ids(self: Catalogue, text: str = "") -> tuple[int, ...]:
        asked.append(text)
        if text == "on":
            begun.set()
            go_on.wait(10)
        return real(self, text)

    monkeypatch.setattr(Catalogue, "ids", ids)
    gallery.model.search("on")
    assert begun.wait(10)
    gallery.model.search("two never looked for")
    gallery.model.search("two")
    go_on.set()
    qtbot.waitUntil(lambda: gallery.prompts() == ["two"])
    assert asked == ["on", "two"]


# ------------------------------------------------------------------------------------------------------------ trash
def throw(gallery: Gallery, qtbot: QtBot, *rows: int) -> None:
    with qtbot.waitSignal(gallery.notices.posted):
        gallery.model.trash([gallery.model.entry_at(row) for row in rows])


def test_a_picture_in_the_trash_comes_back_to_its_place(
    gallery: Gallery, qtbot: QtBot, trash_can: Path
) -> None:
    read(gallery, qtbot)
    before, two = gallery.store.catalogue.entries(), gallery.model.entry_at(1)
    data = two.path.read_bytes()
    throw(gallery, qtbot, 1)
    assert gallery.prompts() == ["three", "one"]
    assert not two.path.exists()
    assert [path.read_bytes() for path in (trash_can / "files").iterdir()] == [data]
    assert len(gallery.store.catalogue.entries()) == 2
    (told,) = gallery.told
    assert (told.sentence, bool(told.action)) == (text.trashed(1), True)
    assert told.act is not None
    with qtbot.waitSignal(gallery.model.rowsInserted):
        told.act()
    assert gallery.prompts() == ["three", "two", "one"]
    assert two.path.read_bytes() == data
    assert gallery.store.catalogue.entries() == before
    assert not [path for path in trash_can.rglob("*") if path.is_file()]
    assert len(gallery.told) == 1


def test_several_pictures_are_deleted_and_restored_together(
    gallery: Gallery, qtbot: QtBot, trash_can: Path
) -> None:
    read(gallery, qtbot)
    gallery.model.set_live(live())
    with qtbot.waitSignal(gallery.notices.posted):
        gallery.model.trash_rows([0, 1, 3])
    assert gallery.told[0].sentence == text.trashed(2)
    assert gallery.prompts() == ["a fox", "two"]
    assert gallery.told[0].act is not None
    gallery.told[0].act()
    qtbot.waitUntil(lambda: gallery.prompts() == ["a fox", "three", "two", "one"])


@pytest.mark.parametrize("gallery", [[str(number) for number in range(90)]], indirect=True)
def test_rows_that_were_not_read_yet_can_be_deleted(gallery: Gallery, qtbot: QtBot, trash_can: Path) -> None:
    with qtbot.waitSignal(gallery.model.state_changed):
        gallery.model.reload()
    with qtbot.waitSignal(gallery.notices.posted):
        gallery.model.trash_rows([0, 85])
    assert gallery.model.rowCount() == 88
    assert len(list((trash_can / "files").iterdir())) == 2


def test_a_picture_whose_file_was_removed_leaves_the_list(gallery: Gallery, qtbot: QtBot) -> None:
    read(gallery, qtbot)
    gallery.model.entry_at(0).path.unlink()
    throw(gallery, qtbot, 0)
    assert gallery.prompts() == ["two", "one"]
    assert gallery.store.catalogue.count() == 2


def test_a_picture_that_cannot_be_moved_to_the_trash_stays_and_is_reported(
    gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(gallery, qtbot)
    monkeypatch.setattr(trash, "QFile", FullTrash)
    throw(gallery, qtbot, 0, 1)
    (told,) = gallery.told
    assert told.kind == "error"
    assert str(gallery.model.entry_at(0).path) in told.sentence
    assert told.details.count("\n") == 1, "one line for each picture"
    assert gallery.prompts() == ["three", "two", "one"]
    assert all(found.path.exists() for found in gallery.store.catalogue.entries())


def test_a_file_is_restored_if_the_catalogue_cannot_remove_its_entry(
    gallery: Gallery, qtbot: QtBot, trash_can: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(gallery, qtbot)

    def refuse(*_: object) -> None:
        raise FULL

    monkeypatch.setattr(Catalogue, "remove", refuse)
    throw(gallery, qtbot, 0)
    assert gallery.told[0].sentence == str(FULL)
    assert gallery.prompts() == ["three", "two", "one"]
    assert gallery.model.entry_at(0).path.exists()


def test_a_picture_whose_place_is_taken_meanwhile_stays_in_the_trash(
    gallery: Gallery, qtbot: QtBot, trash_can: Path
) -> None:
    read(gallery, qtbot)
    path = gallery.model.entry_at(0).path
    throw(gallery, qtbot, 0)
    path.write_bytes(b"another")
    assert gallery.told[0].act is not None
    with qtbot.waitSignal(gallery.notices.posted):
        gallery.told[0].act()
    assert (gallery.told[1].kind, str(path) in gallery.told[1].sentence) == ("error", True)
    assert path.read_bytes() == b"another"
    assert len(list((trash_can / "files").iterdir())) == 1


# ----------------------------------------------------------------------------------------------------------- faults
def test_a_catalogue_that_cannot_be_read_is_reported_once(
    gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    error, refused = StorageError("catalogue", "cannot be used: another program is using it"), []

    def refuse(*_: object) -> None:
        refused.append(error)
        raise error

    with monkeypatch.context() as held:
        held.setattr(Catalogue, "ids", refuse)
        with qtbot.waitSignal(gallery.notices.posted):
            gallery.model.reload()
        gallery.model.reload()
        qtbot.waitUntil(lambda: len(refused) == 2)
    read(gallery, qtbot)  # after the second answer
    assert [told.sentence for told in gallery.told] == [str(error)]
    assert gallery.prompts() == ["three", "two", "one"]


def test_a_catalogue_damaged_meanwhile_is_read_again(gallery: Gallery, qtbot: QtBot) -> None:
    read(gallery, qtbot)
    gallery.store.catalogue.remove([gallery.model.entry_at(0)])  # its file is there still, and is found again
    settle(gallery, qtbot)
    gallery.damage()
    gallery.model.reload()
    qtbot.waitUntil(lambda: bool(gallery.told))
    qtbot.waitUntil(lambda: gallery.model.loaded and gallery.prompts() == ["three", "two", "one"])
    assert [told.kind for told in gallery.told] == ["warn"]
    assert gallery.told[0].sentence == gallery.store.catalogue.set_aside_note


@pytest.mark.parametrize("gallery", [[str(number) for number in range(6)]], indirect=True)
def test_a_catalogue_is_listed_while_it_is_rebuilt_and_whole_afterwards(
    gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(gallery, qtbot)
    settle(gallery, qtbot)
    gallery.damage()
    monkeypatch.setattr("studio.gallery.index._BATCH", 1)
    monkeypatch.setattr("studio.ui.gallery.reading.SMALL_REBUILD_S", 0.0)
    monkeypatch.setattr("studio.ui.gallery.model._REBUILD_MS", 20)
    go_on, read_file, left = threading.Event(), png.read, [2]

    def read_some(path: Path) -> object:
        if not left[0]:
            assert go_on.wait(10)
        left[0] = max(left[0] - 1, 0)
        return read_file(path)

    monkeypatch.setattr(png, "read", read_some)
    gallery.model.reload()
    qtbot.waitUntil(lambda: bool(gallery.told) and gallery.prompts() == ["5", "4"])
    gallery.model.add(gallery.add("new"))
    assert gallery.prompts() == ["new", "5", "4"]
    go_on.set()
    qtbot.waitUntil(lambda: gallery.prompts() == ["new", "5", "4", "3", "2", "1", "0"])
    assert len(gallery.told) == 1


def test_damage_outside_the_rows_in_use_is_found_after_the_list_is_shown(
    gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, damaged = Catalogue.check, []

    def check(catalogue: Catalogue) -> bool:
        if not damaged:
            damaged.append(gallery.model.loaded)
            gallery.damage()
        return real(catalogue)

    monkeypatch.setattr(Catalogue, "check", check)
    gallery.model.reload()
    qtbot.waitUntil(lambda: bool(gallery.told))
    assert damaged == [True]
    qtbot.waitUntil(lambda: gallery.prompts() == ["three", "two", "one"])
    assert gallery.told[0].sentence == gallery.store.catalogue.set_aside_note


def test_a_picture_removed_by_another_program_leaves_no_gap(
    gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.ui.gallery.reading.FIRST_ENTRIES", 1)
    with qtbot.waitSignal(gallery.model.state_changed):
        gallery.model.reload()
    gallery.store.catalogue.remove([gallery.store.catalogue.entries()[1]])
    assert gallery.model.entry_at(1) is None, "it was not read yet"
    qtbot.waitUntil(lambda: gallery.prompts() == ["three", "one"])


def test_nothing_is_read_after_closing(gallery: Gallery, qtbot: QtBot) -> None:
    gallery.model.reload()
    gallery.model.close()
    said = spans(gallery)
    gallery.model.reload()
    gallery.model.search("x")
    qtbot.waitUntil(lambda: True)
    assert said == []
