from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from studio.checkpoints.catalog import InstalledModel, Library
from studio.checkpoints.family_models import with_known_hash
from studio.checkpoints.library.scan import Scan
from studio.folders import Folders
from studio.ui.core.catalog import Catalog
from studio.weights.hashing import HashCache
from tests.ui.cards import LARGE, SDXL, STARTER, broken, installed, listed, make_catalog, show_models

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot


def test_the_shipped_starter_is_there(qapp: QApplication) -> None:
    catalog = listed(Catalog(Folders.find()))
    first = catalog.first()
    assert first is not None
    assert first.name == "starter"
    assert catalog.card("starter") == first
    assert catalog.card("none") is None


def test_the_default_is_the_starter_or_else_the_first_usable_model(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_catalog(monkeypatch, broken("a"), LARGE, STARTER).first() == STARTER
    assert make_catalog(monkeypatch, broken("starter"), LARGE).first() == LARGE
    assert make_catalog(monkeypatch, broken("starter")).first() is None


def test_a_broken_model_has_no_card_and_a_usable_one_of_its_name_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert make_catalog(monkeypatch, broken("large")).card("large") is None
    catalog = make_catalog(monkeypatch, broken("large"), LARGE)
    assert catalog.card("large") == LARGE
    found = catalog.find("large")
    assert found is not None
    assert found.error is None


def test_reloading_only_emits_changed_if_the_list_changed(
    monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    catalog = make_catalog(monkeypatch, STARTER)
    told: list[int] = []
    catalog.changed.connect(lambda: told.append(len(catalog.models)))
    catalog.reload()
    show_models(monkeypatch, installed(STARTER), installed(LARGE))
    catalog.reload()
    qtbot.waitUntil(lambda: told == [2])
    catalog.close()


def test_models_are_reloaded_in_another_thread_and_an_error_is_reported(
    monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    catalog = make_catalog(monkeypatch, STARTER)
    threads: list[int] = []

    def fail(_: Folders, **__: object) -> None:
        threads.append(threading.get_ident())
        raise MemoryError

    monkeypatch.setattr("studio.ui.core.catalog.list_library", fail)
    with qtbot.waitSignal(catalog.failed) as failed:
        catalog.reload()
    assert "MemoryError" in failed.args[0]
    assert threads != [threading.get_ident()]
    assert catalog.first() == STARTER
    catalog.close()


def test_models_are_listed_in_another_thread_from_the_start(
    monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    threads: list[int] = []

    def listing(_: Folders, **__: object) -> Library:
        threads.append(threading.get_ident())
        return Library((), Scan(files=()))

    monkeypatch.setattr("studio.ui.core.catalog.list_library", listing)
    catalog = Catalog(Folders.find())
    assert not catalog.listed
    with qtbot.waitSignal(catalog.changed):  # also if there are none
        pass
    assert catalog.listed
    assert len(threads) == 1
    assert threads != [threading.get_ident()]


def test_a_list_that_cannot_be_read_at_the_start_is_empty(
    monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    def fail(_: Folders, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("studio.ui.core.catalog.list_library", fail)
    catalog = Catalog(Folders.find())
    with qtbot.waitSignals([catalog.changed, catalog.failed]):
        pass
    assert catalog.listed
    assert catalog.models == ()


def test_hashes_are_computed_once_the_models_are_listed_but_not_while_the_engine_works(
    monkeypatch: pytest.MonkeyPatch, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "ink.safetensors"
    path.write_bytes(b"weights")
    card = replace(SDXL, name="ink", files=(("unet", path),), weights_sha256="")
    folders = Folders.under(tmp_path)

    def listing(_: Folders, **__: object) -> Library:
        known = with_known_hash(card, HashCache.of(folders.cache))
        model = InstalledModel(name="ink", folder=tmp_path, shipped=False, card=known, file=path)
        return Library((model,), Scan(files=()))

    monkeypatch.setattr("studio.ui.core.catalog.list_library", listing)
    busy = threading.Event()
    busy.set()
    catalog = Catalog(folders, busy)
    with qtbot.waitSignal(catalog.changed):
        pass
    qtbot.wait(50)
    assert HashCache.of(folders.cache).known(path) is None
    with qtbot.waitSignal(catalog.changed):
        busy.clear()
    found = catalog.card("ink")
    assert found is not None
    assert found.weights_sha256 == hashlib.sha256(b"weights").hexdigest()
    catalog.close()


def test_hashing_ends_with_the_program(monkeypatch: pytest.MonkeyPatch, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "ink.safetensors"
    path.write_bytes(b"weights")
    card = replace(SDXL, name="ink", files=(("unet", path), ("vae", tmp_path / "gone")), weights_sha256="")
    model = InstalledModel(name="ink", folder=tmp_path, shipped=False, card=card, file=path)
    monkeypatch.setattr(
        "studio.ui.core.catalog.list_library", lambda _, **__: Library((model,), Scan(files=()))
    )
    busy = threading.Event()
    catalog = Catalog(Folders.under(tmp_path), busy)
    with qtbot.waitSignal(catalog.changed):
        pass
    qtbot.wait(50)  # a file that cannot be read is not tried again and again
    busy.set()
    catalog.reload()
    begun = time.monotonic()
    catalog.close()
    assert time.monotonic() - begun < 5


def test_a_scan_ends_with_the_program(monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> None:
    begun = threading.Event()

    def listing(_: Folders, *, cancelled: Callable[[], bool]) -> Library:
        begun.set()
        while not cancelled():
            time.sleep(0.01)
        return Library((), Scan(files=()))

    monkeypatch.setattr("studio.ui.core.catalog.list_library", listing)
    catalog = Catalog(Folders.find())
    assert begun.wait(10)
    before = time.monotonic()
    catalog.close()
    assert time.monotonic() - before < 5
