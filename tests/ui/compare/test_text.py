from __future__ import annotations

import math
from typing import Any

import pytest

from studio.engine.events import JobCancelled
from studio.metrics import Score
from studio.ui.compare import text as result_words
from studio.ui.compare import text as words
from studio.ui.compare.model import CompareModel
from studio.ui.compare.reference import BatchingError
from studio.ui.jobs.text import waiting
from tests.ui.asked import make_frames
from tests.ui.compared import Compared
from tests.ui.fakes import asking

DDPM: dict[str, Any] = {"sampler": "ddpm", "options": {"variance": "posterior"}}


def test_runs_are_called_after_their_sampler_and_steps() -> None:
    assert words.names([asking(), asking(steps=1, **DDPM)]) == ("DDIM, 4 steps", "DDPM, 1 step")


def test_every_other_difference_between_the_runs_is_named_too() -> None:
    assert words.names([asking(guidance=2.0), asking(guidance=4.5)]) == (
        "guidance 2",
        "guidance 4.5",
    )
    assert words.names([asking(options={"eta": 0.0}), asking(options={"eta": 1.0})]) == (
        "eta 0.0",
        "eta 1.0",
    )
    assert words.names([asking(seed=1), asking(seed=2)])[1] == "seed 2"


def test_the_setting_with_the_most_values_comes_first_in_the_names() -> None:
    runs = [asking(seed=1), asking(seed=2, **DDPM), asking(seed=3, **DDPM)]
    assert words.names(runs) == ("seed 1, DDIM", "seed 2, DDPM", "seed 3, DDPM")


def test_runs_that_are_alike_are_told_apart_by_their_number() -> None:
    assert words.names([asking(), asking()]) == ("DDIM, 4 steps", "DDIM, 4 steps (2)")


def test_a_pane_says_where_it_is_and_what_it_cost(qapp: object) -> None:
    model = CompareModel(make_frames())
    played = Compared(model, {}, {"steps": 8})
    model.follow(played.job_state)
    assert words.where(model.run(0), played.job_state) == waiting(played.job_state)
    assert words.cost(model.run(1)) == "16 calls"
    played.begin()
    assert words.where(model.run(0), played.job_state) == "Waiting for the first step"
    played.start().rounds(1, 2, 3)
    assert words.where(model.run(1), played.job_state) == "step 3 of 8, noise level 0.62"
    assert words.cost(model.run(1)) == "6 of 16 calls"
    model.select(0)
    assert words.where(model.run(1), played.job_state) == "x_T, the initial noise"
    model.select(None)
    played.rounds(*range(4, 9)).keep()
    assert words.cost(model.run(1)) == "16 calls"


def test_a_run_that_was_stopped_before_its_first_step_says_so(qapp: object) -> None:
    model = CompareModel(make_frames())
    played = Compared(model, {}, {}).begin()
    played.tell(JobCancelled(job_id=played.job.id, pictures=0))
    assert words.where(model.run(0), played.job_state) == "Stopped before the first step"


def test_a_gap_is_given_in_the_unit_of_the_alignment(qapp: object) -> None:
    model = CompareModel(make_frames())
    Compared(model, {}, {"steps": 8}).play()
    model.select(0)
    assert [words.gap(run, "level") for run in model.runs()] == ["0.12 cleaner", ""]
    model.set_alignment("step")
    model.select(7)
    assert [words.gap(run, "step") for run in model.runs()] == ["at its last step", ""]
    model.set_alignment("calls")
    model.select(7)
    assert [words.gap(run, "calls") for run in model.runs()] == ["8 fewer calls", ""]


def test_the_caption_says_what_is_shown_until_a_picture_is_decoded(qapp: object) -> None:
    model = CompareModel(make_frames())
    played = Compared(model, {}, {}).begin().start().rounds(1)
    played.rounds(2, preview=None, tier=None)
    model.select(2)
    assert words.for_now(model.run(0), "x0") == "step 1 for now"
    model.select(1)
    assert words.for_now(model.run(0), "x0") == ""
    model.set_quantity("x_t")
    assert words.for_now(model.run(0), "x_t") == "x0 for now"
    model.select(2)
    assert words.for_now(model.run(0), "x_t") == "decoding…"
    model.select(0)
    assert words.for_now(model.run(0), "x_t") == ""


@pytest.mark.parametrize(
    ("step", "wanted"), [(1, "a run with 1 step:"), (8, "a run with 8 steps:"), (11, "a run with 11 steps:")]
)
def test_a_number_has_its_article(qapp: object, step: int, wanted: str) -> None:
    model = CompareModel(make_frames())
    Compared(model, {"steps": 20}, {"steps": 20}).play()
    model.select(step - 1)
    assert wanted in words.unfinished(model.runs())


def test_shared_settings_are_named_once(qapp: object) -> None:
    model = CompareModel(make_frames())
    assert words.facts(Compared(model, {}, {}).job_state) == "DDIM, 4 steps, seed 7, guidance 3, fake"
    assert words.facts(Compared(model, {"seed": 1}, {"guidance": 1.0}).job_state) == "DDIM, 4 steps, fake"


@pytest.mark.parametrize(
    ("hashes", "wanted"),
    [
        (("ab" * 32, "ab" * 32), ("identical x_T abab…abab", True)),
        (("ab" * 32, "cd" * 32), ("different x_T", False)),
        (("ab" * 32,), ("", False)),
    ],
)
def test_whether_the_runs_share_their_noise_is_said_once_it_is_known(
    hashes: tuple[str, ...], wanted: tuple[str, bool]
) -> None:
    assert words.noise(hashes, 2) == wanted


def test_a_step_of_a_longer_run_is_not_a_run_of_so_many_steps(qapp: object) -> None:
    model = CompareModel(make_frames())
    Compared(model, {"steps": 4}, {"steps": 50}).play()
    assert words.unfinished(model.runs()) == ""
    model.set_alignment("step")
    model.select(19)
    assert words.unfinished(model.runs()) == (
        "Step 20 of 50 is not the result of a run with 20 steps: it still contains the noise that the remaining 30 "
        "steps would have removed."
    )
    model.select(48)
    assert "the last step would have removed" in words.unfinished(model.runs())


@pytest.mark.parametrize(
    ("score", "wanted"),
    [
        (None, ("", "")),
        (Score(psnr=31.24, ssim=0.97123), ("31.2", "0.971")),
        (Score(psnr=math.inf, ssim=1.0), ("identical", "1.000")),
        (Score(psnr=None, ssim=None), ("–", "–")),
    ],
)
def test_a_row_of_the_table(qapp: object, score: Score | None, wanted: tuple[str, ...]) -> None:
    model = CompareModel(make_frames())
    played = Compared(model, {}, {}).begin()
    assert result_words.figures(model.run(0), score, reference=False) == ("", "", "", "")
    played.rounds(1, 2, 3, 4).keep()
    assert result_words.figures(model.run(0), score, reference=False) == (*wanted, "8", "2.0")
    assert result_words.figures(model.run(0), score, reference=True) == ("reference", "", "8", "2.0")


def test_the_cost_of_a_comparison_is_said_before_it_starts() -> None:
    assert words.plan([asking(), asking(steps=8)]) == "2 runs, 24 model calls"
    without = [asking(negative="a hat"), asking(negative="a hat")]
    assert words.plan(without) == "2 runs, 16 model calls, without “a hat”"


@pytest.mark.parametrize(
    ("known", "part"),
    [
        (BatchingError("none"), ""),
        (BatchingError("exact"), "Bit for bit the same as each run alone"),
        (BatchingError("unknown"), "not measured yet"),
        (BatchingError("measuring"), "measuring the difference"),
        (BatchingError("measured", (0.0, 2.4e-5)), "largest difference from the same run alone: 2e-5"),
        (BatchingError("measured", (0.0, 0.0)), "bit for bit"),
        (BatchingError("failed", fault="It is gone."), "could not be measured: It is gone."),
    ],
)
def test_how_far_batching_took_the_runs_is_stated(known: BatchingError, part: str) -> None:
    assert part in result_words.batching_error(known)[0]


def test_runs_of_several_prompts_are_told_apart() -> None:
    names = words.names([asking("a fox"), asking("an owl"), asking("an owl", negative="snow")])
    assert names[0] == "“a fox”"
    assert names[2] == "“an owl”, without “snow”"


def test_the_reason_why_recorded_runs_cannot_be_compared_is_given() -> None:
    assert words.too_many(6) == "At most 6 runs can be compared; deselect one first."
    assert words.without_run(1, 3) == "1 of 3 pictures has no recorded run to compare."
    assert words.without_run(2, 3) == "2 of 3 pictures have no recorded run to compare."
    assert words.not_comparable(4, words.steps_deleted()) == (
        "Run 4 cannot be compared. Its steps were deleted to free space."
    )
    assert words.left_out(2, "It is damaged.") == "Run 2 is left out: It is damaged."
    assert words.note(2, "It is damaged.") == "Run 2: It is damaged."
    assert words.not_decoded("It is gone.") == "It is gone. Its steps cannot be decoded without the model."
