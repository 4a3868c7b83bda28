"""The six sides of a step: recorded ones at once, the others asked of the engine once a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtTest import QTest

from studio.errors import UnknownNameError
from studio.ui.run import text
from studio.ui.run.panes import PANES, SETTLE_MS, PanesModel
from studio.ui.run.panes_view import PanesView
from studio.ui.theme.theme import Theme
from tests.ui.fakes import WEIGHTS, Forming
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot


@pytest.fixture
def studio(qtbot: QtBot, tmp_path: Path) -> Iterator[Studio]:
    made = Studio(qtbot, tmp_path, Forming(pixels=True))
    made.session.start()
    yield made
    made.close()


@pytest.fixture
def panes(studio: Studio) -> PanesModel:
    return studio.models.panes


def explained(studio: Studio, panes: PanesModel, step: int, **fields: object) -> PanesModel:
    studio.generate(**fields)
    studio.wait_idle()
    panes.set_active(True)
    studio.run.select(step)
    studio.wait(lambda: panes.panes["score"].image is not None)
    return panes


def test_the_explained_state_is_the_one_before_the_step(studio: Studio, panes: PanesModel) -> None:
    explained(studio, panes, 3)
    weights, value, t = studio.engine.explained[-1]
    assert (weights, round(value, 4), t) == (WEIGHTS, -0.02, 499)
    shown = panes.panes
    assert list(shown) == [key for key, _, _ in PANES]
    reds = {
        key: pane.image.pixelColor(0, 0).red()
        for key, pane in shown.items()
        if pane.image is not None and key in ("x0", "x_t", "cond", "uncond")
    }
    assert reds == {"x0": 3, "x_t": round(0.97 * 127.5), "cond": 10, "uncond": 20}
    assert shown["difference"].note == text.signed_range(0.65)


def test_the_explained_state_of_the_start_is_the_start(studio: Studio, panes: PanesModel) -> None:
    explained(studio, panes, 0)
    assert studio.engine.explained[-1] == (WEIGHTS, 0.25, 999)
    assert panes.panes["x0"].image is None
    assert panes.panes["x_t"].image is not None


def test_a_step_is_explained_once(studio: Studio, panes: PanesModel) -> None:
    explained(studio, panes, 2)
    before = len(studio.engine.explained)
    studio.run.select(3)
    studio.wait(lambda: panes.panes["score"].image is not None)
    studio.run.select(2)
    assert panes.panes["score"].image is not None
    assert len(studio.engine.explained) == before + 1


def test_nothing_is_explained_while_the_panes_are_hidden(studio: Studio, panes: PanesModel) -> None:
    studio.generate()
    studio.wait_idle()
    studio.run.select(2)
    QTest.qWait(2 * SETTLE_MS)
    assert studio.engine.explained == []


def test_without_guidance_the_panes_say_that_it_is_off(studio: Studio, panes: PanesModel) -> None:
    explained(studio, panes, 2, guidance=1.0)
    for key in ("cond", "uncond", "difference"):
        assert panes.panes[key].image is None  # type: ignore[index]
        assert panes.panes[key].note == text.guidance_is_off()  # type: ignore[index]


def test_a_missing_model_is_reported(studio: Studio, panes: PanesModel) -> None:
    studio.generate()
    studio.wait_idle()
    studio.engine.decode_error = UnknownNameError("model", "fake", [])
    panes.set_active(True)
    studio.run.select(2)
    studio.wait(lambda: "'fake'" in panes.panes["score"].note)
    assert panes.panes["x0"].image is not None


def test_a_difference_is_coloured_by_its_sign(studio: Studio, panes: PanesModel) -> None:
    explained(studio, panes, 2)
    image = panes.panes["difference"].image
    assert image is not None
    least = image.pixelColor(0, 0)
    most = image.pixelColor(1, 1)
    assert least.blue() > least.red()
    assert most.red() > most.blue()


def test_the_view_only_requests_explanations_while_it_is_visible(
    studio: Studio, panes: PanesModel, qtbot: QtBot, qapp: QApplication
) -> None:
    theme = Theme(qapp, "dark")
    view = PanesView(theme, panes)
    qtbot.addWidget(view)
    studio.generate()
    studio.wait_idle()
    studio.run.select(2)
    assert studio.engine.explained == []
    view.resize(600, 400)
    view.show()
    studio.wait(lambda: view.panes["cond"].picture.image is not None)
    view.hide()
    explained = len(studio.engine.explained)
    studio.run.select(3)
    QTest.qWait(2 * SETTLE_MS)
    assert len(studio.engine.explained) == explained


@pytest.mark.layout
@pytest.mark.parametrize(("size", "shape"), [((700, 470), (2, 3)), ((366, 470), (3, 2))])
def test_all_pictures_are_of_one_size_and_named_beside_a_panel_too(
    qtbot: QtBot,
    qapp: QApplication,
    studio: Studio,
    panes: PanesModel,
    size: tuple[int, int],
    shape: tuple[int, int],
) -> None:
    explained(studio, panes, 3)
    theme = Theme(qapp, "dark")
    view = PanesView(theme, panes)
    qtbot.addWidget(view)
    view.resize(*size)
    view.show()
    pictures = [pane.picture for pane in view.panes.values()]
    qtbot.waitUntil(
        lambda: len({picture.mapTo(view, picture.rect().topLeft()).x() for picture in pictures}) == shape[1]
    )
    assert len({picture.mapTo(view, picture.rect().topLeft()).y() for picture in pictures}) == shape[0]
    widths, heights = {picture.width() for picture in pictures}, {picture.height() for picture in pictures}
    assert max(widths) - min(widths) <= 1
    assert max(heights) - min(heights) <= 1
    for pane in view.panes.values():
        assert pane.name.width() >= pane.name.sizeHint().width()
