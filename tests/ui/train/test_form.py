"""The form of trainings: what it says, what is wrong with it, its undo, and what it remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from studio.engine.training.estimate import StoredTimings
from studio.engine.training.request import TrainEstimate
from studio.errors import RequestError
from studio.ui.train import text
from tests.ui.asked import Asked
from tests.ui.teaching import ESTIMATE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.engine.training.request import TrainRequest
    from studio.ui.shell.models import Models
    from studio.ui.train.form import TrainForm
    from tests.ui.program import MakeModels


class Measured:
    """What was measured, by the scale of the model."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def get(self, request: TrainRequest) -> TrainEstimate:
        return TrainEstimate(seconds=self.seconds.get(request.scale), memory_bytes=2**20, parameters=100)


@pytest.fixture
def measured() -> Measured:
    return Measured()


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def make(
    make_models: MakeModels, monkeypatch: pytest.MonkeyPatch, home: Path, measured: Measured, asked: Asked
) -> Callable[[], TrainForm]:
    """Return a maker of the form; each one starts with the settings that the one before has saved."""
    monkeypatch.setattr(StoredTimings, "estimate", lambda _, request: measured.get(request))
    made: list[Models] = []

    def make_() -> TrainForm:
        for models in made:
            models.preferences.save()
        made.append(make_models(home=home))
        monkeypatch.setattr(made[-1].engine, "call", asked.call)
        return made[-1].train.form

    return make_


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "My Foxes"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (16, 16), "red").save(folder / f"a fox {number}.png")
    return folder


def test_nothing_can_be_trained_before_a_source_is_chosen(make: Callable[[], TrainForm]) -> None:
    form = make()
    assert (form.has_source, form.can_train, form.faults) == (False, False, {})
    with pytest.raises(RequestError):
        form.take_request()


def test_a_folder_is_all_that_must_be_chosen(
    qtbot: QtBot, make: Callable[[], TrainForm], pictures: Path
) -> None:
    form = make()
    form.choose(pictures)
    qtbot.waitUntil(lambda: not form.folder.reading)
    request = form.take_request()
    assert (request.source, request.name, request.title) == (str(pictures), "my-foxes", "My Foxes")
    assert form.folder.count == 3


def test_the_pictograms_are_a_source_as_well(make: Callable[[], TrainForm]) -> None:
    form = make()
    form.choose("pictograms")
    assert form.take_request().source == "pictograms"
    assert form.from_folder is None


def test_a_folder_without_pictures_is_a_fault_of_the_source(
    qtbot: QtBot, make: Callable[[], TrainForm], tmp_path: Path
) -> None:
    form = make()
    (tmp_path / "empty").mkdir()
    form.choose(tmp_path / "empty")
    qtbot.waitUntil(lambda: not form.folder.reading)
    assert form.faults["source"] == text.no_usable_picture()
    assert not form.can_train
    form.choose(tmp_path / "gone")
    qtbot.waitUntil(lambda: not form.folder.reading)
    assert "gone" in form.faults["source"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "My Foxes!"}, "name"),
        ({"name": ""}, "name"),
        ({"size": 24}, "size"),
        ({"batch": 0}, "batch"),
        ({"base": "nobody"}, "base"),
        ({"name": "starter"}, "name"),
    ],
)
def test_an_error_is_shown_at_its_field(
    make: Callable[[], TrainForm], changes: dict[str, Any], field: str
) -> None:
    form = make()
    form.choose("pictograms")
    form.edit(**changes)
    assert list(form.faults) == [field]
    assert not form.can_train


def test_edits_can_be_undone_and_the_source_with_them(
    qtbot: QtBot, make: Callable[[], TrainForm], pictures: Path
) -> None:
    form = make()
    form.choose(pictures)
    form.edit(steps=500)
    form.edit(backbone="dit")
    form.undo_stack.undo()
    form.undo_stack.undo()
    assert (form.values.steps, form.values.backbone) == (4000, "unet")
    form.undo_stack.undo()
    assert not form.has_source
    assert form.folder.folder is None
    form.undo_stack.redo()
    qtbot.waitUntil(lambda: form.folder.count == 3)


def test_the_settings_are_restored_at_the_next_start_with_a_new_name(
    qtbot: QtBot, make: Callable[[], TrainForm], pictures: Path, home: Path
) -> None:
    form = make()
    form.choose(pictures)
    form.edit(steps=700, backbone="dit", scale="large", min_snr=5.0, latents=False)
    (home / "models" / "my-foxes").mkdir(parents=True)
    later = make()
    assert not later.can_train
    later.open()
    qtbot.waitUntil(lambda: later.folder.count == 3 and later.values.name == "my-foxes-2")
    request = later.take_request()
    assert (request.steps, request.backbone, request.scale) == (700, "dit", "large")
    assert (request.min_snr, request.latents, request.name) == (5.0, False, "my-foxes-2")


def test_saved_settings_that_are_no_longer_valid_are_not_restored(
    make_models: MakeModels, home: Path
) -> None:
    preferences = make_models(home=home).preferences
    preferences.set("train", {"steps": -4, "backbone": "gone", "batch": 16, "scale": "huge", "source": 5})
    preferences.save()
    request = make_models(home=home).train.form.values
    assert (request.steps, request.backbone, request.batch, request.scale) == (4000, "unet", 16, "small")
    assert request.source == ""


def test_after_a_training_the_form_has_a_name_that_is_free(
    make: Callable[[], TrainForm], home: Path, qtbot: QtBot
) -> None:
    form = make()
    form.choose("pictograms")
    assert form.values.name == "pictograms"
    (home / "models" / ".training" / "pictograms").mkdir(parents=True)
    form.edit(steps=77)
    assert "name" not in form.faults  # no edit waits for the disk
    form.edit(name="x")
    form.edit(name="pictograms")
    qtbot.waitUntil(lambda: "name" in form.faults)
    form.rename()
    assert form.values.name == "pictograms-2"
    assert form.can_train


def test_the_form_is_ready_for_the_next_training_while_one_runs_or_waits(
    make: Callable[[], TrainForm],
) -> None:
    form = make()
    form.choose("pictograms")
    names = [form.take_request().name for _ in range(3)]
    assert names == ["pictograms", "pictograms-2", "pictograms-3"]
    assert form.can_train


def scales(asked: Asked) -> list[str]:
    """The size of each training that was to be estimated."""
    for call in asked.calls[len(asked.engine.rehearsed) :]:
        call.work(call, asked.engine)
    return [request.scale for request in asked.engine.rehearsed]


def test_each_size_is_estimated_once(
    make: Callable[[], TrainForm], measured: Measured, asked: Asked, qtbot: QtBot
) -> None:
    form = make()
    form.ask_for_estimate()
    assert asked.calls == []
    form.choose("pictograms")
    form.edit(scale="medium")
    for scale in ("medium", "small", "large"):
        form.ask_for_estimate()
        assert form.estimate(scale=scale).seconds is None
        measured.seconds[scale] = 60.0
        asked.give(asked.calls[-1], ESTIMATE)
        qtbot.waitUntil(lambda scale=scale: form.estimate(scale=scale).seconds is not None)
        assert form.estimate(scale=scale).seconds == pytest.approx(60)
    form.ask_for_estimate()
    assert scales(asked) == ["medium", "small", "large"]
    assert form.costs.fault == ""


def test_one_training_is_estimated_at_a_time_and_replaced_by_a_newer_one(
    make: Callable[[], TrainForm], asked: Asked
) -> None:
    form = make()
    form.choose("pictograms")
    form.ask_for_estimate()
    form.ask_for_estimate()
    assert len(asked.calls) == 1
    form.edit(steps=4321)
    form.ask_for_estimate()
    assert [call.unwanted for call in asked.calls] == [True, False]


def test_interrupted_estimates_are_repeated_and_failed_ones_are_not(
    make: Callable[[], TrainForm], asked: Asked
) -> None:
    form = make()
    form.choose("pictograms")
    form.ask_for_estimate()
    asked.calls[0].cancel()
    asked.calls[0].dropped()
    form.ask_for_estimate()
    assert scales(asked) == ["small", "small"]
    reason = "It cannot be measured."
    asked.fail(asked.calls[1], reason)
    form.ask_for_estimate()
    assert scales(asked)[-1] == "medium"
    assert form.costs.fault == reason
