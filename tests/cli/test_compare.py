"""``stepwise compare``: a list for every axis, a sheet, and a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from studio.cli.compare import Plan, plan_of
from studio.cli.main import _load, _Parser
from studio.folders import Folders
from studio.gallery import png
from studio.gallery.store import PictureStore
from studio.runs.store import RunStore
from tests.engine.tiny import save_tiny

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Ran

    Stepwise = Callable[..., Ran]


def planned(*words: str) -> Plan:
    parser = _Parser()
    _load("compare").add_arguments(parser)
    return plan_of(parser.parse_args(["a fox", *words]))


def compared(stepwise: Stepwise, *words: object) -> dict[str, Any]:
    ran = stepwise("compare", "dog", *words, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_every_list_is_an_axis_and_the_last_lies_across() -> None:
    plan = planned("--sampler", "ddim, ddpm,langevin", "--steps", "20,50", "--seed", "7")
    panes = plan.request.requests
    assert [(pane.sampler, pane.steps) for pane in panes] == [
        (sampler, steps) for sampler in ("ddim", "ddpm", "langevin") for steps in (20, 50)
    ]
    assert {pane.seed for pane in panes} == {7}
    assert plan.labels[1] == "ddim, 50 steps"
    assert plan.columns == 2
    assert plan.request.batched
    assert not planned("--guidance", "1,2.5", "--exact").request.batched
    assert planned("--guidance", "1,2.5").labels == ("guidance 1", "guidance 2.5")


def test_an_option_goes_to_the_samplers_that_have_it() -> None:
    plan = planned("--sampler", "ddim,ddpm,pc", "--eta", "0.5", "--snr", "0.2")
    assert [dict(pane.options) for pane in plan.request.requests] == [{"eta": 0.5}, {}, {"snr": 0.2}]


def test_pictures_from_one_noise_come_with_their_cost_and_a_sheet(stepwise: Stepwise, tmp_path: Path) -> None:
    sheet = tmp_path / "new" / "sheet.png"
    told = compared(stepwise, "--sampler", "ddim,ddpm", "--steps", "2,3", "--out", sheet)
    panes = told["panes"]
    assert [pane["pane"] for pane in panes] == [
        *("ddim, 2 steps", "ddim, 3 steps", "ddpm, 2 steps", "ddpm, 3 steps")
    ]
    assert [pane["model_calls"] for pane in panes] == [4, 6, 4, 6]
    assert len({pane["x_T_sha256"] for pane in panes}) == 1
    assert len({pane["final_sha256"] for pane in panes}) == 4
    assert (panes[0]["identical"], panes[0]["psnr_db"]) == (True, None)
    assert 0 < panes[1]["psnr_db"] < 60
    assert told["out"] == str(sheet)
    with Image.open(sheet, formats=("PNG",)) as drawn:
        assert drawn.size == (2 * 272 + 16, 56 + 2 * (256 + 40 + 32))


def test_the_panes_are_kept_and_recorded_like_any_picture(stepwise: Stepwise, home: Path) -> None:
    panes = compared(stepwise, "--sampler", "ddim,ddpm", "--steps", "3")["panes"]
    folders = Folders.under(home)
    entries = PictureStore.of(folders).catalogue.entries()
    assert {str(entry.path) for entry in entries} == {pane["path"] for pane in panes}
    assert [png.metadata_of(Path(pane["path"])).final_sha256 for pane in panes] == [
        pane["final_sha256"] for pane in panes
    ]
    store = RunStore.of(folders)
    assert {pane["run"] for pane in panes} == set(store.runs())
    stored = store.open(panes[1]["run"])
    assert stored.complete
    assert stored.header.generate_request.sampler == "ddpm"
    assert stored.header.x_T_sha256 == panes[0]["x_T_sha256"]


def test_unrecorded_comparisons_are_saved_to_the_gallery_too(stepwise: Stepwise, home: Path) -> None:
    panes = compared(stepwise, "--steps", "2,3", "--no-record")["panes"]
    assert [pane["run"] for pane in panes] == [None, None]
    assert all(Path(pane["path"]).is_file() for pane in panes)
    assert RunStore.of(Folders.under(home)).runs() == ()


def test_with_exact_each_picture_is_bit_identical_to_the_same_run_alone(stepwise: Stepwise) -> None:
    panes = compared(stepwise, "--sampler", "ddim,langevin", "--steps", "3", "--exact")["panes"]
    for pane in panes:
        alone = stepwise("generate", "dog", "--sampler", pane["sampler"], "--steps", "3", "--json")
        assert json.loads(alone.out)["final_sha256"] == pane["final_sha256"]


def test_the_table_has_a_line_for_each_and_models_may_differ(stepwise: Stepwise, home: Path) -> None:
    save_tiny(home / "models" / "pixels")
    ran = stepwise("compare", "dog", "--model", "tiny,pixels", "--steps", "2")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines] == ["pane", "tiny", "pixels"]
    assert lines[1].endswith(" -")
    assert lines[2].endswith(" dB")
    assert "Tiny tiny, Tiny pixels on cpu" in ran.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "comparison must have 2 to 6 panes, not 1."),
        (["--steps", "1,2,3,4,5,6,7"], "comparison must have 2 to 6 panes, not 7."),
        (["--steps", "2,2"], "steps has the same value twice; the panes would be identical."),
        (["--steps", "2,"], "steps of pane 2 must be a whole number from 1 to 1,000, not ''."),
        (["--steps", "2,many"], "steps of pane 2 must be a whole number from 1 to 1,000, not 'many'."),
        (["--sampler", "ddim,dppm"], "sampler of pane 2 'dppm' is not known; did you mean 'ddpm'?"),
        (["--model", "tiny,none"], "model of pane 2 'none' is not known"),
        (["--sampler", "ddim,ddpm", "--snr", "1"], "options 'snr' is not an option of any"),
        (
            ["--steps", "2,3", "--size", "64x64"],
            "size of pane 1 64x64 is not one that the model 'tiny' makes",
        ),
        (["--seed", "1,-1"], "seed of pane 2 must be a whole number from 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_compared_gets_one_sentence(
    stepwise: Stepwise, words: list[str], sentence: str
) -> None:
    ran = stepwise("compare", "dog", *words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"stepwise: {sentence}")
    assert ran.err.count("\n") == 1


def test_an_existing_sheet_is_never_overwritten(stepwise: Stepwise, tmp_path: Path) -> None:
    there = tmp_path / "there.png"
    there.write_bytes(b"mine")
    ran = stepwise("compare", "dog", "--steps", "1,2", "--out", there)
    assert ran.code == 2
    assert ran.err == f"stepwise: {there} exists already, and pictures are never overwritten.\n"
    assert there.read_bytes() == b"mine"
    ran = stepwise("compare", "dog", "--steps", "1,2", "--out", there / "x.png")
    assert "there is a file in the place of a folder" in ran.err
