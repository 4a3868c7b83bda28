"""The curves of a run: their points, and that they share the scrubber's axis and cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from studio.ui.run.curves import curves_of, values_at
from studio.ui.widgets.scrubber import EDGE
from tests.ui.played import Played

if TYPE_CHECKING:
    from studio.ui.run.model import RunModel
    from tests.ui.program import MakePage


def played(run: RunModel) -> Played:
    made = Played(run).begin()
    made.job.record.begin(made.take.began(0))
    for step, change in ((1, None), (2, 0.5), (3, 0.25)):
        made.steps(step, change=change, guidance=0.1 * step)
    return made


def test_without_a_picture_there_are_none() -> None:
    assert curves_of(None) == ()


def test_they_are_drawn_from_the_values_of_the_steps(run: RunModel) -> None:
    played(run)
    levels, changes, guidance, times = curves_of(run.picture)
    assert levels.points == ((0, 1.0), (1, 0.75), (2, 0.5), (3, 0.25))
    assert changes.points == ((2, 0.5), (3, 0.25))
    assert guidance.at(3) == pytest.approx(0.3)
    assert [round(value) for _, value in times.points] == [100, 100, 100]
    assert changes.at(1) is None


def test_values_that_were_not_measured_have_no_curve(run: RunModel) -> None:
    Played(run).begin().steps(1, 2)
    levels, times = curves_of(run.picture)
    assert levels.points == ((1, 0.75), (2, 0.5))
    assert [round(value) for _, value in times.points] == [100]


def test_they_share_the_axis_and_the_cursor(make_page: MakePage) -> None:
    opened = make_page("canvas")
    run, view = opened.models.run, opened.widget.timeline.curves
    assert view.description == ""
    played(run)
    assert view.accessibleDescription() == view.description == values_at(view.curves, 3)
    axis = view.width() - 2 * EDGE
    for x, step in ((EDGE + axis / 4, 1), (EDGE + axis, 3)):  # there are three of four steps so far
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(round(x), view.height() // 2))
        assert run.step == step
    assert not view.grab().isNull()
