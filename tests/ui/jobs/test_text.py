from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from studio import format as quantity
from studio.checkpoints.card import Component
from studio.ui import language
from studio.ui.jobs import cost_text
from studio.ui.jobs import text as words
from studio.ui.jobs.cancelled_job import remaining_work
from studio.ui.jobs.cost import Estimate
from studio.ui.jobs.run_settings import FormValues
from studio.ui.jobs.text import LONGEST, figures, model_facts
from tests.ui.cards import LARGE, STARTER, WORDLESS, broken, installed
from tests.ui.fakes import Forming, Gate, asking
from tests.ui.rooms import Studio
from tests.ui.teaching import Teaching, to_train

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot


@pytest.fixture
def studio(qtbot: QtBot, tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(qtbot, tmp_path, Forming(pixels=True))
    studio.session.start()
    yield studio
    studio.close()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "under 1 s"),
        (1.4, "about 1 s"),
        (9.4, "about 9 s"),
        (9.6, "about 10 s"),
        (43, "about 45 s"),
        (89, "about 90 s"),
        (100, "about 2 min"),
        (3600, "about 60 min"),
        (10_000, "about 3 h"),
    ],
)
def test_a_time_is_given_as_an_estimate(seconds: float, said: str) -> None:
    assert quantity.estimate(seconds) == said


@pytest.mark.parametrize(
    "label", ["cpu (Zen (4), 1 thread)", "cpu (Zen, 12 threads)", "cuda:0 (X)", "", "a, b"]
)
def test_the_label_of_a_device_is_shown_as_it_is_stored(label: str) -> None:
    assert words.device_label(label) == label


def test_the_threads_of_a_device_are_translated() -> None:
    language.set_disguise(lambda text: f"<{text}>")
    try:
        assert words.device_label("cpu (Zen, 12 threads)") == "<cpu (Zen, 12 threads)>"
        assert words.device_label("cuda:0 (X)") == "cuda:0 (X)"
    finally:
        language.set_disguise(None)


@pytest.mark.parametrize(
    ("pictures", "calls", "seconds", "said"),
    [
        (1, 1, None, "1 model call"),
        (1, 60, 2.1, "60 model calls, about 2 s on this machine"),
        (3, 6000, None, "3 × 2,000 model calls"),
    ],
)
def test_the_cost_is_a_short_phrase(pictures: int, calls: int, seconds: float | None, said: str) -> None:
    estimate = Estimate(pictures=pictures, queries=1, calls_per_query=1, model_calls=calls, seconds=seconds)
    assert cost_text.cost(estimate) == said


def test_models_are_offered_with_size_and_schedule() -> None:
    items = words.model_items([installed(STARTER), broken("torn"), installed(LARGE)], "starter")
    assert [item[:3] for item in items] == [
        ("starter", "Starter", "64 px"),
        ("large", "Large", "128 px"),
    ]
    missing = words.model_items([installed(LARGE)], "torn")
    assert [item[:3] for item in missing] == [
        ("torn", "torn", "not installed"),
        ("large", "Large", "128 px"),
    ]
    assert words.model_items([], "") == []


def test_the_line_below_a_model_is_short_and_omits_licences() -> None:
    card = dataclasses.replace(STARTER, training_data="Many\nlines (a licence)\n" + "x" * 1000)
    line = words.trained_on(card)
    assert "\n" not in line
    assert line.startswith("Trained on Many lines x")
    assert len(line) < 110
    assert words.trained_on(None) == ""


def test_every_row_has_a_key_of_its_own() -> None:
    for items in (words.sampler_items(FormValues()), words.spacing_items(), words.size_items(LARGE)):
        keys = [item[0] for item in items]
        assert len(set(keys)) == len(keys) > 1
    assert words.size_items(LARGE)[1][:2] == ("128x64", "128 × 64")


def test_a_models_facts() -> None:
    assert dict(model_facts(STARTER)) == {
        "Pictures": "64 × 64 px, from text",
        "Network": "U-Net, 22.7 million parameters",
        "Noise schedule": "cosine",
        "Prediction": "v",
        "Default settings": "DDIM, 30 steps, guidance 3",
        "Evaluation": "top-1 94.7%, top-5 98.5%",
        "Trained on": STARTER.training_data,
        "Licence": "MIT",
    }
    assert dict(model_facts(LARGE))["Noise schedule"] == "linear, T 500"
    assert dict(model_facts(WORDLESS))["Default settings"] == "DDIM, 30 steps"


def test_the_facts_of_an_untrusted_card_are_limited_in_length() -> None:
    card = dataclasses.replace(
        STARTER,
        training_data="x" * 20_000,
        evaluation={f"<b>{number}</b>": number for number in range(1000)},
        schedule=Component(kind="cosine", config={f"k{number}": number for number in range(100)}),
    )
    shown = dict(model_facts(card))
    assert max(map(len, shown.values())) <= LONGEST
    assert shown["Evaluation"].startswith("<b>0</b> 0, <b>1</b> 1")


@pytest.mark.parametrize(
    ("evaluation", "said"),
    [
        ({}, "not measured"),
        ({"top1": True, "deep": {"top1": 0.5}}, "not measured"),
        ({"top1": 95}, "top1 95"),
        ({"top1": 0.5, "background": 1}, "top-1 50.0%, background 100.0%"),
        ({"fid": 12.25, "notes": "x"}, "fid 12.25"),
    ],
)
def test_headline_figures(evaluation: dict[str, object], said: str) -> None:
    assert figures(evaluation) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0"), (999, "999"), (1500, "1,500"), (22_732_013, "22.7 million"), (2 * 10**9, "2.0 billion")],
)
def test_parameters_are_rounded(count: int, said: str) -> None:
    assert quantity.parameters(count) == f"{said} parameters"


def test_a_job_of_the_queue_is_described_by_what_it_makes() -> None:
    request = asking(seed=7)
    assert words.in_lockstep(3, 7) == "3 runs in lockstep, seed 7"
    assert words.from_step(2, 2, request) == "From step 2: DDIM, 2 steps, seed 7"
    assert words.of_queue(request) == "1 picture, DDIM, 4 steps, seed 7"


def test_samplers_are_offered_with_their_calls_per_step() -> None:
    details = {key: detail for key, _, detail, _ in words.sampler_items(FormValues())}
    assert (details["ddim"], details["langevin"]) == ("1 call a step", "5 calls a step")


def test_a_picture_that_is_not_saved_says_where_it_is_now(studio: Studio) -> None:
    studio.store.full = True
    studio.generate()
    studio.wait_idle()
    place = studio.wall.entries[0].path
    assert studio.sentences[0].endswith(
        f"cannot be written: the disk is full. The picture was saved as {place}."
    )
    studio.store.rescue_full = True
    studio.generate()
    studio.wait_idle()
    notice = studio.told[-1]
    assert notice.sentence.startswith("The picture could not be saved: ")
    assert notice.sentence.endswith(" It stays in memory as long as the window is open.")
    assert notice.action == "Try again"


def test_a_run_that_is_not_recorded_completely_says_so(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studio.runs, "budget_bytes", 10)
    studio.generate(count=3)
    studio.wait_idle()
    (sentence,) = studio.sentences
    assert sentence.endswith("The run is not recorded completely.")


@pytest.mark.parametrize(
    ("count", "image", "said"),
    [(1, 0, "Cancelled at step {step} of 4."), (4, 1, "Cancelled picture 2 of 4 at step {step} of 4.")],
)
def test_a_cancelled_job_says_where_it_was(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, image: int, said: str
) -> None:
    monkeypatch.setattr("studio.ui.jobs.cancelled_job.LONG_SECONDS", 0.0)
    gate = Gate()
    studio = Studio(qtbot, tmp_path, Forming(pixels=True, at={(image, 3): gate}))
    studio.session.start()
    studio.generate(count=count)
    studio.wait_for(gate)
    job_state = studio.run.running
    studio.session.cancel()
    gate.open()
    studio.wait_idle()
    assert job_state is not None
    left, done = remaining_work(job_state), job_state.latest(image)
    assert left is not None
    assert done is not None
    assert left.sentence == said.format(step=done.step)
    studio.wait(lambda: studio.told)
    assert (studio.told[-1].sentence, studio.told[-1].action) == (left.sentence, "Resume")
    studio.close()


def test_a_training_says_when_its_model_can_be_used(studio: Studio) -> None:
    studio.engine.teaching = (Teaching(),)
    studio.training.train(to_train())
    run = studio.models.train.run
    studio.wait(lambda: run.over and not run.waiting)
    assert studio.sentences == [
        "The first checkpoint, foxes-2, is in the list of models: pictures can be made with it.",
        "foxes is trained. It is in the list of models.",
    ]
