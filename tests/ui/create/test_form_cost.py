"""What the chosen size costs is said before Generate, and something smaller is one click away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QAbstractButton

from studio.engine.memory_plan import DeviceMemory
from studio.ui.jobs import cost_text
from studio.ui.theme.metrics import FORM
from tests.ui.cards import SDXL, STARTER

if TYPE_CHECKING:
    from studio.ui.create.form_model import FormModel
    from tests.ui.program import MakePage, OpenPage

CPU = "cpu (a processor, 2 threads)"
GIB = 2**30


@pytest.fixture
def opened(make_page: MakePage) -> OpenPage:
    opened = make_page("form", STARTER, SDXL, size=(FORM, 900))
    opened.models.form.edit(model="juggernaut")
    return opened


@pytest.fixture
def form(opened: OpenPage) -> FormModel:
    return opened.models.form


def test_time_and_memory_of_the_chosen_size_are_said(opened: OpenPage, form: FormModel) -> None:
    form.set_device(CPU, DeviceMemory(free=64 * GIB))
    seconds = 0.5
    opened.models.timings.note(
        model_sha256=SDXL.weights_sha256, device=CPU, size=(512, 512), model_calls=10, seconds=10 * seconds
    )
    form.refresh_estimate()
    before = form.estimate
    assert {cost_text.cost(before), cost_text.memory_cost(before.memory)} <= set(opened.texts)
    form.edit(width=512, height=512)
    after = form.estimate
    assert after.seconds == pytest.approx(seconds * after.model_calls)
    assert after.seconds < before.seconds
    assert {cost_text.cost(after), cost_text.memory_cost(after.memory)} <= set(opened.texts)
    form.edit(model="starter")
    assert form.estimate.memory is None
    assert cost_text.memory_cost(after.memory) not in opened.texts


def test_a_slow_picture_is_made_smaller_in_one_click_and_one_undo(opened: OpenPage, form: FormModel) -> None:
    form.set_device(CPU)
    assert cost_text.slow_on_cpu() in opened.texts
    smaller = form.estimate.smaller
    assert smaller is not None
    opened.click(cost_text.use_size(smaller), QAbstractButton)
    assert form.values.size == smaller
    assert cost_text.slow_on_cpu() not in opened.texts
    assert cost_text.use_model(STARTER) not in opened.names
    form.undo_stack.undo()
    opened.click(cost_text.use_model(STARTER), QAbstractButton)
    assert form.values.model == "starter"


def test_a_picture_that_does_not_fit_is_said_and_can_still_be_tried(
    opened: OpenPage, form: FormModel
) -> None:
    form.set_device("cuda:0 (a card)", DeviceMemory(free=GIB))
    assert cost_text.memory_cost(form.estimate.memory) in opened.texts
    assert cost_text.use_model(STARTER) in opened.names
    assert opened.control("Generate", QAbstractButton).isEnabled()


@pytest.mark.layout
@pytest.mark.parametrize("height", [560, 900])
def test_generate_stays_in_sight_above_all_that_is_said(
    height: int, opened: OpenPage, form: FormModel
) -> None:
    form.set_device(CPU, DeviceMemory(free=GIB))
    opened.widget.resize(FORM, height)
    opened.wait(lambda: opened.widget.height() == height)
    generate, foot = opened.control("Generate", QAbstractButton), opened.widget.foot
    assert generate.mapTo(opened.widget, generate.rect().topLeft()).y() > height / 2
    assert foot.mapTo(opened.widget, foot.rect().bottomLeft()).y() < height
