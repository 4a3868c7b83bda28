"""The shipped list of models, and which of them a machine runs."""

from __future__ import annotations

from studio.downloads.address import parse_address
from studio.downloads.suggested import (
    MAX_MODELS,
    commercial_use,
    description,
    fits,
    fitting_first,
    machine_memory,
    suggested_models,
)

GB = 10**9


def test_every_model_of_the_list_can_be_addressed_and_is_described() -> None:
    models = suggested_models()
    assert 0 < len(models) <= MAX_MODELS
    assert len({model.repository for model in models}) == len(models)
    for model in models:
        assert parse_address(model.repository).repository == model.repository
        assert description(model).endswith(".")
        assert model.licence
        assert commercial_use(model)


def test_models_that_fit_come_first_in_their_order() -> None:
    models = suggested_models()
    large = max(models, key=lambda model: model.memory)
    small = min(models, key=lambda model: model.memory)
    ordered = fitting_first((large, small), 6 * GB)
    assert ordered == (small, large)
    assert fitting_first(models, None) == models
    assert fitting_first(models, 128 * GB) == models
    assert [fits(large, memory) for memory in (6 * GB, 64 * GB, None)] == [False, True, True]


def test_the_memory_of_this_machine_is_known_or_not_guessed() -> None:
    memory = machine_memory()
    assert memory is None or memory > GB // 4
