"""The texts of the form on the Create page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from studio.diffusion.seeds import MAX_SEED
from studio.engine.requests.generate import GenerateRequest
from studio.ui.create import text
from studio.ui.jobs import cost_text
from tests.ui.cards import LARGE, STARTER, broken

if TYPE_CHECKING:
    from studio.ui.create.form_model import FormModel
    from tests.ui.program import MakeModels


@pytest.fixture
def form(make_models: MakeModels) -> FormModel:
    return make_models(STARTER, LARGE).form


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seed": MAX_SEED, "count": 4}, "Seed must be at most 18446744073709551612 for a count of 4."),
        ({"steps": 1001}, "Steps must be a whole number from 1 to 1,000"),
        ({"width": 65, "height": 64}, "Size 65x64 is not one"),
        ({"prompt": "x" * 2001}, "Prompt must be at most"),
        ({"prompt": "a\0b"}, "Prompt contains a NUL"),
        ({"model": "none"}, "Model 'none' is not installed; choose another."),
    ],
)
def test_a_fault_of_the_form_names_its_field_and_the_limit(
    changes: dict[str, Any], sentence: str, form: FormModel
) -> None:
    form.edit(**changes)
    assert form.fault.startswith(sentence)
    assert form.fault.endswith(".")


def test_without_a_usable_model_the_form_names_the_models_page(make_models: MakeModels) -> None:
    assert "none is installed" in make_models(broken("mine")).form.fault
    form = make_models(broken("mine"), LARGE).form
    form.edit(model="mine")
    assert form.fault == "Model 'mine' cannot be used (see the Models page); choose another."


@pytest.mark.parametrize(
    ("changes", "part"),
    [({"width": 512, "height": 256}, "512 × 256"), ({"steps": 900}, "at most 500 steps, not 900")],
)
def test_settings_of_a_request_that_the_model_does_not_support_are_named(
    changes: dict[str, Any], part: str, form: FormModel
) -> None:
    assert part in form.load_request(GenerateRequest(model="large", seed=3, **changes))


def test_the_cost_is_counted_in_model_calls_and_seconds(make_models: MakeModels) -> None:
    models = make_models(STARTER)
    form = models.form
    assert cost_text.cost(form.estimate) == "60 model calls"
    models.timings.note(
        model_sha256=STARTER.weights_sha256, device="cpu", size=(64, 64), model_calls=60, seconds=2.1
    )
    form.refresh_estimate()
    assert cost_text.cost(form.estimate) == "60 model calls, about 2 s on this machine"
    form.edit(count=4, guidance=1.0)
    assert cost_text.cost(form.estimate) == "4 × 30 model calls, about 4 s on this machine"


def test_folded_settings_are_named_as_their_controls_are(form: FormModel) -> None:
    assert text.changed_settings(form.values, STARTER) == ""
    form.edit_option("eta", 0.5)
    form.edit(spacing="leading")
    assert text.changed_settings(form.values, STARTER) == "Fresh noise (eta) 0.5, Leading"


def test_names_are_counted() -> None:
    assert text.names_offered(("fox",)) == "1 name, fox"
    assert text.names_offered(("fox", "fox face")) == "2 names, fox"
    assert [text.names_found(found, 10) for found in (10, 3)] == ["All 10 names", "3 of 10 names"]
