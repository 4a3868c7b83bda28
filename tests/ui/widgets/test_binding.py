"""A bound control and its field stay equal, whichever of the two is changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QObject, Signal

from studio.ui.widgets.binding import bind
from studio.ui.widgets.numbers import NumberField
from studio.ui.widgets.prompt_field import PromptField
from tests.ui.widgets.hands import show

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from studio.ui.theme.theme import Theme


@dataclass(frozen=True)
class Values:
    steps: int = 20
    guidance: float = 3.0
    prompt: str = ""


class Model(QObject):
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.values: Values | None = Values()
        self.edits: list[dict[str, Any]] = []

    def edit(self, **changes: Any) -> None:  # noqa: ANN401
        assert self.values is not None
        self.edits.append(changes)
        self.values = replace(self.values, **changes)
        self.changed.emit()


@pytest.fixture
def model() -> Model:
    return Model()


def number(theme: Theme, qtbot: QtBot) -> NumberField:
    field = NumberField(theme, "Steps", minimum=1, maximum=100)
    show(qtbot, field)
    return field


def test_the_control_shows_the_field(theme: Theme, qtbot: QtBot, model: Model) -> None:
    control = number(theme, qtbot)
    bind(model, "steps", control)
    assert control.value == pytest.approx(20)
    model.edit(steps=31)
    assert control.value == pytest.approx(31)


def test_an_edit_reaches_the_field_as_what_the_field_holds(theme: Theme, qtbot: QtBot, model: Model) -> None:
    steps, prompt = number(theme, qtbot), PromptField(theme, "Prompt")
    show(qtbot, prompt)
    bind(model, "steps", steps)
    bind(model, "guidance", number(theme, qtbot))
    bind(model, "prompt", prompt)
    steps.edited.emit(12.0)
    prompt.editor.setPlainText("a fox")
    assert model.values == Values(steps=12, prompt="a fox")
    assert [type(value) for edit in model.edits for value in edit.values()] == [int, str]


def test_values_can_be_mapped_on_both_ways(theme: Theme, qtbot: QtBot, model: Model) -> None:
    control = number(theme, qtbot)
    bind(model, "guidance", control, read=lambda value: 10 * value, write=lambda value: value / 10)
    assert control.value == pytest.approx(30)
    control.edited.emit(45.0)
    assert model.values is not None
    assert model.values.guidance == pytest.approx(4.5)


def test_a_model_without_values_leaves_the_control_alone(theme: Theme, qtbot: QtBot, model: Model) -> None:
    control = number(theme, qtbot)
    bind(model, "steps", control)
    model.values = None
    model.changed.emit()
    assert control.value == pytest.approx(20)
