from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.diffusion.samplers import SAMPLERS
from studio.engine.compare import MAX_PANES, MIN_PANES
from studio.errors import RequestError
from studio.ui.models.compare_columns import CompareColumns
from studio.ui.models.form import FormModel
from studio.ui.models.preferences import Preferences
from studio.ui.settings import SettingsFile
from tests.ui.cards import LARGE, STARTER, make_catalog, numbers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from studio.ui.models.catalog import Catalog


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch) -> Catalog:
    return make_catalog(monkeypatch, STARTER, LARGE)


@pytest.fixture
def form(stepwise_home: Path, catalog: Catalog) -> Iterator[FormModel]:
    preferences = Preferences(SettingsFile(stepwise_home / "settings.json"))
    yield FormModel(catalog, preferences, draw=numbers(7))
    preferences.save()


@pytest.fixture
def columns(form: FormModel, catalog: Catalog) -> CompareColumns:
    return CompareColumns(form, catalog)


def test_it_begins_with_every_sampler_and_the_forms_settings(form: FormModel, catalog: Catalog) -> None:
    form.edit(prompt="a tiger", steps=12, guidance=2.0)
    made = CompareColumns(form, catalog).take_request()
    assert [request.sampler for request in made.requests] == list(SAMPLERS)
    assert {(r.prompt, r.steps, r.guidance, r.seed, r.count) for r in made.requests} == {
        ("a tiger", 12, 2.0, 7, 1)
    }
    assert all(request == request.resolve(STARTER) for request in made.requests)


def test_what_is_set_for_a_column_is_its_own(columns: CompareColumns) -> None:
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
    told: list[str] = []
    columns.changed.connect(lambda: told.append(columns.prompt))
    columns.edit(1, steps=50)
    form.edit(prompt="an owl", steps=9, seed=4)
    assert told == ["a fox on a teal background", "an owl"]
    assert {column.prompt for column in columns.columns} == {"an owl"}
    assert [column.steps for column in columns.columns] == [30, 50, 30, 30]
    assert {column.seed for column in columns.columns} == {7}


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
    assert len(columns.columns) == len(SAMPLERS)


def test_what_a_column_cannot_do_is_said_with_its_number(columns: CompareColumns) -> None:
    columns.edit(2, model="gone")
    assert columns.fault == "Model of column 3 'gone' is not here."
    columns.edit(2, model="starter")
    assert columns.fault == ""
    columns.edit(1, guidance=99.0)
    assert columns.fault.startswith("Guidance of column 2 must be")
