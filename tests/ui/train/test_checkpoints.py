"""Which models are the checkpoints of a training, and which of them are compared."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from studio.errors import RequestError
from studio.ui.train.checkpoints import checkpoints_of, compare_checkpoints, spread
from tests.ui.cards import STARTER

if TYPE_CHECKING:
    from tests.ui.program import MakeModels


def test_checkpoints_come_by_step_and_the_finished_model_last() -> None:
    models = ["foxes-1000", "foxes-200", "foxes", "hens-5", "foxes-2-300", "foxes-old"]
    assert checkpoints_of("foxes", models) == ("foxes-200", "foxes-1000", "foxes")
    assert checkpoints_of("foxes-2", models) == ("foxes-2-300",)
    assert checkpoints_of("cats", models) == ()


def test_a_name_is_not_read_as_a_pattern() -> None:
    assert checkpoints_of("a.b", ["a.b-1", "axb-2"]) == ("a.b-1",)


def test_of_many_the_first_the_last_and_some_between_are_taken() -> None:
    names = [str(number) for number in range(21)]
    assert spread(names, 6) == ("0", "4", "8", "12", "16", "20")
    assert spread(names[:3], 6) == ("0", "1", "2")


def test_a_comparison_has_one_prompt_and_one_noise_and_a_column_for_each_checkpoint(
    make_models: MakeModels,
) -> None:
    cards = [
        replace(STARTER, name=f"foxes-{step}", sizes=((32, 32),), latent_shape=(16, 4, 4))
        for step in range(100, 900, 100)
    ]
    models = make_models(STARTER, *cards)
    catalog, form = models.catalog, models.form
    names = [card.name for card in cards]
    request = compare_checkpoints(names, "a fox", form, catalog)
    assert [one.model for one in request.requests] == list(spread(names, 6))
    assert {one.prompt for one in request.requests} == {"a fox"}
    assert {(one.seed, one.width, one.steps) for one in request.requests} == {(form.values.seed, 32, 30)}
    with pytest.raises(RequestError):
        compare_checkpoints(names[:1], "a fox", form, catalog)
