from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.ui.compare.model import (
    CompareModel,
    Mark,
    marks_of,
    match,
    nearest_position,
    noise_hashes,
    positions,
)
from studio.ui.core.job import Job
from studio.ui.core.job_state import JobState
from tests.runs.steps import latents
from tests.ui.asked import Asked, make_frames
from tests.ui.compared import Compared
from tests.ui.fakes import asking


def run(steps: int, calls_per_step: int = 1, power: float = 1.0) -> list[Mark]:
    """A run whose noise level falls from just below 1 to 0."""
    return [
        Mark(step=step, level=(1 - step / steps) ** power, calls=calls_per_step * step)
        for step in range(1, steps + 1)
    ]


def test_by_noise_level_step_5_of_10_stands_beside_step_25_of_50() -> None:
    found = match(run(50), 0.5, "level")
    assert found is not None
    assert (found.mark.step, found.gap) == (25, 0.0)
    found = match(run(10), 0.5, "level")
    assert found is not None
    assert (found.mark.step, found.gap) == (5, 0.0)


def test_without_an_equal_level_the_nearest_is_taken_and_the_gap_is_shown() -> None:
    found = match(run(4), 0.9, "level")  # has 0.75, 0.5, 0.25, 0
    assert found is not None
    assert found.mark.step == 1
    assert found.gap == pytest.approx(-0.15)


def test_of_two_equally_near_levels_the_noisier_is_taken() -> None:
    found = match(run(4), 0.625, "level")
    assert found is not None
    assert found.mark.step == 1


def test_by_step_a_finished_run_stays_at_its_last_step() -> None:
    found = match(run(10), 20, "step")
    assert found is not None
    assert (found.mark.step, found.gap) == (10, -10)


def test_by_model_calls_two_calls_a_step_pair_step_k_with_step_2k() -> None:
    heun, euler = run(10, calls_per_step=2), run(20)
    for k in range(1, 11):
        first, second = match(heun, 2 * k, "calls"), match(euler, 2 * k, "calls")
        assert first is not None
        assert second is not None
        assert (first.mark.step, second.mark.step) == (k, 2 * k)
        assert first.gap == second.gap == 0


def test_by_model_calls_only_steps_within_the_calls_are_shown() -> None:
    found = match(run(10, calls_per_step=2), 5, "calls")
    assert found is not None
    assert (found.mark.step, found.gap) == (2, -1)


def test_before_its_first_step_a_run_shows_that() -> None:
    found = match(run(3, calls_per_step=4), 1, "calls")
    assert found is not None
    assert (found.mark.step, found.gap) == (1, 3)


def test_a_run_without_steps_matches_nothing() -> None:
    assert match([], 0.5, "level") is None
    assert positions([[], []], "level") == ()
    assert nearest_position((), 0.5) == -1


def test_positions_are_those_of_all_runs_once_each_in_the_order_of_a_run() -> None:
    assert positions([run(2), run(4)], "level") == pytest.approx((0.75, 0.5, 0.25, 0))
    assert positions([run(2), run(4)], "step") == (1, 2, 3, 4)
    assert positions([run(2, calls_per_step=3), run(4)], "calls") == (1, 2, 3, 4, 6)


def test_a_value_finds_its_nearest_position() -> None:
    assert nearest_position((1.0, 0.5, 0.0), 0.6) == 1


@given(st.lists(st.integers(1, 60), min_size=2, max_size=6), st.floats(0, 1))
def test_no_other_step_of_any_run_is_nearer_to_a_level(lengths: list[int], level: float) -> None:
    for steps in lengths:
        marks = run(steps, power=0.7)
        found = match(marks, level, "level")
        assert found is not None
        assert abs(found.gap) == min(abs(mark.level - level) for mark in marks)


@given(st.integers(1, 60), st.sampled_from(["level", "step", "calls"]))
def test_a_run_alone_meets_each_of_its_positions_without_a_gap(steps: int, alignment: str) -> None:
    marks = run(steps, calls_per_step=2)
    for number, position in enumerate(positions([marks], alignment)):  # type: ignore[arg-type]
        found = match(marks, position, alignment)  # type: ignore[arg-type]
        assert found is not None
        assert (found.index, found.gap) == (number, 0)


FOUR, EIGHT = {"steps": 4}, {"steps": 8, "sampler": "ddpm", "options": {"variance": "posterior"}}


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def model(qapp: object, asked: Asked) -> CompareModel:
    return CompareModel(make_frames(asked))


def looked_at(asked: Asked) -> list[tuple[int, int, str]]:
    """The run, the step and the quantity of every frame that was to be decoded."""
    works: list[Any] = [call.work for call in asked.decodes]
    return [(work.image, work.step, work.quantity) for work in works]


def steps(model: CompareModel) -> list[int | None]:
    return [run.shown.step if run.shown is not None else None for run in model.runs()]


def gaps(model: CompareModel) -> list[float]:
    return [run.gap for run in model.runs()]


def values(model: CompareModel) -> list[int | None]:
    return [None if run.frame is None else int(run.frame.pixels[0, 0, 0]) for run in model.runs()]


class Received:
    """The signals of a model, in order."""

    def __init__(self, model: CompareModel) -> None:
        self.names: list[str] = []
        model.changed.connect(lambda: self.names.append("changed"))
        model.positions_changed.connect(lambda: self.names.append("positions"))
        model.shown_changed.connect(lambda: self.names.append("shown"))


def test_without_a_comparison_there_is_nothing(model: CompareModel) -> None:
    assert model.runs() == ()
    assert (model.count, model.place, model.positions, model.levels, model.planned) == (0, -1, (), (), 0)
    model.select(3)
    model.set_pair(0, 1)
    model.step_candidate(1)
    assert (model.position, model.base, model.candidate) == (None, 0, 1)


def test_other_jobs_are_not_followed(model: CompareModel) -> None:
    model.follow(JobState(Job(request=asking())))
    assert model.job_state is None


def test_while_it_runs_every_run_shows_its_newest_step(model: CompareModel) -> None:
    Compared(model, FOUR, EIGHT).begin().rounds(1, 2, 3)
    assert steps(model) == [3, 3]
    assert values(model) == [3, 3]
    assert gaps(model) == [0, 0]
    assert model.place == len(model.positions) - 1


def test_by_noise_level_the_nearest_levels_are_shown_side_by_side_with_their_gap(model: CompareModel) -> None:
    Compared(model, FOUR, EIGHT).play()
    assert model.positions == pytest.approx((0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0))
    assert model.levels == model.positions
    model.select(3)
    assert steps(model) == [2, 4]
    assert gaps(model) == [0, 0]
    model.select(0)
    assert steps(model) == [1, 1]
    assert gaps(model) == pytest.approx([-0.125, 0])


def test_by_step_and_by_model_calls(model: CompareModel) -> None:
    Compared(model, FOUR, EIGHT).play()
    model.set_alignment("step")
    model.select(5)
    assert steps(model) == [4, 6]
    assert gaps(model) == [-2, 0]
    assert model.levels[5] == pytest.approx(0.25)  # of the longer run
    model.set_alignment("calls")
    assert model.positions == (2, 4, 6, 8, 10, 12, 14, 16)
    model.set_alignment("something else")
    assert model.alignment == "calls"


def test_another_alignment_leaves_the_first_run_where_it_is(model: CompareModel) -> None:
    Compared(model, FOUR, EIGHT).play()
    model.select(3)
    model.set_alignment("step")
    assert model.position == 2
    assert steps(model) == [2, 2]
    model.set_alignment("level")
    assert steps(model) == [2, 4]


def test_a_selected_step_stays_selected_while_the_runs_continue(model: CompareModel) -> None:
    played = Compared(model, FOUR, EIGHT).begin().rounds(1, 2)
    model.select(0)
    played.rounds(3, 4)
    assert model.position == pytest.approx(0.875)
    assert steps(model) == [1, 1]
    model.select(None)
    assert steps(model) == [4, 4]


def test_how_many_positions_there_will_be_is_known_where_runs_are_alike(model: CompareModel) -> None:
    played = Compared(model, FOUR, FOUR).begin()
    assert model.planned == 0
    played.rounds(1)
    assert (len(model.positions), model.planned) == (1, 4)
    model.set_alignment("step")
    assert model.planned == 4
    played.rounds(2, 3, 4).keep().end()
    assert model.planned == len(model.positions) == 4


def test_the_start_counts_as_a_position(model: CompareModel) -> None:
    Compared(model, FOUR, FOUR).begin().start().rounds(1)
    assert (len(model.positions), model.planned) == (2, 5)
    model.set_alignment("step")
    assert model.planned == 5


def test_positions_are_only_announced_if_they_changed(model: CompareModel) -> None:
    played, received = Compared(model, FOUR, FOUR).begin(), Received(model)
    played.rounds(1)
    assert received.names == ["positions", "shown"]
    received.names.clear()
    played.keep()
    assert set(received.names) == {"shown"}
    played.end()
    assert received.names[-2:] == ["changed", "shown"]


def test_the_pair_is_of_two_runs_and_the_candidate_goes_round(model: CompareModel) -> None:
    Compared(model, FOUR, FOUR, FOUR).begin()
    for wanted in (2, 1):
        model.step_candidate(1)
        assert (model.base, model.candidate) == (0, wanted)
    model.set_pair(1, 1)
    model.set_pair(0, 3)
    assert (model.base, model.candidate) == (0, 1)
    model.set_pair(2, 1)
    model.step_candidate(-1)
    assert (model.base, model.candidate) == (2, 0)
    Compared(model, FOUR, FOUR).begin()
    assert (model.base, model.candidate) == (0, 1)


def test_a_shown_step_is_decoded_in_full_once(model: CompareModel, asked: Asked) -> None:
    cheap: dict[str, Any] = {"tier": "small"}
    played, received = Compared(model, FOUR, FOUR).begin(), Received(model)
    played.rounds(1, 2, 3, **cheap)
    assert asked.decodes == []  # what only passes by is shown as it comes
    model.select(1)
    model.select(0)
    model.select(1)
    both = [(0, 2, "x0"), (1, 2, "x0")]
    assert looked_at(asked) == [*both, (0, 1, "x0"), (1, 1, "x0"), *both]
    assert len(asked.waiting) == 2  # only for the steps that are shown
    asked.decode(-1, 200)
    assert values(model) == [2, 200]
    assert received.names[-1] == "shown"


def test_a_step_without_a_picture_shows_the_one_before_until_it_is_decoded(
    model: CompareModel, asked: Asked
) -> None:
    played = Compared(model, FOUR, FOUR).begin().rounds(1)
    played.rounds(2, 3, preview=None, tier=None)
    Received(model)
    model.select(2)
    assert values(model) == [1, 1]
    for place in range(len(asked.decodes)):
        asked.decode(place, 90)
    assert values(model) == [90, 90]


def test_the_other_quantity_of_a_step_can_be_shown(model: CompareModel, asked: Asked) -> None:
    played = Compared(model, FOUR, FOUR).play()
    model.set_quantity("x_t")
    assert played.job.preview_target.quantity == "x_t"
    assert [(image, quantity) for image, _, quantity in looked_at(asked)] == [(0, "x_t"), (1, "x_t")]
    assert values(model) == [4, 4]  # what there is, until then
    for place in range(2):
        asked.decode(place, 77)
    assert values(model) == [77, 77]


def test_frames_of_other_jobs_and_failed_ones_are_ignored(model: CompareModel, asked: Asked) -> None:
    received = Received(model)
    played = Compared(model, FOUR, FOUR).begin().rounds(1, tier="small")
    model.select(0)
    Compared(model, FOUR, FOUR).begin()
    received.names.clear()
    asked.decode(0)
    assert received.names == []
    assert played.job_state.over is False


def test_an_old_comparison_that_ends_is_not_shown_again(model: CompareModel) -> None:
    first = Compared(model, FOUR, FOUR).begin()
    second = Compared(model, FOUR, FOUR).begin()
    first.end()
    assert model.job_state is second.job_state


def test_the_nearest_step_is_shown_if_a_step_was_dropped(model: CompareModel) -> None:
    each = 2 * latents(0).nbytes
    Compared(model, {"steps": 32}, {"steps": 32}, max_state_bytes=20 * each).play()
    assert len(model.positions) < 32
    for place in range(len(model.positions)):
        model.select(place)
        assert 0 in gaps(model)


def test_the_initial_noise_is_a_step_too(model: CompareModel) -> None:
    played = Compared(model, FOUR, EIGHT).begin().start()
    assert model.positions == pytest.approx((1,))
    assert noise_hashes(played.job_state) == (noise_hashes(played.job_state)[0],) * 2
    played.rounds(1, 2)
    model.select(0)
    assert steps(model) == [0, 0]
    assert all(run.frame is not None for run in model.runs())
    model.set_alignment("calls")
    assert model.positions[0] == 0
    assert steps(model) == [0, 0]


def test_the_noise_hash_of_a_picture_is_that_of_its_start(model: CompareModel) -> None:
    played = Compared(model, FOUR, EIGHT).begin()
    assert noise_hashes(played.job_state) == ()
    played.start()
    start = played.job.record.picture(0)
    assert start is not None
    assert start.start is not None
    assert start.start.state is not None
    wanted = hashlib.sha256(start.start.state.tobytes()).hexdigest()
    assert noise_hashes(played.job_state) == (wanted, wanted)
    played.rounds(*range(1, 9)).keep()
    assert noise_hashes(played.job_state) == (played.take.picture(0).x_T_sha256,) * 2


def test_marks_that_are_known_are_not_read_again(model: CompareModel) -> None:
    played = (
        Compared(model, {"steps": 32}, {"steps": 32}, max_state_bytes=40 * latents(0).nbytes).begin().start()
    )
    for step in range(1, 33):
        played.rounds(step)
        marks = [marks_of(played.job.record.picture(place)) for place in (0, 1)]
        assert model.positions == positions(marks, "level")
