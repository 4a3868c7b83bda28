from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.diffusion.samplers import COMPARED
from studio.engine.requests.compare import MAX_PANES, MIN_PANES
from studio.errors import RequestError, capitalised
from studio.ui.compare.columns import CompareColumns
from tests.ui.cards import LARGE, STARTER, numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.ui.core.catalog import Catalog
    from studio.ui.core.settings import Preferences
    from studio.ui.create.form_model import FormModel
    from studio.ui.shell.models import Models
    from tests.ui.program import MakeModels


@pytest.fixture
def models(make_models: MakeModels) -> Models:
    return make_models(STARTER, LARGE, draw=numbers(7))


@pytest.fixture
def catalog(models: Models) -> Catalog:
    return models.catalog


@pytest.fixture
def preferences(models: Models) -> Preferences:
    return models.preferences


@pytest.fixture
def form(models: Models) -> FormModel:
    return models.form


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def columns(form: FormModel, catalog: Catalog, preferences: Preferences, clock: Clock) -> CompareColumns:
    return CompareColumns(form, catalog, preferences, clock=clock)


def test_it_begins_with_every_sampler_and_the_forms_settings(
    form: FormModel, catalog: Catalog, preferences: Preferences
) -> None:
    form.edit(prompt="a tiger", steps=12, guidance=2.0)
    made = CompareColumns(form, catalog, preferences).take_request()
    assert [request.sampler for request in made.requests] == list(COMPARED)
    assert {(r.prompt, r.steps, r.guidance, r.seed, r.count) for r in made.requests} == {
        ("a tiger", 12, 2.0, 7, 1)
    }
    assert all(request == request.resolve(STARTER) for request in made.requests)


def test_a_setting_of_a_column_is_its_own(columns: CompareColumns) -> None:
    columns.edit(1, steps=50)
    columns.edit_option(1, "eta", 0.5)
    steps = [request.steps for request in columns.take_request().requests]
    assert steps == [30, 50, 30, 30]
    assert columns.take_request().requests[1].options["eta"] == 0.5
    with pytest.raises(RequestError):
        columns.edit_option(1, "eta", 7.0)


def test_the_seed_is_the_same_for_all_until_a_column_has_its_own(columns: CompareColumns) -> None:
    columns.edit(0, seed=5)
    assert [column.seed for column in columns.columns] == [5, 5, 5, 5]
    columns.edit(2, seed=9)
    columns.edit(0, seed=6)
    assert [column.seed for column in columns.columns] == [6, 6, 9, 6]


def test_prompt_and_size_follow_the_form_and_nothing_else_does(
    form: FormModel, columns: CompareColumns
) -> None:
    received: list[str] = []
    first = form.values.prompt
    columns.changed.connect(lambda: received.append(columns.prompt))
    columns.edit(1, steps=50)
    form.edit(prompt="an owl", steps=9, seed=4)
    assert received == [first, "an owl"]
    assert {column.prompt for column in columns.columns} == {"an owl"}
    assert [column.steps for column in columns.columns] == [30, 50, 30, 30]
    assert {column.seed for column in columns.columns} == {7}


def test_a_prompt_of_its_own_stays_with_its_column_whatever_the_form_says(
    form: FormModel, columns: CompareColumns, catalog: Catalog, preferences: Preferences
) -> None:
    form.edit(prompt="a wolf")
    columns.edit(2, prompt="a fox", spacing="leading")
    for text in ("a", "a fox", "a fox at night"):  # also while the form passes through the same words
        form.edit(prompt=text)
    expected = ["a fox at night", "a fox at night", "a fox", "a fox at night"]
    assert [request.prompt for request in columns.take_request().requests] == expected
    assert [request.spacing for request in columns.take_request().requests].index("leading") == 2
    columns.remove(0)
    assert [column.prompt for column in columns.columns] == expected[1:]
    form.edit(prompt="an owl")
    again = CompareColumns(form, catalog, preferences)
    assert [column.prompt for column in again.columns] == ["an owl", "a fox", "an owl"]
    columns.undo_stack.undo()
    assert [column.prompt for column in columns.columns] == ["an owl", "an owl", "a fox", "an owl"]
    columns.fill_samplers()
    assert {column.prompt for column in columns.columns} == {"an owl"}


def test_another_prompt_of_the_first_goes_to_all_that_have_the_same(columns: CompareColumns) -> None:
    columns.edit(1, prompt="a dog")
    columns.edit(0, prompt="a cat")
    assert [column.prompt for column in columns.columns] == ["a cat", "a dog", "a cat", "a cat"]
    assert columns.prompt == "a cat"


def test_another_model_brings_its_defaults_and_sizes(columns: CompareColumns) -> None:
    columns.edit(0, model="large")
    assert (columns.columns[0].steps, columns.columns[0].guidance) == (100, 5.0)
    assert columns.columns[0].sampler == "ddpm"
    assert columns.card(0) is not None
    assert columns.take_request().requests[0].model == "large"


def test_there_are_two_to_six_columns(columns: CompareColumns) -> None:
    counts: list[int] = []
    columns.count_changed.connect(lambda: counts.append(len(columns.columns)))
    for _ in range(4):
        columns.add()
    assert len(columns.columns) == MAX_PANES
    assert not columns.can_add
    for _ in range(6):
        columns.remove(0)
    assert len(columns.columns) == MIN_PANES
    assert not columns.can_remove
    assert counts == [5, 6, 5, 4, 3, 2]
    columns.fill_samplers()
    assert len(columns.columns) == len(COMPARED)


def test_an_invalid_column_is_named_by_its_number(columns: CompareColumns) -> None:
    columns.edit(2, model="gone")
    with pytest.raises(RequestError) as caught:
        columns.take_request()
    assert columns.fault == capitalised(caught.value.message)
    assert caught.value.field.values == {"number": 3}  # type: ignore[attr-defined]
    columns.edit(2, model="starter")
    assert columns.fault == ""
    columns.edit(1, guidance=99.0)
    with pytest.raises(RequestError) as caught:
        columns.take_request()
    assert columns.fault == capitalised(caught.value.message)
    assert caught.value.field.values == {"field": "guidance", "number": 2}  # type: ignore[attr-defined]


def test_every_change_can_be_undone_and_redone(columns: CompareColumns, clock: Clock) -> None:
    seen = [columns.columns]
    changes: tuple[Callable[[], object], ...] = (
        lambda: columns.edit(1, steps=50),
        lambda: columns.edit_option(1, "eta", 0.5),
        columns.add,
        lambda: columns.remove(0),
        lambda: columns.edit(0, seed=99),
        columns.fill_samplers,
    )
    for change in changes:
        clock.now += 10
        change()
        seen.append(columns.columns)
    columns.set_batched(False)
    columns.undo_stack.undo()
    assert columns.batched
    for wanted in reversed(seen[:-1]):
        columns.undo_stack.undo()
        assert columns.columns == wanted
    assert not columns.undo_stack.canUndo()
    for wanted in seen[1:]:
        columns.undo_stack.redo()
        assert columns.columns == wanted


def test_edits_of_one_setting_that_follow_one_another_are_one_step(
    columns: CompareColumns, clock: Clock
) -> None:
    for steps in (31, 32, 33):
        columns.edit(1, steps=steps)
        clock.now += 0.2
    columns.edit(2, steps=40)
    clock.now += 5
    columns.edit(2, steps=41)
    assert columns.undo_stack.count() == 3


def test_undo_does_not_change_the_settings_shared_with_the_form(
    form: FormModel, columns: CompareColumns
) -> None:
    columns.edit(1, steps=50)
    form.edit(prompt="an owl")
    columns.undo_stack.undo()
    assert {column.prompt for column in columns.columns} == {"an owl"}


def test_the_columns_are_there_at_the_next_start(
    form: FormModel,
    catalog: Catalog,
    preferences: Preferences,
    columns: CompareColumns,
    make_models: MakeModels,
) -> None:
    columns.edit(1, steps=50)
    columns.edit_option(1, "eta", 0.5)
    columns.remove(3)
    columns.set_batched(False)
    preferences.save()
    later = make_models(STARTER, LARGE).preferences
    again = CompareColumns(form, catalog, later)
    assert again.columns == columns.columns
    assert not again.batched
    assert not again.take_request().batched
    later.save()


@pytest.mark.parametrize(
    "saved",
    [{"columns": 3}, {"columns": [{}]}, {"columns": [1, 2]}, {"columns": [{}] * 9}, {"columns": None}],
)
def test_unusable_saved_columns_are_replaced_by_the_forms(
    form: FormModel, catalog: Catalog, preferences: Preferences, saved: dict[str, object]
) -> None:
    preferences.set("comparison", saved)
    assert len(CompareColumns(form, catalog, preferences).columns) == len(COMPARED)
