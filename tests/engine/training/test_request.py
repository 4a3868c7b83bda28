"""A training request is checked at the border, survives the way through JSON, and finds a free name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from studio.engine.training.request import SIDES, TrainRequest, default_request
from studio.engine.training.resumable import TrainingNote, find_note, folder_of, resumable
from studio.engine.training.scales import SCALES, backbone_of
from studio.errors import RequestError
from studio.folders import Folders

if TYPE_CHECKING:
    from pathlib import Path

GOOD = TrainRequest(source="drawings", name="drawings")


def test_the_defaults_can_be_tried() -> None:
    assert GOOD.validate() is GOOD
    for size in SIDES:
        replace(GOOD, size=size).validate()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source", ""),
        ("source", "a\0b"),
        ("name", ""),
        ("name", "Upper"),
        ("name", "../up"),
        ("name", "x" * 60),
        ("name", 7),
        ("title", "x" * 300),
        ("size", 63),
        ("size", 8),
        ("size", 512),
        ("size", 64.0),
        ("backbone", "mlp"),
        ("scale", "huge"),
        ("schedule", "quadratic"),
        ("prediction", "score"),
        ("latents", "yes"),
        ("dropout", 1.5),
        ("dropout", float("nan")),
        ("steps", 0),
        ("steps", True),
        ("batch", 5000),
        ("learning_rate", 0.0),
        ("min_snr", 0.0),
        ("seed", -1),
        ("codec_steps", 0),
        ("text_steps", -1),
        ("base", "a\nb"),
        ("sample_prompts", "fox"),
        ("sample_prompts", ("fox",) * 9),
        ("sample_prompts", (7,)),
        ("sample_seconds", -1),
        ("save_seconds", float("inf")),
        ("keep_last", 0),
        ("keep_every", 0),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_field(field: str, value: object) -> None:
    with pytest.raises(RequestError) as refused:
        replace(GOOD, **{field: value}).validate()
    assert refused.value.field == field


def test_a_request_survives_json() -> None:
    request = replace(GOOD, min_snr=5.0, sample_prompts=("fox", "여우"), base="starter")
    assert TrainRequest.from_dict(json.loads(json.dumps(request.to_dict()))) == request


@pytest.mark.parametrize(
    "values", [{}, {"source": "a"}, {"source": "a", "name": "a", "more": 1}, {"source": "a", "version": 2}]
)
def test_what_is_no_request_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(RequestError):
        TrainRequest.from_dict(values)


def test_only_settings_that_change_no_weight_may_differ_when_a_training_is_resumed() -> None:
    assert GOOD.same_training(replace(GOOD, save_seconds=1, sample_prompts=("a",), keep_last=9, title="T"))
    assert not GOOD.same_training(replace(GOOD, steps=GOOD.steps + 1))
    assert not GOOD.same_training(replace(GOOD, seed=1))


def test_a_folder_gives_a_name_that_no_model_has(tmp_path: Path) -> None:
    folders = Folders.under(tmp_path / "home")
    drawings = tmp_path / "My Drawings!"
    request = default_request(drawings, folders)
    assert (request.name, request.title, request.source) == ("my-drawings", "My Drawings!", str(drawings))
    (folders.models / "my-drawings").mkdir(parents=True)
    folder_of("my-drawings-2", folders).mkdir(parents=True)
    assert default_request(drawings, folders).name == "my-drawings-3"
    assert default_request(tmp_path / "그림").name == "pictures"
    assert default_request("pictograms").source == "pictograms"


@pytest.mark.parametrize("side", [2, 8, 12, 16, 32, 64, 256])
def test_backbones_fit_the_sides_they_see(side: int) -> None:
    for name in SCALES["unet"]:
        levels = len(backbone_of("unet", SCALES["unet"][name], side)["widths"])
        assert side % 2 ** (levels - 1) == 0
    for name in SCALES["dit"]:
        patch = backbone_of("dit", SCALES["dit"][name], side)["patch"]
        assert side % patch == 0
        assert side // patch <= 16


def test_stopped_trainings_are_listed_latest_first_and_finished_ones_are_not(tmp_path: Path) -> None:
    folders = Folders.under(tmp_path)
    assert resumable(folders) == ()
    for name, when, finished in (("a", 1.0, False), ("b", 3.0, False), ("c", 2.0, True)):
        note = TrainingNote(
            request=replace(GOOD, name=name), stage="codec", step=3, steps=9, when=when, finished=finished
        )
        note.write(folder_of(name, folders))
        assert TrainingNote.read(folder_of(name, folders)) == note
    assert [(training.name, training.step) for training in resumable(folders)] == [("b", 3), ("a", 3)]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"request": 1}', '{"request": {}}', "[" * 100_000])
def test_a_broken_note_is_no_training(tmp_path: Path, text: str) -> None:
    folder = folder_of("a", Folders.under(tmp_path))
    folder.mkdir(parents=True)
    (folder / "training.json").write_text(text)
    assert TrainingNote.read(folder) is None
    assert resumable(Folders.under(tmp_path)) == ()


def test_a_training_of_a_newer_version_is_never_overwritten(tmp_path: Path) -> None:
    folders = Folders.under(tmp_path)
    request = replace(GOOD, name="a")
    folder = folder_of("a", folders)
    TrainingNote(request=request, stage="codec", step=3, steps=9).write(folder)
    assert find_note(request, folder, folders) == TrainingNote.read(folder)
    note = folder / "training.json"
    values = json.loads(note.read_text())
    values["request"] |= {"version": 2, "rank": 4}
    note.write_text(json.dumps(values))
    with pytest.raises(RequestError, match="a training of a newer Stepwise Studio"):
        find_note(request, folder, folders)
    assert find_note(replace(request, name="b"), folder_of("b", folders), folders) is None
