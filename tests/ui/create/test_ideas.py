from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.checkpoints.catalog import InstalledModel
from studio.checkpoints.words import Words, save_words
from studio.ui.create import ideas as ideas_module
from studio.ui.create.ideas import IdeasModel
from tests.ui.cards import LARGE, STARTER, WORDLESS, show_models

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.checkpoints.card import ModelCard
    from studio.ui.core.catalog import Catalog
    from studio.ui.create.form_model import FormModel
    from studio.ui.shell.models import Models
    from tests.ui.program import MakeModels


def at(card: ModelCard, home: Path) -> InstalledModel:
    folder = home / card.name
    folder.mkdir(exist_ok=True)
    return InstalledModel(name=card.name, folder=folder, shipped=True, card=card)


@pytest.fixture
def models(make_models: MakeModels, tmp_path: Path) -> Models:
    found = [at(card, tmp_path) for card in (STARTER, LARGE, WORDLESS)]
    for model in found[::2]:
        save_words(model.folder, ["fox", "birthday cake"], ["two foxes"])
    return make_models(*found)


@pytest.fixture
def catalog(models: Models) -> Catalog:
    return models.catalog


@pytest.fixture
def form(models: Models) -> FormModel:
    return models.form


@pytest.fixture
def ideas(form: FormModel, catalog: Catalog) -> IdeasModel:
    return IdeasModel(form, catalog)


def test_the_words_are_those_of_the_chosen_model(ideas: IdeasModel, form: FormModel, qtbot: QtBot) -> None:
    assert ideas.available
    assert ideas.words == Words(names=("fox", "birthday cake"), examples=("two foxes",))
    assert ideas.search("cake") == ("birthday cake",)
    with qtbot.waitSignal(ideas.changed):
        form.edit(model="large")
    assert not ideas.available
    assert ideas.words == Words()
    assert ideas.offer("fo", "") is None
    assert ideas.search("") == ()


def test_a_model_that_takes_no_text_has_no_ideas(ideas: IdeasModel, form: FormModel) -> None:
    form.edit(model="wordless")
    assert not ideas.available


def test_nothing_is_read_before_it_is_wanted_and_then_once(
    ideas: IdeasModel, form: FormModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path] = []
    read = ideas_module.read_words
    monkeypatch.setattr(ideas_module, "read_words", lambda folder: reads.append(folder) or read(folder))
    form.edit(prompt="a f")
    assert reads == []
    assert [ideas.offer("fo", ""), ideas.offer("bi", "")] != [None, None]
    assert len(reads) == 1


def test_a_hostile_file_is_told_and_offers_nothing(ideas: IdeasModel, catalog: Catalog) -> None:
    model = catalog.find("starter")
    assert model is not None
    (model.folder / "words.json").write_bytes(b'{"format": 1, "names": [1]}')
    assert ideas.offer("fo", "") is None
    assert ideas.words == Words()
    assert "words.json" in ideas.fault


def test_other_words_are_found_when_the_models_are_looked_for_again(
    ideas: IdeasModel,
    form: FormModel,
    catalog: Catalog,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    qtbot: QtBot,
) -> None:
    form.edit(model="large")
    save_words(tmp_path / "large", ["yak"], [])
    show_models(monkeypatch, at(STARTER, tmp_path), at(LARGE, tmp_path))
    with qtbot.waitSignal(catalog.changed):
        catalog.reload()
    assert ideas.available
    assert ideas.words.names == ("yak",)
