"""The page of models: cards, details, and what an artist decides about one model or many."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QLabel

from studio.checkpoints.catalog import Library
from studio.checkpoints.choices import ModelChoices, path_key, read_choices
from studio.checkpoints.library.scan import ModelFile, Scan
from studio.engine.requests.compare import CompareRequest
from studio.families.recognition import traits
from studio.families.recognition.kinds import Component, Fact, Family, Kind, Source
from studio.families.recognition.lora import LoraFile
from studio.families.recognition.recognise import Recognised
from studio.ui.core import catalog as catalog_module
from studio.ui.models_page import text
from studio.ui.models_page.shelf import find_pictures
from studio.ui.models_page.view import WIDTH
from tests.ui.cards import LARGE, SD1, SDXL, STARTER, WORDLESS, broken, installed, show_models

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from studio.checkpoints.catalog import InstalledModel
    from studio.ui.core.catalog import Catalog
    from studio.ui.models_page.view import ModelsView
    from tests.ui.program import MakePage, OpenPage


@pytest.fixture
def opened(make_page: MakePage) -> OpenPage:
    cards = installed(STARTER, shipped=True), installed(LARGE), broken("torn", "It is <b>torn</b>.")
    return make_page("models", *cards, size=(1044, 672))


@pytest.fixture
def view(opened: OpenPage) -> ModelsView:
    return opened.widget


@pytest.fixture
def catalog(opened: OpenPage) -> Catalog:
    return opened.models.catalog


def texts(view: ModelsView) -> list[str]:
    return [label.text() for label in view.findChildren(QLabel) if label.isVisible()]


def names(view: ModelsView) -> list[str]:
    return [model.name for model in view.shelf.models]


def select(view: ModelsView, qtbot: QtBot, *chosen: str) -> None:
    """Select models, and wait until their details are shown."""
    view.cards.select(set(chosen))
    title = chosen[0] if len(chosen) == 1 else text.chosen(len(chosen))
    shown = next((model.title for model in view.shelf.models if model.name == title), title)
    qtbot.waitUntil(lambda: view.details.title.text() == shown)


def test_every_model_is_listed(view: ModelsView, opened: OpenPage, qtbot: QtBot) -> None:
    assert set(names(view)) == {model.name for model in opened.models.catalog.models}
    for row, model in enumerate(view.shelf.models):
        spoken = view.shelf.index(row, 0).data(Qt.ItemDataRole.AccessibleTextRole)
        assert model.title in spoken
        assert text.summary(model) in spoken
        select(view, qtbot, model.name)
        shown = texts(view)
        assert text.origin(model) in shown
        for _, value in text.facts(model, view.shelf.plan(model)):
            qtbot.waitUntil(lambda value=value: value in texts(view))
        assert (model.error in shown) == (model.card is None)
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in view.findChildren(QLabel))


def test_a_usable_model_can_be_used_and_a_broken_one_cannot(
    view: ModelsView, opened: OpenPage, qtbot: QtBot
) -> None:
    use = view.details.use
    select(view, qtbot, "torn")
    assert not use.isVisible()
    select(view, qtbot, "large")
    assert LARGE.title in use.accessibleName()
    with qtbot.waitSignal(opened.models.intents.use_model) as asked:
        qtbot.mouseClick(use, Qt.MouseButton.LeftButton)
    assert asked.args == ["large"]
    opened.models.form.edit(model="large")
    qtbot.waitUntil(lambda: not use.isEnabled())
    select(view, qtbot, "starter")
    assert use.isEnabled()
    with qtbot.waitSignal(opened.models.intents.use_model) as asked:
        qtbot.keyClick(view.cards, Qt.Key.Key_Return)
    assert asked.args == ["starter"]
    select(view, qtbot, "torn")
    with qtbot.assertNotEmitted(opened.models.intents.use_model):
        qtbot.keyClick(view.cards, Qt.Key.Key_Return)


def test_reload_lists_the_models_again(
    view: ModelsView, opened: OpenPage, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    opened.models.form.edit(model="wordless")
    show_models(monkeypatch, installed(STARTER, shipped=True), installed(WORDLESS))
    qtbot.mouseClick(view.reload, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: set(names(view)) == {"starter", "wordless"})
    select(view, qtbot, "wordless")
    assert not view.details.use.isEnabled(), "it is in use"
    assert "torn" not in texts(view)


def test_without_own_models_it_says_how_to_add_one(
    view: ModelsView, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    assert text.no_own_models() not in texts(view)
    show_models(monkeypatch, installed(STARTER, shipped=True))
    with qtbot.waitSignal(catalog.changed):
        catalog.reload()
    assert text.no_own_models() in texts(view)


def test_the_models_folder_is_opened_or_the_reason_is_shown(
    view: ModelsView, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    opened: list[str] = []

    def open_url(url: QUrl) -> bool:
        opened.append(url.toLocalFile())
        return len(opened) > 1

    monkeypatch.setattr(QDesktopServices, "openUrl", open_url)
    qtbot.mouseClick(view.open, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(view.fault.isVisible)
    assert str(catalog.folders.models) in view.fault.text()
    qtbot.mouseClick(view.open, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not view.fault.isVisible())
    assert catalog.folders.models.is_dir()


@pytest.mark.layout
@pytest.mark.parametrize("width", [500, 1044, 2400])
def test_nothing_is_clipped_at_any_width(width: int, view: ModelsView) -> None:
    view.resize(width, 672)
    QApplication.processEvents()
    assert view.area.horizontalScrollBar().maximum() == 0
    assert view.cards.horizontalScrollBar().maximum() == 0
    left = view.cards.mapTo(view, view.cards.rect().topLeft()).x()
    right = max(
        one.mapTo(view, one.rect().topRight()).x()
        for one in (view.area, view.cards, view.open)
        if one.isVisible()
    )
    assert left >= 0
    assert right < width
    assert right - left <= WIDTH
    assert abs(left - (width - 1 - right)) <= 2, "in the middle"


# ------------------------------------------------------------------------------------------------- choices of artists
ASSUMED = dataclasses.replace(SD1, recognised_as=("eps", False), assumed=("prediction",))


def own(card: object, **choices: object) -> InstalledModel:
    """Return a model that is a file in a folder of the user's."""
    model = installed(card)
    return dataclasses.replace(
        model,
        folder=Path("/models"),
        file=Path("/models") / f"{model.name}.safetensors",
        signature=f"1-2-{model.name}",
        choices=ModelChoices(**choices),
    )


@pytest.fixture
def many(make_page: MakePage) -> OpenPage:
    return make_page("models", own(SDXL), own(ASSUMED), own(LARGE, favourite=True), size=(1200, 900))


def stored(opened: OpenPage, qtbot: QtBot, model: InstalledModel, expected: ModelChoices) -> None:
    """Wait until a model has these choices."""
    folders = opened.models.folders
    qtbot.waitUntil(lambda: read_choices(folders).of(model.choice_key) == expected)


def test_favourites_come_first_and_a_search_finds_names_and_families(many: OpenPage, qtbot: QtBot) -> None:
    view = many.widget
    assert names(view) == ["large", "dreamshaper", "juggernaut"]
    for words, found in (("jugger", ["juggernaut"]), ("diffusion xl", ["juggernaut"]), ("nothing", [])):
        view.search.setText(words)
        qtbot.keyClick(view.search, Qt.Key.Key_Return)
        assert names(view) == found
    assert text.nothing_matches() in texts(view)
    qtbot.waitUntil(lambda: not view.area.isVisible())


def test_choices_are_made_for_all_selected_models_at_once(many: OpenPage, qtbot: QtBot) -> None:
    view = many.widget
    select(view, qtbot, "juggernaut", "dreamshaper")
    details = view.details
    assert details.prediction.value == text.AS_RECOGNISED
    details.prediction.edited.emit("v-zsnr")
    expected = ModelChoices(prediction="v", zero_terminal_snr=True)
    for card in (SDXL, ASSUMED):
        stored(many, qtbot, own(card), expected)
    assert not details.use.isVisible()


def test_models_that_differ_show_no_choice(
    many: OpenPage, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    show_models(monkeypatch, own(SDXL, prediction="v"), own(ASSUMED))
    with qtbot.waitSignal(many.models.catalog.changed):
        many.models.catalog.reload()
    view = many.widget
    select(view, qtbot, "juggernaut", "dreamshaper")
    assert view.details.prediction.value == text.VARIES
    select(view, qtbot, "juggernaut")
    assert view.details.prediction.value == "v"


def test_both_predictions_are_tried_with_one_prompt_and_one_is_kept(many: OpenPage, qtbot: QtBot) -> None:
    view, details = many.widget, many.widget.details
    select(view, qtbot, "juggernaut")
    assert not details.try_both.isVisible()
    select(view, qtbot, "dreamshaper")
    many.models.form.edit(prompt="a fox")
    with qtbot.waitSignal(many.models.intents.compare) as asked:
        qtbot.mouseClick(details.try_both, Qt.MouseButton.LeftButton)
    (request,) = asked.args
    assert isinstance(request, CompareRequest)
    assert [one.model for one in request.requests] == ["dreamshaper@eps", "dreamshaper@v"]
    assert len({(one.prompt, one.seed, one.steps, one.width) for one in request.requests}) == 1
    assert request.requests[0].prompt == "a fox"
    assert request.validate() is request
    qtbot.mouseClick(details.keep["v"], Qt.MouseButton.LeftButton)
    stored(many, qtbot, own(ASSUMED), ModelChoices(prediction="v", zero_terminal_snr=False))


def test_only_the_models_in_question_are_decided_when_many_are_selected(many: OpenPage, qtbot: QtBot) -> None:
    select(many.widget, qtbot, "juggernaut", "dreamshaper")
    qtbot.mouseClick(many.widget.details.keep["eps"], Qt.MouseButton.LeftButton)
    stored(many, qtbot, own(ASSUMED), ModelChoices(prediction="eps", zero_terminal_snr=False))
    assert read_choices(many.models.folders).of(own(SDXL).choice_key) == ModelChoices()


def test_a_model_is_renamed_and_made_a_favourite(many: OpenPage, qtbot: QtBot) -> None:
    view, details = many.widget, many.widget.details
    select(view, qtbot, "juggernaut")
    qtbot.keyClick(view.cards, Qt.Key.Key_F2)
    details.name.setText("  Jug  X ")
    qtbot.keyClick(details.name, Qt.Key.Key_Return)
    stored(many, qtbot, own(SDXL), ModelChoices(title="Jug X"))
    select(view, qtbot, "dreamshaper")
    qtbot.mouseClick(details.favourite, Qt.MouseButton.LeftButton)
    stored(many, qtbot, own(ASSUMED), ModelChoices(favourite=True))


def test_models_are_removed_from_the_list_and_the_notice_undoes_it(
    many: OpenPage, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    view = many.widget
    select(view, qtbot, "juggernaut", "dreamshaper")
    with qtbot.waitSignal(many.models.notices.posted) as posted:
        qtbot.keyClick(view.cards, Qt.Key.Key_Delete)
    for card in (SDXL, ASSUMED):
        stored(many, qtbot, own(card), ModelChoices(hidden=True))
    show_models(monkeypatch, own(SDXL, hidden=True), own(ASSUMED, hidden=True), own(LARGE))
    with qtbot.waitSignal(many.models.catalog.changed):
        many.models.catalog.reload()
    assert names(view) == ["large"]
    assert view.restore.text() == text.restore(2)
    assert many.models.catalog.find("juggernaut") is not None, "runs that name it can be opened"
    (notice,) = posted.args
    notice.act()
    stored(many, qtbot, own(SDXL), ModelChoices())
    qtbot.mouseClick(view.restore, Qt.MouseButton.LeftButton)


def part(name: str, kind: Kind, **known: object) -> ModelFile:
    found = Recognised(kind=kind, storage=traits.Storage("F16"), **known)
    return ModelFile(path=Path("/models") / name, size=2**20, signature="1", recognised=found)


OTHERS = (
    part("vae-ft-mse.safetensors", Kind.VAE, contains=(Component.VAE_4,)),
    part("ae.safetensors", Kind.VAE, contains=(Component.VAE_16,)),
    part("taesd.safetensors", Kind.TINY_VAE, contains=(Component.VAE_4,), variant="decoder only"),
    part(
        "ink.safetensors",
        Kind.LORA,
        family=Fact(Family.SD1, Source.METADATA),
        lora=LoraFile("LoCon", ("network",), 16),
        description=traits.Description(trigger_words=("ink style",)),
    ),
    part("sd.safetensors", Kind.CHECKPOINT, family=Fact(Family.SD1, Source.TENSORS)),
)


def test_vaes_that_fit_can_be_chosen_and_other_files_are_listed_with_their_trigger_words(
    many: OpenPage, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    library = Library((own(SDXL), own(ASSUMED)), Scan(files=OTHERS, added=5))
    monkeypatch.setattr(catalog_module, "list_library", lambda _, **__: library)
    with qtbot.waitSignal(many.models.catalog.changed):
        many.models.catalog.reload()
    view, details = many.widget, many.widget.details
    assert text.report(library.found) in texts(view)
    assert view.others.model().rowCount() == 4
    spoken = [view.others.model().index(row, 0).data(Qt.ItemDataRole.AccessibleTextRole) for row in range(4)]
    assert any("ink style" in one and "LoCon" in one for one in spoken)
    select(view, qtbot, "dreamshaper")
    keys = [
        details.vae.box.itemData(place, Qt.ItemDataRole.UserRole) for place in range(details.vae.box.count())
    ]
    assert keys == [text.AS_RECOGNISED, path_key(OTHERS[0].path)]
    details.vae.edited.emit(keys[1])
    stored(many, qtbot, own(ASSUMED), ModelChoices(vae=keys[1]))
    details.tiny_vae.edited.emit(path_key(OTHERS[2].path))
    details.final_level.edited.emit("first")
    stored(many, qtbot, own(ASSUMED), ModelChoices(final_level="first"))


def test_a_model_has_the_picture_beside_its_file(many: OpenPage, tmp_path: Path) -> None:
    model = dataclasses.replace(own(SDXL), folder=tmp_path, file=tmp_path / "jug.safetensors")
    assert find_pictures([model], many.models.store) == {}
    (tmp_path / "jug.png").touch()
    assert find_pictures([model], many.models.store) == {model.path: tmp_path / "jug.png"}
    (tmp_path / "jug.preview.png").touch()
    assert find_pictures([model], many.models.store) == {model.path: tmp_path / "jug.preview.png"}


def test_only_visible_cards_of_thousands_are_painted(
    many: OpenPage, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    view, painted = many.widget, set()
    summary = text.summary

    def count(model: InstalledModel) -> str:
        painted.add(model.name)
        return summary(model)

    monkeypatch.setattr(text, "summary", count)
    show_models(monkeypatch, *(own(dataclasses.replace(SDXL, name=f"m{place}")) for place in range(2000)))
    with qtbot.waitSignal(many.models.catalog.changed):
        many.models.catalog.reload()
    view.cards.grab()
    assert len(view.shelf.models) == 2000
    assert 0 < len(painted) < 40
