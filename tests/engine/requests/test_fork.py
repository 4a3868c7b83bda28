"""A fork goes on from any step of another run: the same bits where nothing is changed, for the rest of the cost."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from studio.checkpoints.card import Defaults
from studio.diffusion.samplers import COMPARED
from studio.diffusion.spacings import SPACINGS, visit_times
from studio.engine.events import JobStarted, PictureStarted
from studio.engine.requests.fork import ForkRequest, StartState, fork_request, respaced
from studio.engine.requests.previews import EVERY_STEP, Previews
from studio.errors import RequestError, UnknownNameError
from tests.checkpoints.models import CARD
from tests.engine.asking import asking, bits, pictures, steps_of, those

if TYPE_CHECKING:
    from studio.engine.engine import Engine
    from studio.engine.events import Event
    from studio.engine.requests.generate import GenerateRequest

ARRAYS = Previews(every=0, arrays=True)


def states_of(events: list[Event]) -> list[StartState]:
    """Where a run stood at its start and after each step but the last."""
    (started,) = those(PictureStarted, events)
    states = [started.start]
    for step in steps_of(events)[:-1]:
        assert step.state is not None
        times = started.start.times[step.step :]
        history, history_times = step.history, step.history_times
        states.append(
            StartState(
                x=step.state, index=step.step, times=times, history=history, history_times=history_times
            )
        )
    return states


def request_of(events: list[Event]) -> GenerateRequest:
    return those(JobStarted, events)[0].request


def shape_of(k: int) -> StartState:
    """A state after k of four steps of the latent model at 16x16 pixels."""
    times = visit_times(1000, 4, "trailing")
    return StartState(x=np.zeros((4, 4, 4), np.float32), index=k, times=times[k:])


# ------------------------------------------------------------------------------------------- what changes nothing


@pytest.mark.parametrize("guidance", [1, 3])
@pytest.mark.parametrize("sampler", [*COMPARED, "dpmpp_2m"])
def test_a_fork_that_changes_nothing_is_its_parent_from_every_step_for_the_rest_of_the_calls(
    engine: Engine, sampler: str, guidance: int
) -> None:
    parent = list(engine.run(asking(sampler, steps=5, guidance=guidance), previews=ARRAYS))
    (done,), spent = pictures(parent), [0, *(step.model_calls for step in steps_of(parent))]
    for start in states_of(parent):
        events = list(engine.run(ForkRequest(request=request_of(parent), start=start), previews=ARRAYS))
        (fork,) = pictures(events)
        assert bits(fork) == bits(done)
        assert fork.model_calls == spent[-1] - spent[start.index]
        for mine, theirs in zip(steps_of(events), steps_of(parent)[start.index :], strict=True):
            assert (mine.step, mine.steps, mine.t, mine.s) == (theirs.step, 5, theirs.t, theirs.s)
            assert np.array_equal(mine.state, theirs.state)
            assert np.array_equal(mine.x0_hat, theirs.x0_hat)


@pytest.mark.parametrize("sampler", COMPARED)
@pytest.mark.parametrize("change", ["noise of the step before", "another seed", "a state off by a bit"])
def test_a_changed_fork_is_not_bit_identical(engine: Engine, sampler: str, change: str) -> None:
    parent = list(engine.run(asking(sampler, steps=5), previews=ARRAYS))
    request, start = request_of(parent), states_of(parent)[2]
    match change:
        case "noise of the step before":
            start, request = replace(start, index=1), replace(request, steps=4)
        case "another seed":
            request = replace(request, seed=8)
        case _:
            start = replace(start, x=np.nextafter(start.x, np.float32(9)))
    (fork,) = pictures(engine.run(ForkRequest(request=request, start=start)))
    assert bits(fork) != bits(pictures(parent)[0])


def test_previews_and_arrays_change_no_bit_of_a_fork(engine: Engine) -> None:
    start = states_of(list(engine.run(asking("pc"), previews=ARRAYS)))[1]
    fork = ForkRequest(request=asking("pc"), start=start)
    made = [
        bits(*pictures(engine.run(fork, previews=one))) for one in (Previews(every=0), EVERY_STEP, ARRAYS)
    ]
    assert len(set(made)) == 1


def test_a_fork_leaves_the_arrays_that_it_starts_from_alone(engine: Engine) -> None:
    start = states_of(list(engine.run(asking("langevin"), previews=ARRAYS)))[1]
    x = start.x.copy()
    (fork,) = pictures(engine.run(ForkRequest(request=asking("langevin"), start=replace(start, x=x))))
    assert np.array_equal(x, start.x)
    assert bits(fork) == bits(*pictures(engine.run(asking("langevin"))))


# ------------------------------------------------------------------------------------------- what changes something


@pytest.mark.parametrize(
    "change",
    [{"prompt": "a cat"}, {"guidance": 1.5}, {"negative": "dog"}, {"sampler": "ddpm", "options": {}}],
    ids=lambda change: next(iter(change)),
)
def test_a_fork_may_continue_with_other_settings(engine: Engine, change: dict[str, Any]) -> None:
    parent = list(engine.run(asking(), previews=ARRAYS))
    start = states_of(parent)[2]
    events = list(engine.run(ForkRequest(request=replace(request_of(parent), **change), start=start)))
    assert [step.step for step in steps_of(events)] == [3, 4]
    assert bits(*pictures(events)) != bits(*pictures(parent))


def test_a_fork_may_take_another_number_of_steps(engine: Engine) -> None:
    parent = list(engine.run(asking(), previews=ARRAYS))
    start = respaced(states_of(parent)[2], 5, 1000, "trailing")
    request = replace(request_of(parent), steps=None)
    events = list(engine.run(ForkRequest(request=request, start=start), previews=ARRAYS))
    assert those(JobStarted, events)[0].steps == 7
    assert [(step.step, step.steps) for step in steps_of(events)] == [(n, 7) for n in range(3, 8)]
    assert (steps_of(events)[0].t, steps_of(events)[-1].s) == (499, -1)
    (started,) = those(PictureStarted, events)
    assert (started.steps, started.start.index, started.request.steps) == (7, 2, 7)
    assert started.x_T_sha256 == pictures(events)[0].x_T_sha256


def test_a_fork_may_continue_with_another_model_of_the_same_latents(engine: Engine) -> None:
    start = states_of(list(engine.run(asking(model="pixels"), previews=ARRAYS)))[2]
    events = engine.run(ForkRequest(request=asking(model="textless", guidance=None), start=start))
    assert pictures(events)[0].model_calls == 2


# ------------------------------------------------------------------------------------------------- the request
HISTORY = (np.ones((4, 4, 4), np.float32),)


@pytest.mark.parametrize("remaining", [None, 2])
def test_a_fork_with_as_many_steps_and_the_same_sampler_keeps_times_and_history(
    remaining: int | None,
) -> None:
    start = replace(shape_of(2), history=HISTORY, history_times=(749.5,))
    request = replace(asking("ddim"), steps=None, count=3)
    fork = fork_request(request, start, CARD, sampler="ddim", remaining=remaining, parent="run-1")
    assert fork.start is start
    assert fork.request == replace(request, steps=4, count=1)
    assert fork.parent == "run-1"


@pytest.mark.parametrize("here", [250.5, 0.25])
@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_state_between_two_whole_times_is_spaced_anew_too(here: float, spacing: str) -> None:
    start = replace(shape_of(3), times=(here, -1))
    for remaining in (1, 2, 7) if here > 1 else (1,):
        times = respaced(start, remaining, 1000, spacing).times
        assert (times[0], times[-1], len(times)) == (here, -1, remaining + 1)
        assert all(later < earlier for earlier, later in pairwise(times))


def test_another_sampler_does_not_get_the_history() -> None:
    start = replace(shape_of(2), history=HISTORY, history_times=(749.5,))
    fork = fork_request(asking("ddpm", steps=None), start, CARD, sampler="ddim")
    assert (fork.start.history, fork.start.history_times) == ((), ())
    assert (fork.start.times, fork.request.sampler) == (start.times, "ddpm")


@pytest.mark.parametrize("spacing", [None, *SPACINGS])
def test_another_number_of_steps_is_spaced_as_requested_or_as_the_model_does(spacing: str | None) -> None:
    card = replace(CARD, defaults=Defaults(spacing="leading"))
    fork = fork_request(
        asking("ddim", steps=None, spacing=spacing), shape_of(2), card, sampler="ddim", remaining=5
    )
    assert fork.start.times == respaced(shape_of(2), 5, CARD.T, spacing or "leading").times
    assert fork.request.steps == 7


@pytest.mark.parametrize(
    ("remaining", "said"), [(0, "from 1 to 998, not 0"), (999, "not 999"), (2.5, "not 2.5"), (600, "not 600")]
)
def test_a_number_of_steps_that_no_fork_can_take_is_refused(remaining: int, said: str) -> None:
    with pytest.raises(RequestError, match=f"remaining.*{said}"):
        fork_request(asking(steps=None), shape_of(2), CARD, sampler="ddim", remaining=remaining)


# ------------------------------------------------------------------------------------------------- spaced anew


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("remaining", [1, 2, 7, 250])
def test_respaced_times_start_at_the_time_of_x_and_end_at_clean_data(spacing: str, remaining: int) -> None:
    start = replace(shape_of(3), history=HISTORY, history_times=(499,))
    again = respaced(start, remaining, 1000, spacing)
    assert (again.times[0], again.times[-1], again.remaining) == (249, -1, remaining)
    assert all(later < earlier for earlier, later in pairwise(again.times))
    assert (again.x is start.x, again.index, again.history) == (True, 3, start.history)
    widest = max(earlier - later for earlier, later in pairwise(again.times[:-1])) if remaining > 1 else 0
    assert widest <= 1.2 * 250 / max(remaining - 1, 1), "as even as the spacing is over all times"


@pytest.mark.parametrize(
    ("remaining", "T", "said"),
    [
        (0, 1000, "remaining steps must be .* from 1 to 250, not 0"),
        (251, 1000, "not 251"),
        (1, 249, "only 249"),
    ],
)
def test_impossible_respacings_are_rejected(remaining: int, T: int, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        respaced(shape_of(3), remaining, T, "trailing")
    with pytest.raises(UnknownNameError, match="spacing"):
        respaced(shape_of(3), 4, 1000, "even")


# ------------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (replace(shape_of(3), index=4, times=(-1,)), "step 4 is the last one: no steps remain"),
        (replace(shape_of(3), times=()), "end at -1"),
        (replace(shape_of(3), times=(249, 100)), "end at -1"),
        (replace(shape_of(3), times=(249, 249, -1)), "decreasing times"),
        (replace(shape_of(3), times=("249", -1)), "numbers for times"),  # type: ignore[arg-type]
        (replace(shape_of(3), times=(True, -1)), "numbers for times"),
        (replace(shape_of(3), times=(249, -0.5, -1)), "none of them between -1 and 0"),
        (replace(shape_of(3), times=(math.nan, -1)), "decreasing times"),
        (replace(shape_of(3), model_times=(1.0, 2.0)), "a model time for each time"),
        (replace(shape_of(3), model_times=(math.nan,)), "finite numbers"),
        (replace(shape_of(3), history=HISTORY), "a time for each array"),
        (replace(shape_of(3), index=-1), "step must be"),
        (replace(shape_of(3), index=1000), "steps must be a whole number from 1 to 1,000"),
        (replace(shape_of(3), x=np.zeros((4, 4), np.float32)), r"shape \(C, h, w\)"),
        (replace(shape_of(3), x=np.zeros((4, 4, 4))), "finite float32"),  # type: ignore[arg-type]
        (replace(shape_of(3), x=np.full((4, 4, 4), np.nan, np.float32)), "finite float32"),
        (
            replace(shape_of(3), history=(np.full(4, np.inf, np.float32),), history_times=(499,)),
            "finite float32",
        ),
        (
            replace(shape_of(3), history=(np.zeros(4, np.float32),) * 17, history_times=(499,) * 17),
            "at most 16",
        ),
    ],
)
def test_an_invalid_start_state_is_rejected(start: StartState, said: str) -> None:
    request = ForkRequest(request=asking(steps=None), start=start)
    with pytest.raises(RequestError, match=said):
        request.validate()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"steps": 5}, "steps must be 4 to continue from step 1 with 3 remaining, not 5"),
        ({"count": 2}, "count must be 1 to fork"),
        ({"guidance": float("nan")}, "guidance must be"),
        ({"width": 32, "height": 16}, r"start is a state of shape 4x4x4, but 'latent' at 32x16 .* 4x4x8"),
        ({"model": "pixels"}, "'pixels' at 16x16 .* 3x16x16"),
        ({"width": 48, "height": 48}, "allowed: 16x16, 32x16"),
    ],
)
def test_an_impossible_fork_is_rejected_before_any_model_is_loaded(
    engine: Engine, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(RequestError, match=said):
        next(iter(engine.run(ForkRequest(request=replace(asking(), **fields), start=shape_of(1)))))
    assert engine._models.newest is None


def test_a_state_at_a_time_that_the_model_has_not_is_refused(engine: Engine) -> None:
    start = replace(shape_of(1), times=(1000, 5, 3, -1))
    with pytest.raises(RequestError, match="start is at time 1000, but the model has only 1000"):
        list(engine.run(ForkRequest(request=asking(), start=start)))


def test_a_parent_is_a_name_and_no_more() -> None:
    request = ForkRequest(request=asking(), start=shape_of(1), parent="run-1").validate()
    assert request.parent == "run-1"
    with pytest.raises(RequestError, match="parent must be at most"):
        dataclasses.replace(request, parent="x" * 1000).validate()


def test_the_start_has_the_noise_level_that_the_step_before_it_reached(engine: Engine) -> None:
    parent = list(engine.run(asking(steps=5), previews=ARRAYS))
    levels = [those(PictureStarted, parent)[0].sigma, *(step.sigma for step in steps_of(parent))]
    assert levels[0] == pytest.approx(1.0, abs=1e-3)
    start = states_of(parent)[3]
    fork = engine.run(ForkRequest(request=request_of(parent), start=start), previews=ARRAYS)
    assert those(PictureStarted, fork)[0].sigma == levels[3]
