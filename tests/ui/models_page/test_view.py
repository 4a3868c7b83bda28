from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QLabel

from studio.ui.jobs.text import model_facts
from studio.ui.models_page import text
from studio.ui.models_page.view import WIDTH
from tests.ui.cards import LARGE, STARTER, WORDLESS, broken, installed, show_models

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

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


def test_every_model_is_listed(view: ModelsView, opened: OpenPage) -> None:
    shown = texts(view)
    for model in opened.models.catalog.models:
        assert text.origin(model) in shown
        for value in (
            (fact[1] for fact in model_facts(model.card)) if model.card else (model.name, model.error)
        ):
            assert value in shown
    assert {card.title for card in (STARTER, LARGE)} <= set(shown)
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in view.findChildren(QLabel))


def test_a_usable_model_can_be_used_and_a_broken_one_cannot(
    view: ModelsView, opened: OpenPage, qtbot: QtBot
) -> None:
    starter, large, torn = view.cards
    assert not torn.use.isVisible()
    with qtbot.waitSignal(opened.models.intents.use_model) as asked:
        qtbot.mouseClick(large.use, Qt.MouseButton.LeftButton)
    assert asked.args == ["large"]
    opened.models.form.edit(model="large")
    assert (starter.use.isVisible(), large.use.isVisible()) == (True, False)
    assert [card.in_use.isVisible() for card in view.cards] == [False, True, False]
    opened.models.form.edit(model="torn")
    assert not torn.in_use.isVisible()
    assert large.use.isVisible()
    for card, other in ((starter, large), (large, starter)):
        assert card.model.card.title in card.use.accessibleName()
        assert other.model.card.title not in card.use.accessibleName()


def test_reload_lists_the_models_again(
    view: ModelsView, opened: OpenPage, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    opened.models.form.edit(model="wordless")
    show_models(monkeypatch, installed(STARTER, shipped=True), installed(WORDLESS))
    qtbot.mouseClick(view.reload, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: [card.model.name for card in view.cards] == ["starter", "wordless"])
    qtbot.waitUntil(lambda: [card.in_use.isVisible() for card in view.cards] == [False, True])
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
    for card in view.cards:
        assert card.width() <= min(view.area.viewport().width(), WIDTH)
        left = card.mapTo(view, card.rect().topLeft()).x()
        right = width - left - card.width()
        assert abs(left - right) <= view.area.verticalScrollBar().width(), "in the middle"
