"""``stepwise evaluate`` prints figures, keeps them on request, and refuses what it cannot measure."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from studio.checkpoints.folder import read_card
from studio.cli import main
from studio.cli.evaluate import learned_names
from studio.folders import resources_dir
from tests.engine.tiny import save_tiny

if TYPE_CHECKING:
    from pathlib import Path

QUICK = ["--concepts", "2", "--seeds", "1", "--steps", "1", "--no-samplers", "--device", "cpu"]


@pytest.fixture
def models(stepwise_home: Path) -> Path:
    return stepwise_home / "models"


def test_figures_are_printed_and_kept_in_the_card(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_tiny(models / "tiny")
    assert main.run(["evaluate", "tiny", *QUICK, "--json", "--write"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["concepts"] == 2
    assert 0 <= figures["top1"] <= figures["top5"] <= 1
    assert json.loads(read_card(models / "tiny").to_json())["evaluation"] == figures


def test_without_write_the_card_stays_as_it_is(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_tiny(models / "tiny")
    assert main.run(["evaluate", "tiny", *QUICK]) == 0
    assert "top-1" in capsys.readouterr().out
    assert not read_card(models / "tiny").evaluation


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--steps", "0"], "steps must be 1"),
        (["--guidance", "nan"], "guidance"),
        (["--concepts", "-1"], "concepts"),
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
    assert main.run(["evaluate", "mute", *QUICK]) == 2
    assert "takes no prompt" in capsys.readouterr().err


def test_a_recipe_that_a_card_names_is_looked_for_among_the_shipped_alone(
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
