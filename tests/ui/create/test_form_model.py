from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from studio.diffusion.seeds import DISTINCT_SEEDS, MAX_SEED
from studio.engine.requests.generate import GenerateRequest
from studio.errors import RequestError, capitalised
from studio.ui.jobs.run_settings import SUGGESTION, FormValues
from tests.ui.cards import LARGE, STARTER, WORDLESS, broken, installed, numbers, show_models

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from studio.ui.create.form_model import FormModel
    from studio.ui.shell.models import Models
    from tests.ui.program import MakeModels


@pytest.fixture
def models(make_models: MakeModels) -> Models:
    return make_models(STARTER, LARGE, WORDLESS, draw=numbers(7, 11, 13))


@pytest.fixture
def form(models: Models) -> FormModel:
    return models.form


# --------------------------------------------------------------------------------------------------- the first start
def test_at_the_first_start_generate_works_at_once(form: FormModel) -> None:
    assert form.values == FormValues(prompt=SUGGESTION, model="starter", guidance=3.0, seed=7)
    assert form.suggested
    assert form.fault == ""
    request = form.take_request()
    assert request == GenerateRequest(prompt=SUGGESTION, seed=7).resolve(STARTER)
    assert request == request.resolve(STARTER)


def test_without_any_model_the_form_says_so(
    make_models: MakeModels, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    models = make_models(broken("mine"))
    catalog, form = models.catalog, models.form
    assert form.fault
    with pytest.raises(RequestError):
        form.take_request()
    assert form.values.seed_used is False
    assert form.estimate.model_calls == 60
    faults: list[str] = []
    form.changed.connect(lambda: faults.append(form.fault))
    show_models(monkeypatch, installed(STARTER))
    with qtbot.waitSignal(catalog.changed):
        catalog.reload()
    assert len(faults) == 1


# ------------------------------------------------------------------------------------------------------------- seeds
def test_a_seed_that_was_used_is_replaced_at_the_next_generate(form: FormModel) -> None:
    assert [form.take_request().seed for _ in range(3)] == [7, 11, 13]
    assert form.values.seed == 13


def test_a_locked_seed_stays(form: FormModel) -> None:
    form.edit(seed_locked=True)
    assert [form.take_request().seed for _ in range(3)] == [7, 7, 7]
    form.edit(seed_locked=False)
    assert form.take_request().seed == 11


def test_a_typed_seed_is_used_next(form: FormModel) -> None:
    form.take_request()
    form.edit(seed=5)
    assert form.take_request().seed == 5
    form.edit(seed=5)  # typed once more
    assert form.take_request().seed == 5
    assert form.take_request().seed == 11


def test_a_rolled_seed_is_used_next(form: FormModel) -> None:
    form.take_request()
    form.roll_seed()
    assert form.values.seed == 11
    assert form.take_request().seed == 11
    assert form.take_request().seed == 13


def test_a_seed_that_undo_brings_back_is_used_next(form: FormModel) -> None:
    form.take_request()
    form.edit(seed=5)
    form.take_request()
    form.undo_stack.undo()
    assert form.take_request().seed == 7


def test_generate_is_not_an_undo_step(form: FormModel) -> None:
    form.edit(prompt="a")
    form.take_request()
    form.take_request()
    form.undo_stack.undo()
    assert (form.values.prompt, form.values.seed) == (SUGGESTION, 11)


def test_a_drawn_seed_leaves_room_for_all_pictures(make_models: MakeModels) -> None:
    asked: list[int] = []
    form = make_models(draw=lambda n: asked.append(n) or n - 1).form
    form.edit(count=4)
    form.roll_seed()
    assert form.fault == ""
    assert form.take_request().seed == DISTINCT_SEEDS - 4  # the first seed was drawn for one picture
    assert asked == [DISTINCT_SEEDS, DISTINCT_SEEDS - 3]


# ------------------------------------------------------------------------------------------------------------ faults
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"seed": MAX_SEED, "count": 2}, "seed"),
        ({"steps": 1001}, "steps"),
        ({"width": 65, "height": 64}, "size"),
        ({"prompt": "x" * 2001}, "prompt"),
        ({"prompt": "a\0b"}, "prompt"),
        ({"model": "none"}, "model"),
    ],
)
def test_impossible_settings_are_reported_in_one_sentence(
    changes: dict[str, Any], field: str, form: FormModel
) -> None:
    form.edit(**changes)
    with pytest.raises(RequestError) as caught:
        form.take_request()
    assert caught.value.field == field
    assert form.fault == capitalised(str(caught.value))
    form.undo_stack.undo()
    assert form.fault == ""


def test_a_broken_model_is_reported_in_one_sentence(
    models: Models, form: FormModel, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    show_models(monkeypatch, broken("starter"), installed(LARGE))
    models.catalog.reload()
    qtbot.waitUntil(lambda: form.fault != "")
    assert form.card is None
    form.edit(model="large")
    assert form.fault == ""


def test_a_field_the_form_does_not_have_is_a_mistake_of_the_program(form: FormModel) -> None:
    with pytest.raises(TypeError):
        form.edit(colour="red")


# ----------------------------------------------------------------------------------------------- models and samplers
def test_another_model_brings_its_defaults(form: FormModel) -> None:
    form.edit(model="large")
    values = form.values
    assert (values.sampler, values.steps, values.guidance, values.spacing) == ("ddpm", 100, 5.0, "leading")
    assert values.size == LARGE.sizes[0] != STARTER.sizes[0]
    form.undo_stack.undo()
    assert (form.values.model, form.values.sampler, form.values.size) == (
        "starter",
        "ddim",
        STARTER.sizes[0],
    )


def test_values_set_by_the_user_stay_with_another_model(form: FormModel) -> None:
    form.edit(steps=50, sampler="pc")
    form.edit(guidance=1.0)
    form.edit(model="large")
    values = form.values
    assert (values.sampler, values.steps, values.guidance, values.spacing) == ("pc", 50, 1.0, "leading")


def test_values_that_another_model_does_not_support_are_replaced(form: FormModel) -> None:
    form.edit(steps=900)
    form.edit(model="large")
    assert form.values.steps == 500
    form.edit(width=128, height=64)
    form.edit(model="starter")
    assert form.values.size == STARTER.sizes[0]
    assert form.fault == ""


def test_a_model_without_text_has_no_guidance(form: FormModel) -> None:
    assert form.estimate.model_calls == 60
    form.edit(model="wordless")
    assert form.estimate.model_calls == 30
    assert form.take_request().guidance == 1.0


def test_options_are_kept_by_sampler(form: FormModel) -> None:
    form.edit_option("eta", 0.5)
    form.edit(sampler="langevin")
    form.edit_option("passes", 2)
    assert form.take_request().options == {"passes": 2, "coefficient": 0.5}
    form.edit(sampler="ddim")
    assert form.take_request().options == {"eta": 0.5}
    form.edit(sampler="langevin")
    assert form.values.options_of("langevin")["passes"] == 2


def test_an_option_that_the_sampler_does_not_take_is_refused(form: FormModel) -> None:
    for name, value in (("passes", 2), ("eta", 2.0), ("eta", "much")):
        with pytest.raises(RequestError):
            form.edit_option(name, value)
    assert form.undo_stack.count() == 0


# --------------------------------------------------------------------------------------------------- pictures' settings
PICTURE = GenerateRequest(
    prompt="a tiger",
    negative="blue",
    model="large",
    sampler="pc",
    options={"predictor": "ddpm", "corrector_steps": 3, "snr": 0.2},
    steps=77,
    spacing="linspace",
    guidance=7.5,
    seed=99,
    count=1,
    width=64,
    height=64,
).resolve(LARGE)


def test_a_picture_fills_the_form_and_can_be_reproduced(form: FormModel) -> None:
    form.edit(seed_locked=True)
    form.take_request()
    assert form.load_request(PICTURE) == ""
    assert form.values.seed_locked is False
    assert form.take_request() == PICTURE
    assert form.take_request().seed == 11  # and then new ones


def test_loading_a_picture_is_one_step_of_undo(form: FormModel) -> None:
    before = form.values
    form.load_request(PICTURE)
    assert form.undo_stack.count() == 1
    form.undo_stack.undo()
    assert form.values == before
    form.undo_stack.redo()
    assert form.take_request() == PICTURE


def test_loading_the_same_picture_again_uses_its_seed_again(form: FormModel) -> None:
    form.load_request(PICTURE)
    form.take_request()
    form.load_request(PICTURE)
    assert form.take_request() == PICTURE
    assert form.undo_stack.count() == 1


def test_settings_missing_in_a_picture_are_its_models_defaults(form: FormModel) -> None:
    form.edit(steps=3, guidance=1.0, sampler="langevin")
    form.load_request(GenerateRequest(prompt="a fox", model="large", seed=3))
    assert form.take_request() == GenerateRequest(prompt="a fox", model="large", seed=3).resolve(LARGE)


def test_options_of_a_picture_replace_those_set(form: FormModel) -> None:
    form.edit_option("eta", 0.5)
    form.load_request(GenerateRequest(prompt="a fox", sampler="ddim"))
    assert form.values.options_of("ddim") == {"eta": 0.0}


def test_a_picture_of_a_missing_model_fills_the_form_but_cannot_be_generated(form: FormModel) -> None:
    form.load_request(dataclasses.replace(PICTURE, model="/etc/elsewhere"))
    assert form.values.prompt == "a tiger"
    assert form.values.model == "/etc/elsewhere"
    assert form.fault
    assert form.card is None
    form.edit(model="large")
    assert form.take_request() == PICTURE


@pytest.mark.parametrize(
    ("changes", "figure"), [({"width": 512, "height": 256}, "512"), ({"steps": 900}, "900")]
)
def test_what_the_model_cannot_do_any_more_is_told(
    changes: dict[str, Any], figure: str, form: FormModel
) -> None:
    sentence = form.load_request(dataclasses.replace(PICTURE, **changes))
    assert figure in sentence
    assert form.fault == ""


def test_a_request_no_model_could_make_changes_nothing(form: FormModel) -> None:
    before = form.values
    with pytest.raises(RequestError):
        form.load_request(GenerateRequest(steps=-1))
    assert form.values == before


# ------------------------------------------------------------------------------------------------------------ estimates
def test_the_estimate_counts_the_models_calls(form: FormModel) -> None:
    form.edit(count=4)
    estimate = form.estimate
    assert (estimate.pictures, estimate.queries, estimate.calls_per_query) == (4, 30, 2)
    assert (estimate.model_calls, estimate.seconds) == (240, None)
    form.edit(guidance=1.0)
    assert form.estimate.model_calls == 120
    form.edit(sampler="langevin", steps=10)
    assert form.estimate.model_calls == 4 * (9 * 5 + 1)
    form.edit_option("passes", 1)
    assert form.estimate.model_calls == 4 * 10


def test_the_estimate_gives_seconds_once_they_were_measured(make_models: MakeModels) -> None:
    models = make_models(STARTER, LARGE)
    timings, form = models.timings, models.form
    timings.note(
        model_sha256=STARTER.weights_sha256, device="cpu", size=(64, 64), model_calls=60, seconds=3.0
    )
    seconds: list[float | None] = []
    form.estimate_changed.connect(lambda: seconds.append(form.estimate.seconds))
    form.refresh_estimate()
    form.set_device("cpu")
    form.set_device("cpu")
    form.set_device("cuda")
    assert seconds == [pytest.approx(3.0), pytest.approx(3.0), None]
    form.set_device("cpu")
    form.edit(count=2, steps=60)
    assert form.estimate.seconds == pytest.approx(12.0)
    form.edit(model="large")
    assert form.estimate.seconds is None
