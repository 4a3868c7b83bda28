from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from studio.checkpoints.catalog import InstalledModel
from studio.checkpoints.words import Words, save_words
from studio.ui.create import ideas as ideas_module
from studio.ui.create.ideas import MOST, Completion, IdeasModel
from tests.ui.cards import LARGE, STARTER, WORDLESS, show_models

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.checkpoints.card import ModelCard
    from studio.ui.core.catalog import Catalog
    from studio.ui.create.form_model import FormModel
    from studio.ui.create.ideas import Offer
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
def ideas(form: FormModel, catalog: Catalog, qtbot: QtBot) -> IdeasModel:
    ideas = IdeasModel(form, catalog)
    qtbot.waitUntil(lambda: ideas.available)
    return ideas


def test_the_words_are_those_of_the_chosen_model(ideas: IdeasModel, form: FormModel, qtbot: QtBot) -> None:
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


def test_the_words_are_read_once_and_not_in_the_thread_of_the_window(
    form: FormModel, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    threads: list[int] = []
    read = ideas_module.read_words

    def noted(folder: Path) -> Words:
        threads.append(threading.get_ident())
        return read(folder)

    monkeypatch.setattr(ideas_module, "read_words", noted)
    ideas = IdeasModel(form, catalog)
    assert ideas.offer("fo", "") is None
    qtbot.waitUntil(lambda: ideas.available)
    form.edit(prompt="a f")
    assert [ideas.offer("fo", ""), ideas.offer("bi", "")] != [None, None]
    assert len(threads) == 1
    assert threads != [threading.get_ident()]


def test_words_of_a_model_that_is_no_longer_chosen_are_dropped(
    form: FormModel, catalog: Catalog, qtbot: QtBot
) -> None:
    ideas = IdeasModel(form, catalog)
    form.edit(model="large")
    qtbot.wait(50)
    assert not ideas.available


def test_a_malformed_file_is_reported_and_offers_nothing(
    form: FormModel, catalog: Catalog, qtbot: QtBot
) -> None:
    model = catalog.find("starter")
    assert model is not None
    (model.folder / "words.json").write_bytes(b'{"format": 1, "names": [1]}')
    ideas = IdeasModel(form, catalog)
    qtbot.waitUntil(lambda: ideas.available)
    assert "words.json" in ideas.fault
    assert ideas.offer("fo", "") is None
    assert ideas.words == Words()


def test_words_are_read_again_when_the_models_are_reloaded(
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
    qtbot.waitUntil(lambda: ideas.available)
    assert ideas.words.names == ("yak",)


NAMES = (
    *(
        "fox",
        "fox face",
        "birthday cake",
        "cat",
        "cactus",
        "apple",
        "red apple",
        "onion",
        "tent",
        "hot dog",
        "dog",
    ),
    *(
        "dog face",
        "Christmas tree",
        "여우",
        "여우 얼굴",
        "빨간 사과",
        "donut",
        "door",
        "dove",
        "dodo",
        "dolls",
        "don",
    ),
)
WORDS = Words(names=NAMES, examples=("a fox on a teal background", "two red dogs"))


def offered(before: str, after: str = "") -> Offer | None:
    return Completion(WORDS).offer(before, after)


def names(before: str, after: str = "") -> tuple[str, ...]:
    offer = offered(before, after)
    return offer.names if offer is not None else ()


@pytest.mark.parametrize(
    ("before", "typed", "first"),
    [
        ("bi", "bi", "birthday cake"),
        ("a birthday c", "birthday c", "birthday cake"),
        ("two cats, a CA", "CA", "cat"),
        ("a fox (chri", "chri", "Christmas tree"),
        ("a cat\nhot d", "hot d", "hot dog"),
        ("작은 여", "여", "여우"),
        ("appl", "appl", "apple"),
        ("🦊 ten", "ten", "tent"),
        ("\u1112\u1161 \u110b\u1167", "\u110b\u1167", "여우"),  # letters of Hangul, each by itself
    ],
)
def test_the_last_words_are_completed(before: str, typed: str, first: str) -> None:
    offer = offered(before)
    assert offer is not None
    assert (offer.typed, offer.names[0], offer.eager) == (typed, first, True)


def test_names_that_begin_with_the_words_come_before_names_that_contain_them() -> None:
    assert names("app") == ("apple", "red apple")


@pytest.mark.parametrize("before", ["", " ", "a ", "a", "c", "fox,", "xyz", "fo\n", "ogs", "<b>fo</b>"])
def test_nothing_is_offered_if_nothing_matches_or_the_cursor_is_not_after_a_word(before: str) -> None:
    assert offered(before) is None


def test_nothing_is_offered_within_a_word() -> None:
    assert offered("ca", "t") is None
    assert names("ca", " on a mat")[0] == "cat"


def test_a_complete_name_selects_nothing_but_longer_names_are_shown() -> None:
    offer = offered("a dog")
    assert offer is not None
    assert offer.names == ("dog face", "hot dog")
    assert not offer.eager


def test_common_words_of_prompts_are_not_completed_to_names() -> None:
    assert offered("a fox on") is None  # no onion
    assert names("two red") == ("red apple",)


def test_the_number_of_offered_names_is_limited() -> None:
    assert len(names("do")) == MOST


def test_a_search_finds_beginnings_first_then_words_then_any_part() -> None:
    completion = Completion(WORDS)
    assert completion.search(" dog ") == ("dog", "dog face", "hot dog")
    assert completion.search("og") == ("hot dog", "dog", "dog face")
    assert completion.search("APPLE") == ("apple", "red apple")
    assert completion.search("사과") == ("빨간 사과",)
    assert completion.search("") == NAMES
    assert completion.search("[.*") == ()


def test_a_model_without_names_offers_nothing() -> None:
    assert Completion(Words()).offer("fox", "") is None
    assert Completion(Words()).search("fox") == ()
