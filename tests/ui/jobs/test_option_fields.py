from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.options import Options, choice, number
from studio.diffusion.samplers.stepper import Query, Sampler, State, StepNoise, Steps
from studio.ui.jobs import text
from studio.ui.widgets.choice import DETAIL_ROLE, ChoiceField
from studio.ui.widgets.numbers import NumberSlider
from tests.ui.cards import STARTER

if TYPE_CHECKING:
    from studio.ui.create.form_model import FormModel
    from studio.ui.create.form_view import FormView
    from tests.ui.program import MakePage, OpenPage


@dataclass(frozen=True, kw_only=True)
class LeapOptions(Options):
    length: int = number(3, label="Length", help="How far.", minimum=1, maximum=8, step=1)
    grip: float = number(0.125, label="Grip", help="How firmly.", minimum=0.0, maximum=1.0, step=0.005)
    foot: str = choice("left", label="Foot", help="Which <foot>.", choices=("left", "right", "ddim"))


class Leap(Sampler[LeapOptions]):
    """A sampler that the window has never heard of."""

    name = "leap"
    title = "Leap"
    summary = "Jumps."
    paper = "Nobody 2031, arXiv 3101.00001"
    Options = LeapOptions

    @classmethod
    def count_queries(cls, options: LeapOptions, steps: int) -> int:
        return options.length * steps

    def step(self, state: State, t: int, s: int, noise: StepNoise) -> Steps:
        prediction = yield Query(state.x, t)
        return state.advance(prediction.x0_hat)


@pytest.fixture
def opened(make_page: MakePage, monkeypatch: pytest.MonkeyPatch) -> OpenPage:
    (registry,) = gc.get_referents(SAMPLERS)  # the dict behind the mapping that cannot be changed
    monkeypatch.setitem(registry, "leap", Leap)
    opened = make_page("form", STARTER, size=(320, 900))
    opened.models.form.edit(sampler="leap")
    return opened


@pytest.fixture
def view(opened: OpenPage) -> FormView:
    return opened.widget


@pytest.fixture
def form(opened: OpenPage) -> FormModel:
    return opened.models.form


def test_a_new_sampler_needs_no_line_in_the_window(view: FormView, form: FormModel) -> None:
    box = view.settings.sampler.box
    assert box.currentText() == "Leap"
    assert Leap.summary in box.toolTip()
    controls = view.settings.options.controls
    assert list(controls) == ["length", "grip", "foot"]
    length, grip, foot = (control.widget for control in controls.values())
    assert isinstance(length, NumberSlider)
    assert isinstance(grip, NumberSlider)
    assert isinstance(foot, ChoiceField)
    assert (length.field.text(), grip.field.text(), foot.value) == ("3", "0.125", "left")
    assert [foot.box.itemText(row) for row in range(3)] == ["Left", "Right", "DDIM"]
    assert form.estimate.model_calls == 30 * 3 * 2
    assert form.fault == ""


def test_its_options_reach_the_request_with_their_own_types(view: FormView, form: FormModel) -> None:
    controls = view.settings.options.controls
    controls["length"].widget.track.setValue(5)
    grip = controls["grip"].widget.field
    grip.setFocus()
    grip.selectAll()
    QTest.keyClicks(grip, "0.5")
    foot = controls["foot"].widget.box
    QTest.keyClick(foot, Qt.Key.Key_Down)
    options = form.take_request().options
    assert options == {"length": 5, "grip": 0.5, "foot": "right"}
    assert [type(value) for value in (options["length"], options["grip"])] == [int, float]
    assert form.estimate.model_calls == 30 * 5 * 2


def test_its_calls_a_step_follow_its_options(view: FormView, form: FormModel) -> None:
    def details() -> list[str]:
        box = view.settings.sampler.box
        return [str(box.itemData(row, DETAIL_ROLE)) for row in range(box.count())]

    def expected() -> list[str]:
        return [detail for _, _, detail, _ in text.sampler_items(form.values)]

    assert details() == expected()
    assert details()[-1] != details()[1]
    form.edit_option("length", 1)
    assert details() == expected()
    assert details()[-1] == details()[1]


def test_controls_go_with_their_sampler(view: FormView, form: FormModel) -> None:
    form.edit_option("length", 7)
    form.edit(sampler="ddim")
    assert list(view.settings.options.controls) == ["eta"]
    form.edit(sampler="leap")
    assert view.settings.options.controls["length"].widget.value == 7


def test_an_edit_of_an_option_keeps_its_control_and_the_focus(view: FormView, form: FormModel) -> None:
    field = view.settings.options.controls["length"].widget.field
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_Up)
    QTest.keyClick(field, Qt.Key.Key_Up)
    assert QApplication.focusWidget() is field
    assert form.values.options_of("leap")["length"] == 5


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_the_controls_of_every_sampler_show_its_defaults(name: str, view: FormView, form: FormModel) -> None:
    form.edit(sampler=name)
    for option, control in view.settings.options.controls.items():
        assert control.widget.value == form.values.options_of(name)[option]
    assert form.values.options == {}  # showing them sets nothing
