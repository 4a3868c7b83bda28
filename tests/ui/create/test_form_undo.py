from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.ui.jobs.run_settings import SUGGESTION
from tests.ui.cards import LARGE, STARTER

if TYPE_CHECKING:
    from studio.ui.create.form_model import FormModel
    from tests.ui.program import MakeModels


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def form(make_models: MakeModels, clock: Clock) -> FormModel:
    return make_models(STARTER, LARGE, clock=clock).form


def write(form: FormModel, text: str, start: str = "") -> None:
    for end in range(1, len(text) + 1):
        form.edit(prompt=start + text[:end])


def undone(form: FormModel) -> list[str]:
    """Return the prompts that undo passes through."""
    prompts = []
    while form.undo_stack.canUndo():
        form.undo_stack.undo()
        prompts.append(form.values.prompt)
    return prompts


def test_typing_is_undone_word_by_word(form: FormModel) -> None:
    typed = "a red  fox\nruns"
    write(form, typed)
    assert undone(form) == ["a red  fox\n", "a red  ", "a ", SUGGESTION]
    while form.undo_stack.canRedo():
        form.undo_stack.redo()
    assert form.values.prompt == typed


def test_a_pause_parts_two_steps(form: FormModel, clock: Clock) -> None:
    write(form, "fo")
    clock.now = 0.9
    write(form, "x", "fo")
    clock.now = 2.0
    write(form, "es", "fox")
    assert undone(form) == ["fox", SUGGESTION]


def test_edits_of_another_field_part_two_steps(form: FormModel) -> None:
    form.edit(steps=10)
    form.edit(steps=11)
    form.edit(guidance=2.0)
    form.edit(steps=12)
    assert form.undo_stack.count() == 3
    form.undo_stack.undo()
    assert (form.values.steps, form.values.guidance) == (11, 2.0)


def test_each_roll_of_the_dice_is_a_step(form: FormModel) -> None:
    first = form.values.seed
    form.roll_seed()
    second = form.values.seed
    form.roll_seed()
    form.undo_stack.undo()
    assert form.values.seed == second
    form.undo_stack.undo()
    assert form.values.seed == first


def test_options_of_two_names_are_two_steps(form: FormModel) -> None:
    form.edit(sampler="langevin")
    for passes in (6, 7, 8):
        form.edit_option("passes", passes)
    form.edit_option("coefficient", 0.1)
    assert form.undo_stack.count() == 3
    form.undo_stack.undo()
    form.undo_stack.undo()
    assert form.values.options_of("langevin") == {"passes": 5, "coefficient": 0.5}


def test_an_edit_after_an_undo_is_a_step_of_its_own(form: FormModel) -> None:
    write(form, "fo")
    form.undo_stack.undo()
    form.undo_stack.redo()
    write(form, "x", "fo")
    assert undone(form) == ["fo", SUGGESTION]


def test_what_is_typed_and_taken_away_again_is_no_step(form: FormModel) -> None:
    form.edit(negative="x")
    form.edit(negative="")
    assert not form.undo_stack.canUndo()


def test_an_edit_that_changes_nothing_is_no_step(form: FormModel) -> None:
    told: list[bool] = []
    form.changed.connect(lambda: told.append(True))
    form.edit(prompt=SUGGESTION, steps=30, model="starter")
    assert told == []
    assert form.undo_stack.count() == 0


def test_undo_leaves_other_fields_as_they_are(form: FormModel) -> None:
    form.edit(prompt="a fox")
    form.take_request()
    form.undo_stack.undo()
    assert form.values.seed_used
    assert form.values.prompt == SUGGESTION


def test_models_chosen_one_after_another_are_undone_at_once(form: FormModel) -> None:
    before = form.values
    form.edit(model="large")
    form.edit(steps=90)
    form.edit(model="starter")
    form.edit(model="large")
    for _ in range(3):
        form.undo_stack.undo()
    assert form.values == before


def test_steps_have_names(form: FormModel) -> None:
    form.edit(seed_locked=True)
    assert form.undo_stack.undoText() == "seed locked"
    form.edit(model="large")
    assert form.undo_stack.undoText() == "settings"


def test_the_stack_is_limited(form: FormModel, clock: Clock) -> None:
    for steps in range(1, 700):
        clock.now += 5
        form.edit(steps=steps)
    assert form.undo_stack.count() == 500
