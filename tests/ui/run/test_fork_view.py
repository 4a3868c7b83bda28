"""The fork panel: it shows the run's own settings, follows the shown step, and edits the model of the fork."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt

from studio.ui.run import text
from tests.ui.cards import STARTER
from tests.ui.fakes import WEIGHTS, asking
from tests.ui.played import Played
from tests.ui.program import heard

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from studio.ui.run.fork import ForkModel
    from studio.ui.run.fork_view import ForkPanel
    from tests.ui.program import MakePage, MakeProgram, OpenPage


class Scene:
    """The canvas at step 2 of a job that has taken three of its four steps, with the fork panel open."""

    def __init__(self, opened: OpenPage) -> None:
        self.opened, self.run = opened, opened.models.run
        self.model: ForkModel = opened.models.forks
        self.panel: ForkPanel = opened.widget.fork_panel
        self.played = Played(self.run, prompt="<b>a fox</b>").begin()
        self.played.job.record.begin(self.played.take.began(0))
        self.played.steps(1, 2, 3)
        self.run.select(2)
        opened.click("Fork from here")


@pytest.fixture
def scene(make_page: MakePage) -> Scene:
    card = replace(STARTER, name=asking().model or "starter", weights_sha256=WEIGHTS)
    return Scene(make_page("canvas", card))


def test_it_shows_the_runs_own_settings_and_what_they_cost(scene: Scene) -> None:
    panel = scene.panel
    assert panel.title.text() == text.fork_title(2, 4)
    assert panel.prompt.value == "<b>a fox</b>"
    assert (panel.sampler.value, panel.guidance.value, panel.steps.value) == ("ddim", 3.0, 2)
    assert panel.note.text() == text.fork_note(2, 4, seed_matters=False)


def test_it_follows_the_selected_step(scene: Scene) -> None:
    scene.run.select(1)
    assert scene.panel.title.text() == text.fork_title(1, 4)
    assert scene.panel.steps.value == 3


def test_edits_change_the_model(scene: Scene, qtbot: QtBot) -> None:
    panel = scene.panel
    panel.prompt.editor.selectAll()
    qtbot.keyClicks(panel.prompt.editor, "a cat")
    panel.guidance.edited.emit(5.0)
    panel.steps.edited.emit(7.0)
    panel.seed.edited.emit(12)
    panel.sampler.edited.emit("ddpm")
    values = scene.model.values
    assert values is not None
    assert (values.prompt, values.guidance, values.remaining) == ("a cat", 5.0, 7)
    assert (values.seed, values.sampler) == (12, "ddpm")
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
    assert not scene.panel.fork.isEnabled()
    assert scene.panel.note.text() == scene.model.fault != ""


def test_esc_closes_it_and_the_button_requests_the_fork(scene: Scene) -> None:
    forks = heard(scene.opened.models.intents.fork)
    scene.panel.fork.click()
    assert len(forks) == 1
    assert scene.panel.isVisible()
    scene.opened.press(Qt.Key.Key_Escape, widget=scene.panel)
    assert not scene.panel.isVisible()


def test_ctrl_enter_says_why_a_step_cannot_be_forked(make_program: MakeProgram) -> None:
    program = make_program()
    program.generate()
    program.finish()
    run, forks = program.models.run, program.models.forks
    assert run.viewed is not None
    run.select(run.viewed.steps_of(0))
    program.click("Fork from here")
    program.press(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert program.notices[-1].sentence == forks.fault == text.last_step()
