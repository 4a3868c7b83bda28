"""The curves of a run: what they are made of, and that they share the scrubber's axis and cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from studio.ui.run.curves import CurvesView, curves_of, words_at
from studio.ui.run.model import RunModel
from studio.ui.run.timeline_model import ScrubbingModel
from studio.ui.theme.theme import Theme
from studio.ui.widgets.scrubber import EDGE
from tests.ui.asked import make_frames
from tests.ui.played import Played

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot


@pytest.fixture
def run(qapp: object) -> RunModel:
    return RunModel(make_frames())


def played(run: RunModel) -> Played:
    made = Played(run).begin()
    made.job.record.begin(made.take.began(0))
    for step, change in ((1, None), (2, 0.5), (3, 0.25)):
        made.steps(step, change=change, guidance=0.1 * step)
    return made


def test_without_a_picture_there_are_none() -> None:
    assert curves_of(None) == ()


def test_they_are_made_of_what_the_steps_say(run: RunModel) -> None:
    played(run)
    curves = {curve.name: curve for curve in curves_of(run.picture)}
    assert list(curves) == ["noise level", "change of x0", "guidance", "time a step"]
    assert curves["noise level"].points == ((0, 1.0), (1, 0.75), (2, 0.5), (3, 0.25))
    assert curves["change of x0"].points == ((2, 0.5), (3, 0.25))
    assert curves["guidance"].at(3) == pytest.approx(0.3)
    assert [round(value) for _, value in curves["time a step"].points] == [100, 100, 100]
    assert curves["change of x0"].at(1) is None


def test_what_was_not_measured_has_no_curve(run: RunModel) -> None:
    Played(run).begin().steps(1, 2)
    assert [curve.name for curve in curves_of(run.picture)] == ["noise level", "time a step"]


def test_the_values_at_a_step_are_words(run: RunModel) -> None:
    played(run)
    assert words_at(curves_of(run.picture), 2) == (
        "noise level 0.50, change of x0 0.500, guidance 0.200, time a step 100 ms"
    )


def test_they_share_the_axis_and_the_cursor(run: RunModel, qtbot: QtBot, qapp: QApplication) -> None:
    theme = Theme(qapp, "dark")
    scrubbing = ScrubbingModel(run)
    view = CurvesView(theme, run, scrubbing)
    qtbot.addWidget(view)
    view.resize(418, view.height())
    view.show()
    assert view.words == ""
    played(run)
    assert view.accessibleDescription() == view.words == words_at(view.curves, 3)
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(round(EDGE + 100), 40))
    assert run.step == 1
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(410, 40))
    assert run.step == 3, "no further than there are steps"
    assert not view.grab().isNull()
