"""What is thrown away takes its recorded run along, and both come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.errors import StorageError
from studio.gallery.metadata import Origin
from studio.ui.gallery import text
from studio.ui.gallery.trash import move_to_trash, restore
from tests.gallery.samples import metadata, pixels
from tests.ui.fakes import Forming
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.gallery.index import Entry


@pytest.fixture
def studio(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    made = Studio(qtbot, tmp_path, Forming(pixels=True))
    made.session.start()
    yield made
    made.close()


def made(studio: Studio, prompt: str = "a fox", **fields: object) -> Entry:
    studio.generate(prompt, **fields)
    studio.wait_idle()
    return studio.wall.entries[-1]


def test_a_run_goes_to_the_trash_with_its_picture_and_comes_back_with_it(studio: Studio) -> None:
    fox, owl = made(studio), made(studio, "an owl")
    other, run = studio.runs.runs()
    studio.runs.pin(run)
    outcome = move_to_trash(studio.store.catalogue, [fox], studio.runs)
    assert [item.run for item in outcome.trashed] == [run]
    assert studio.runs.runs() == (other,)
    back = restore(studio.store.catalogue, outcome.trashed, studio.runs)
    assert (back.faults, [entry.path for entry in back.restored]) == ((), [fox.path])
    assert studio.runs.runs() == (other, run)
    assert studio.runs.is_pinned(run)
    assert len(studio.runs.open(run).steps) == 4
    assert studio.runs.of_picture(owl.metadata.final_sha256) == other


def test_a_run_stays_if_another_picture_belongs_to_it_or_the_picture_is_only_a_step(
    studio: Studio,
) -> None:
    fox = made(studio)
    (run,) = studio.runs.runs()
    again = studio.store.add(pixels(3), fox.metadata)
    step = metadata(final_sha256=fox.metadata.final_sha256, origin=Origin(run=run, step=4, of=4, kind="step"))
    kept = studio.store.add(pixels(4), step)
    for entry in (kept, again):
        outcome = move_to_trash(studio.store.catalogue, [entry], studio.runs)
        assert [item.run for item in outcome.trashed] == [None]
        assert studio.runs.runs() == (run,)
    assert move_to_trash(studio.store.catalogue, [fox], studio.runs).trashed[0].run == run


def test_a_run_deleted_meanwhile_is_reported_and_the_picture_is_restored(studio: Studio) -> None:
    fox = made(studio)
    made(studio, "an owl")
    outcome = move_to_trash(studio.store.catalogue, [fox], studio.runs)
    studio.runs.budget_bytes = 1
    studio.runs.trim()
    back = restore(studio.store.catalogue, outcome.trashed, studio.runs)
    assert back.faults == (text.restored_without_run(fox.path),)
    assert fox.path.exists()


def test_a_run_that_cannot_be_moved_stays_and_is_reported(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(run: str) -> None:
        raise StorageError(studio.runs.path(run), "cannot be written: the disk is full")

    fox = made(studio)
    monkeypatch.setattr(studio.runs, "remove", refuse)
    outcome = move_to_trash(studio.store.catalogue, [fox], studio.runs)
    assert outcome.trashed[0].run is None
    (said,) = outcome.faults
    assert fox.path.name in said
    assert len(studio.runs.runs()) == 1


def test_the_gallery_moves_the_run_too_and_undo_restores_both(studio: Studio) -> None:
    fox = made(studio)
    (run,) = studio.runs.runs()
    model = studio.models.gallery
    model.reload()
    studio.wait(lambda: model.loaded)
    model.trash([fox])
    studio.wait(lambda: studio.told and studio.told[-1].action)
    assert studio.runs.runs() == ()
    undo = studio.told[-1].act
    assert undo is not None
    undo()
    studio.wait(lambda: model.pictures == 1)
    assert studio.runs.runs() == (run,)
