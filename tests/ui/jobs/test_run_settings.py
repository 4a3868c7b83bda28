from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.ui.core.settings import SettingsFile
from studio.ui.jobs.run_settings import SUGGESTION, FormValues, read_values
from tests.ui.cards import LARGE, STARTER, broken, numbers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from studio.ui.shell.models import Models
    from tests.ui.program import MakeModels

    Start = Callable[..., Models]

OTHER = FormValues(
    prompt="a fox <b>",
    negative="snow",
    model="large",
    sampler="pc",
    options={"ddim": {"eta": 0.25}, "pc": {"predictor": "ddpm", "corrector_steps": 2, "snr": 0.5}},
    steps=77,
    guidance=1.5,
    spacing="linspace",
    seed=2**64 - 1,
    seed_locked=True,
    seed_used=True,
    width=128,
    height=64,
    count=1,
)


@pytest.fixture
def start(make_models: MakeModels) -> Start:
    """Return what starts the program anew with these models, on the same folders."""
    return lambda *cards: make_models(*cards, draw=numbers(7, 11, 13))


def test_values_are_kept_between_starts(start: Start) -> None:
    models = start(STARTER, LARGE)
    form = models.form
    form.edit(**{name: value for name, value in OTHER.to_dict().items() if name != "seed_used"})
    form.take_request()
    assert form.values == OTHER
    models.preferences.save()
    again = start(STARTER, LARGE).form
    assert again.values == OTHER
    assert not again.undo_stack.canUndo()


def test_a_seed_used_before_the_start_is_not_used_again(start: Start) -> None:
    models = start(STARTER)
    assert models.form.take_request().seed == 7
    models.preferences.save()
    assert start(STARTER).form.take_request().seed == 11


def test_values_read_back_as_they_were_written() -> None:
    text = json.dumps(OTHER.to_dict(), allow_nan=False)
    assert read_values(json.loads(text), FormValues()) == OTHER


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("prompt", value) for value in (3, None, "x" * 2001, "a\0b", "\ud800")],
        *[("negative", value) for value in (["x"], "x" * 2001)],
        *[("model", value) for value in (3, "", " ", "a\nb")],
        *[("sampler", value) for value in ("heun", 3, None, ["ddim"], {})],
        *[("steps", value) for value in (0, 1001, 30.0, True, "30", None, 10**40)],
        *[("guidance", value) for value in (-1, 31, float("nan"), "3", True)],
        *[("spacing", value) for value in ("beta", 3, [])],
        *[("seed", value) for value in (-1, 2**64, 1.5, True)],
        *[("seed_locked", value) for value in (1, "true", None)],
        *[("seed_used", value) for value in (0, [])],
        *[("count", value) for value in (0, 1001, 1.0)],
    ],
)
def test_only_an_unusable_value_falls_back_to_the_default(name: str, value: object) -> None:
    base = FormValues(model="starter", prompt="base", seed=5)
    read = read_values(OTHER.to_dict() | {name: value}, base)
    assert read == FormValues(**{**vars(OTHER), name: getattr(base, name)})


@pytest.mark.parametrize("half", [{"width": 0}, {"height": "64"}, {"width": None, "height": 10**9}])
def test_a_size_falls_back_as_a_whole(half: dict[str, object]) -> None:
    assert read_values(OTHER.to_dict() | half, FormValues()).size == (64, 64)


@pytest.mark.parametrize("options", [None, [], {"ddim": 3}, {"euler": {"eta": 1.0}}, {"ddim": {"eta": 7}}])
def test_options_that_cannot_be_used_are_dropped(options: object) -> None:
    assert read_values(OTHER.to_dict() | {"options": options}, FormValues()).options == {}


def test_the_usable_options_of_a_sampler_are_kept() -> None:
    options = {"pc": {"predictor": "ddpm", "corrector_steps": -1, "new": 3, "snr": 1}, "ddim": {"eta": "x"}}
    read = read_values({"options": options}, FormValues())
    assert read.options == {"pc": {"predictor": "ddpm", "snr": 1.0}}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(list(vars(OTHER))), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*vars(OTHER), "more"]), JSON))
def test_any_saved_data_gives_valid_values(saved: dict[str, Any]) -> None:
    values = read_values(saved, FormValues(model="starter", seed=5))
    request = values.request().validate()
    assert read_values(values.to_dict(), FormValues()) == values
    assert request.model == values.model


def test_a_model_that_was_removed_is_replaced_and_the_rest_stays(start: Start) -> None:
    models = start(STARTER, LARGE)
    models.form.edit(model="large", prompt="a fox", steps=500)
    models.preferences.save()
    again = start(broken("large"), STARTER).form
    assert (again.values.model, again.values.prompt) == ("starter", "a fox")
    assert (again.values.steps, again.values.size) == (500, (64, 64))
    assert again.fault == ""


def test_a_size_that_a_changed_model_does_not_make_falls_back(stepwise_home: Path, start: Start) -> None:
    file = SettingsFile(stepwise_home / "settings" / "window.json")
    file.save({"form": {"model": "large", "width": 100, "height": 100, "steps": 900}})
    form = start(STARTER, LARGE).form
    assert (form.values.size, form.values.steps, form.values.prompt) == ((128, 128), 500, SUGGESTION)


def test_the_options_of_values_cannot_change() -> None:
    given = {"ddim": {"eta": 0.5}}
    values = FormValues(options=given)
    given["ddim"]["eta"] = 1.0
    assert values.options == {"ddim": {"eta": 0.5}}
    with pytest.raises(TypeError):
        values.options["ddim"] = {}  # type: ignore[index]
