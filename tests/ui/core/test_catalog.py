from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from studio.folders import Folders
from studio.ui.core.catalog import Catalog
from tests.ui.cards import LARGE, STARTER, broken, installed, make_catalog, show_models

if TYPE_CHECKING:
    import pytest
    from pytestqt.qtbot import QtBot


def test_the_shipped_starter_is_there() -> None:
    catalog = Catalog(Folders.find())
    first = catalog.first()
    assert first is not None
    assert first.name == "starter"
    assert catalog.card("starter") == first
    assert catalog.card("none") is None


def test_the_starter_comes_first_and_else_the_first_that_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_catalog(monkeypatch, broken("a"), LARGE, STARTER).first() == STARTER
    assert make_catalog(monkeypatch, broken("starter"), LARGE).first() == LARGE
    assert make_catalog(monkeypatch, broken("starter")).first() is None


def test_a_broken_model_has_no_card_and_a_whole_one_of_its_name_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_catalog(monkeypatch, broken("large")).card("large") is None
    catalog = make_catalog(monkeypatch, broken("large"), LARGE)
    assert catalog.card("large") == LARGE
    found = catalog.find("large")
    assert found is not None
    assert found.error is None


def test_looking_again_tells_only_of_changes(monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> None:
    catalog = make_catalog(monkeypatch, STARTER)
    told: list[int] = []
    catalog.changed.connect(lambda: told.append(len(catalog.models)))
    catalog.reload()
    show_models(monkeypatch, installed(STARTER), installed(LARGE))
    catalog.reload()
    qtbot.waitUntil(lambda: told == [2])
    catalog.close()


def test_models_are_listed_again_in_another_thread_and_a_fault_is_said(
    monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    catalog = make_catalog(monkeypatch, STARTER)
    threads: list[int] = []

    def fail(_: Folders) -> None:
        threads.append(threading.get_ident())
        raise MemoryError

    monkeypatch.setattr("studio.ui.core.catalog.list_models", fail)
    with qtbot.waitSignal(catalog.failed) as failed:
        catalog.reload()
    assert "MemoryError" in failed.args[0]
    assert threads != [threading.get_ident()]
    assert catalog.first() == STARTER
    catalog.close()
