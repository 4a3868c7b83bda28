"""The panel that asks how to go on from a step."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from studio.ui.core.intents import Intents
from studio.ui.run.fork import ForkModel
from studio.ui.run.fork_view import ForkPanel
from studio.ui.run.model import RunModel
from studio.ui.theme.theme import Theme
from studio.ui.widgets.labels import PlainLabel
from tests.ui.asked import make_frames
from tests.ui.fakes import WEIGHTS
from tests.ui.played import Played

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot


class Cards:
    def card(self, name: str) -> Any:  # noqa: ANN401
        return SimpleNamespace(
            name=name, weights_sha256=WEIGHTS, schedule=SimpleNamespace(config={"T": 1000})
        )


class Scene:
    def __init__(self, qtbot: QtBot, app: QApplication) -> None:
        self.run = RunModel(make_frames())
        self.played = Played(self.run, prompt="<b>a fox</b>")
        self.played.begin()
        began = self.played.take.began(0)
        self.played.job.record.begin(began)
        self.played.steps(1, 2, 3)
        self.run.select(2)
        self.model = ForkModel(self.run, Cards())  # type: ignore[arg-type]
        self.model.begin()
        self.theme, self.intents = Theme(app, "dark"), Intents()
        self.panel = ForkPanel(self.theme, self.model, self.intents)
        qtbot.addWidget(self.panel)
        self.panel.resize(296, 640)
        self.panel.show()

    @property
    def title(self) -> str:
        return self.panel.findChildren(PlainLabel)[0].text()


@pytest.fixture
def scene(qtbot: QtBot, qapp: QApplication) -> Scene:
    return Scene(qtbot, qapp)


def test_it_shows_the_runs_own_settings_and_what_they_cost(scene: Scene) -> None:
    panel = scene.panel
    assert scene.title == "Fork from step 2 of 4"
    assert panel.prompt.value == "<b>a fox</b>"
    assert (panel.sampler.value, panel.guidance.value, panel.steps.value) == ("ddim", 3.0, 2)
    assert panel.words.text().startswith("2 steps, 4 model calls")


def test_it_follows_the_step_that_is_looked_at(scene: Scene) -> None:
    scene.run.select(1)
    assert scene.title == "Fork from step 1 of 4"
    assert scene.panel.steps.value == 3


def test_edits_are_the_models(scene: Scene, qtbot: QtBot) -> None:
    panel = scene.panel
    panel.prompt.editor.selectAll()
    qtbot.keyClicks(panel.prompt.editor, "a cat")
    panel.guidance.edited.emit(5.0)
    panel.steps.edited.emit(7.0)
    panel.seed.edited.emit(12.0)
    panel.sampler.edited.emit("ddpm")
    values = scene.model.values
    assert values is not None
    assert (values.prompt, values.guidance, values.remaining, values.seed, values.sampler) == (
        "a cat",
        5.0,
        7,
        12,
        "ddpm",
    )
    panel.steps.edited.emit(2.0)
    assert scene.model.values is not None
    assert scene.model.values.remaining is None, "as many as it had left: the times stay"


def test_the_seed_can_be_set_only_where_noise_is_drawn(scene: Scene) -> None:
    assert not scene.panel.seed.isEnabled()
    scene.model.edit(sampler="ddpm")
    assert scene.panel.seed.isEnabled()


def test_at_the_end_it_says_why_nothing_can_be_forked(scene: Scene) -> None:
    scene.played.steps(4)
    scene.run.select(4)
    assert not scene.panel.go.isEnabled()
    assert "last step" in scene.panel.words.text()


def test_escape_closes_it_and_the_button_asks(scene: Scene, qtbot: QtBot) -> None:
    with qtbot.waitSignal(scene.panel.closed):
        QTest.keyClick(scene.panel, Qt.Key.Key_Escape)
    with qtbot.waitSignal(scene.intents.fork):
        scene.panel.go.click()
