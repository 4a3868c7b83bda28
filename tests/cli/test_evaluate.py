"""``stepwise evaluate`` prints figures, keeps them on request, and refuses what it cannot measure."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from studio.checkpoints.folder import read_card
from studio.cli import evaluate as command
from studio.cli import main
from studio.cli.evaluate import MEASUREMENTS, ProgressLine, learned_names, sentences
from studio.evaluation import evaluate as measured
from studio.evaluation.evaluate import Progress
from studio.evaluation.plan import Plan, Settings
from studio.folders import resources_dir
from studio.training.pictograms import pictogram_list
from tests.engine.tiny import save_tiny

if TYPE_CHECKING:
    from pathlib import Path

ONLY = ["--seeds", "1", "--steps", "1", "--device", "cpu", "--only"]


@pytest.fixture
def models(stepwise_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The models' folder; only six pictograms are known, so that none of it takes long."""
    whole = pictogram_list.load_pictograms(resources_dir() / "recipes" / "pictograms.json")
    codes = [code for code, _ in sorted(whole.held_out)][:6]
    few = dataclasses.replace(
        whole,
        entries=tuple(entry for entry in whole.entries if entry.code in codes),
        held_out=frozenset(pair for pair in whole.held_out if pair[0] in codes),
        held_out_layouts=frozenset({(codes[0], "left"), (codes[1], "two")}),
        held_out_pairs=frozenset(),
    )
    monkeypatch.setattr(pictogram_list, "load_pictograms", lambda path: few)
    return stepwise_home / "models"


def kept(folder: Path) -> dict[str, Any]:
    evaluation: dict[str, Any] = json.loads(read_card(folder).to_json())["evaluation"]
    return evaluation


def test_figures_are_printed_and_kept_in_the_card(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = save_tiny(models / "tiny")
    assert main.run(["evaluate", "tiny", *ONLY, "naming", "--concepts", "2", "--json", "--write"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["concepts"] == 2
    assert 0 <= figures["top1"] <= figures["top5"] <= 1
    assert set(figures["languages"]) == {"en", "ko"}
    assert kept(models / "tiny") == {**figures, "weights_sha256": card.weights_sha256}


def test_without_write_the_card_stays_as_it_is(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_tiny(models / "tiny")
    assert main.run(["evaluate", "tiny", *ONLY, "naming"]) == 0
    assert "names in English: top-1" in capsys.readouterr().out
    assert not read_card(models / "tiny").evaluation


def test_parts_are_measured_one_after_the_other_and_joined(
    models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tiny(models / "tiny")
    assert main.run(["evaluate", "tiny", *ONLY, "compositions,naming", "--write"]) == 0
    first = kept(models / "tiny")
    assert first["compositions"]["scenes"] == 2
    asked: list[tuple[str, ...]] = []
    real = measured.evaluate

    def watched(model: object, pictograms: object, plan: object, only: tuple[str, ...]) -> object:
        asked.append(only)
        return real(model, pictograms, plan, only)  # type: ignore[arg-type]

    monkeypatch.setattr(measured, "evaluate", watched)
    wanted = [*ONLY, "naming,background,compositions,memory", "--missing", "--write"]
    assert main.run(["evaluate", "tiny", *wanted]) == 0
    assert asked == [("background", "memory")]
    assert {key: value for key, value in kept(models / "tiny").items() if key in first} == first
    assert {"background", "memory"} <= kept(models / "tiny").keys()
    assert "background: " in capsys.readouterr().out


def test_what_was_measured_stays_when_the_next_part_fails(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tiny(models / "tiny")

    def failing(ground: object) -> object:
        class Failing(measured.MEASUREMENTS["naming"]):  # type: ignore[misc, name-defined]
            def figures(self, pictures: object) -> dict[str, Any]:
                raise KeyboardInterrupt

        return Failing(ground)

    monkeypatch.setattr(measured, "MEASUREMENTS", {**measured.MEASUREMENTS, "background": failing})
    assert main.run(["evaluate", "tiny", *ONLY, "naming,background", "--write"]) == 130
    assert "top1" in kept(models / "tiny")


def test_the_command_knows_every_measurement() -> None:
    assert tuple(measured.MEASUREMENTS) == MEASUREMENTS


def test_quick_measures_less_of_everything() -> None:
    plan = Plan(settings=Settings())
    quick = plan.quick()
    assert quick.settings == plan.settings
    for field in ("seeds", "scales"):
        assert len(getattr(quick, field)) < len(getattr(plan, field))
    for field in (
        "concepts",
        "scale_concepts",
        "scale_seeds",
        "scale_steps",
        "step_concepts",
        "most_queries",
    ):
        assert getattr(quick, field) < getattr(plan, field)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--steps", "0"], "steps must be a whole number from 1"),
        (["--guidance", "nan"], "guidance"),
        (["--concepts", "-1"], "concepts"),
        (["--most-queries", "0"], "most-queries must be a whole number from 1"),
        (["--only", "naming,stepps"], "'stepps' is not known; did you mean 'steps'?"),
    ],
)
def test_an_impossible_argument_is_named(
    models: Path, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    save_tiny(models / "tiny")
    assert main.run(["evaluate", "tiny", *flags]) == 2
    assert said in capsys.readouterr().err


def test_a_model_without_text_is_refused(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_tiny(models / "mute", text=False)
    assert main.run(["evaluate", "mute", *ONLY, "naming"]) == 2
    assert "takes no prompt" in capsys.readouterr().err


def test_only_shipped_recipes_are_found_by_the_name_in_a_card(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = save_tiny(models / "tiny")
    starter = (resources_dir() / "recipes" / "starter.toml").read_text(encoding="utf-8")
    narrow = starter.replace("shift = 2\n", 'shift = 2\nconcepts = ["dog", "pizza"]\n')
    (tmp_path / "resources" / "recipes").mkdir(parents=True)
    (tmp_path / "resources" / "recipes" / "narrow.toml").write_text(narrow, encoding="utf-8")
    (tmp_path / "stray.toml").write_text(narrow, encoding="utf-8")
    monkeypatch.setattr("studio.cli.evaluate.resources_dir", lambda: tmp_path / "resources")
    assert learned_names(dataclasses.replace(card, recipe="narrow.toml")) == ("dog", "pizza")
    assert learned_names(dataclasses.replace(card, recipe="../../stray.toml")) == ()
    assert learned_names(dataclasses.replace(card, recipe="")) == ()


def test_progress_shows_the_time_left_from_time_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(command.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    line = ProgressLine(stream)
    for passed, done in ((10, 0.1), (11, 0.11), (30, 0.25)):
        now[0] = 100.0 + passed
        line.show(Progress("steps", 3, 12, done))
    now[0] = 101.0 + 120
    line.show(Progress("steps", 12, 12, 1.0))
    line.clear()
    assert stream.getvalue().splitlines() == [
        "steps: 3/12 pictures, 10% of all, about 2 min left",
        "steps: 3/12 pictures, 25% of all, about 2 min left",
        "steps: 12/12 pictures, 100% of all",
    ]


def test_figures_read_as_sentences_even_if_some_are_missing() -> None:
    assert sentences({}) == []
    assert sentences({"background": 0.9, "background_pairs": 10}) == [
        "background: 90.0% of 10 pairs held out of training"
    ]
    shares = {"top1": 0.5, "top5": 0.75, "distance": 0.1, "detail": 0.8}
    figures: dict[str, Any] = {
        "guidance": {"curve": [{"guidance": 1.5, **shares, "diversity": 0.125}]},
        "steps": {"curves": {"ddim": [{"steps": 5, "queries": 5, **shares}]}},
        "memory": {"sample": 0.1, "training": 0.2, "copied": 0.25, "detail": 0.9},
        "compositions": {"scenes": 0},
    }
    assert sentences(figures) == [
        "guidance 1.5: top-1 50.0%, top-5 75.0%, diversity 0.125",
        "ddim, 5 steps: top-1 50.0%, top-5 75.0%",
        "memory: pictures are 0.100 from the nearest drawing learned, drawings 0.200 from each other; "
        "25.0% repeat one, with 90% of its detail",
    ]
