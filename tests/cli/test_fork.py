"""``stepwise fork``: from any step of a recorded run to another picture."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from studio.diffusion.samplers import COMPARED
from studio.folders import Folders
from studio.gallery import png
from studio.gallery.metadata import Origin
from studio.runs.store import RunStore
from tests.engine.tiny import save_tiny

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Ran

    Stepwise = Callable[..., Ran]


@pytest.fixture
def store(home: Path) -> RunStore:
    return RunStore.of(Folders.under(home))


def made(stepwise: Stepwise, *words: object) -> dict[str, Any]:
    ran = stepwise(*words, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


@pytest.mark.parametrize("sampler", COMPARED)
def test_a_fork_that_changes_nothing_is_its_parent_bit_for_bit_and_costs_what_remains(
    stepwise: Stepwise, store: RunStore, sampler: str
) -> None:
    parent = made(stepwise, "generate", "dog", "--sampler", sampler, "--steps", "4", "--seed", "3")
    pixels = Path(parent["path"]).read_bytes()[-40:]
    spent = {0: 0, **{step.step: step.model_calls for step in store.open(parent["run"]).steps}}
    for step in (0, 1, 3):
        fork = made(stepwise, "fork", parent["run"], "--at", step)
        assert fork["final_sha256"] == parent["final_sha256"]
        assert Path(fork["path"]).read_bytes()[-40:] == pixels
        assert fork["model_calls"] == parent["model_calls"] - spent[step]


def test_a_fork_remembers_where_it_comes_from_and_can_be_forked_again(
    stepwise: Stepwise, store: RunStore
) -> None:
    parent = made(stepwise, "generate", "dog", "--steps", "4")
    fork = made(stepwise, "fork", "last", "--at", "2", "--prompt", "cat")
    assert fork["final_sha256"] != parent["final_sha256"]
    metadata = png.read(Path(fork["path"])).metadata
    assert metadata is not None
    assert metadata.origin == Origin(run=parent["run"], step=2, of=4, kind="fork")
    assert metadata.request["prompt"] == "cat"
    run = store.open(fork["run"])
    assert (run.header.parent, run.header.parent_step, run.kept) == (parent["run"], 2, (2, 3, 4))
    assert store.forks_of(parent["run"]) == (fork["run"],)
    again = made(stepwise, "fork", fork["run"], "--at", "3")
    assert again["final_sha256"] == fork["final_sha256"]
    assert stepwise("fork", fork["run"], "--at", "1").err == (
        "stepwise: at must be a whole number from 2 to 3, not 1.\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--sampler", "langevin"],
        ["--guidance", "1"],
        ["--negative", "cat"],
        ["--sampler", "ddpm", "--seed", "9"],
        ["--eta", "1"],
        ["--remaining", "5"],
        ["--remaining", "1", "--spacing", "leading"],
    ],
    ids=" ".join,
)
def test_every_setting_of_the_remaining_steps_can_be_changed(stepwise: Stepwise, words: list[str]) -> None:
    parent = made(stepwise, "generate", "dog", "--steps", "4")
    fork = made(stepwise, "fork", parent["run"], "--at", "1", *words)
    assert fork["final_sha256"] != parent["final_sha256"]
    remaining = int(words[1]) if words[0] == "--remaining" else 3
    assert fork["steps"] == 1 + remaining


def test_a_step_that_was_not_kept_is_recomputed(stepwise: Stepwise, store: RunStore) -> None:
    parent = made(stepwise, "generate", "dog", "--steps", "150", "--sampler", "ddpm", "--guidance", "1")
    missing = next(step for step in range(150) if step not in store.open(parent["run"]).kept)
    fork = made(stepwise, "fork", parent["run"], "--at", missing)
    assert fork["final_sha256"] == parent["final_sha256"]
    assert fork["model_calls"] == 150 - missing


def test_a_fork_can_be_unrecorded_and_saved_to_another_folder(
    stepwise: Stepwise, store: RunStore, tmp_path: Path
) -> None:
    made(stepwise, "generate", "dog", "--steps", "2")
    fork = made(stepwise, "fork", "1", "--at", "0", "--no-record", "--out", tmp_path / "forks")
    assert Path(fork["path"]).parent == tmp_path / "forks"
    assert fork["run"] is None
    assert len(store.runs()) == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["9", "--at", "1"], "run '9' is not known"),
        (["1", "--at", "3"], "at must be below 3, the last step of run 000001-"),
        (["1", "--at", "4"], "at must be a whole number from 0 to 2, not 4."),
        (["1", "--at", "-1"], "at must be a whole number from 0 to 2, not -1."),
        (["1", "--at", "half"], "at must be a whole number from 0 to 2, not 'half'."),
        (["1", "--at", "1", "--sampler", "dimm"], "sampler 'dimm' is not known; did you mean 'ddim'?"),
        (["1", "--at", "1", "--snr", "1"], "option 'snr' is not known"),
        (["1", "--at", "1", "--guidance", "nan"], "guidance must be a number from 0 to 30, not NaN."),
        (["1", "--at", "1", "--seed", "-1"], "seed must be a whole number from 0"),
        (["1", "--at", "1", "--remaining", "0"], "remaining must be a whole number from 1 to 999, not 0."),
        (["1", "--at", "1", "--remaining", "x"], "remaining must be a whole number from 1 to 999, not 'x'."),
        (["1", "--at", "1", "--remaining", "900"], "remaining steps must be a whole number from 1 to "),
        (["1", "--at", "1", "--spacing", "leading"], "spacing has no effect without --remaining"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_forked_is_refused_in_one_sentence(
    stepwise: Stepwise, home: Path, words: list[str], sentence: str
) -> None:
    made(stepwise, "generate", "dog", "--steps", "3")
    before = sorted((home / "outputs").iterdir())
    ran = stepwise("fork", *words)
    assert ran.code == 2
    assert ran.err.startswith(f"stepwise: {sentence}")
    assert ran.err.count("\n") == 1
    assert sorted((home / "outputs").iterdir()) == before


def test_a_run_whose_model_is_missing_or_has_changed_is_rejected(stepwise: Stepwise, home: Path) -> None:
    made(stepwise, "generate", "dog", "--steps", "3")
    shutil.rmtree(home / "models" / "tiny")
    assert stepwise("fork", "1", "--at", "1").err.startswith("stepwise: model 'tiny' is not known")
    save_tiny(home / "models" / "tiny", latent=True, seed=5)
    ran = stepwise("fork", "1", "--at", "1")
    assert ran.code == 2
    assert "is not the one that run 000001-" in ran.err
    assert ran.err.endswith("was made with (its hash differs).\n")


def test_a_damaged_run_is_rejected_and_a_truncated_one_continues_from_its_last_step(
    stepwise: Stepwise, store: RunStore
) -> None:
    parent = made(stepwise, "generate", "dog", "--steps", "3")
    path = store.path(parent["run"]) / "states.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert made(stepwise, "fork", "1", "--at", "2")["final_sha256"] == parent["final_sha256"]
    path.write_bytes(whole[:-600])
    ran = stepwise("fork", "1", "--at", "2")
    assert ran.code == 2
    assert "so step 2 cannot be read" in ran.err
    path.unlink()
    assert "no longer has its steps: they were deleted" in stepwise("fork", "1", "--at", "0").err
