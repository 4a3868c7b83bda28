"""A folder becomes a model, with events on the way; what is stopped goes on to the same bits."""

from __future__ import annotations

import itertools
import json
import shutil
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from studio.checkpoints import native
from studio.checkpoints.assembly import assemble
from studio.checkpoints.catalog import list_models
from studio.checkpoints.folder import read_card
from studio.checkpoints.words import read_words
from studio.engine.engine import Engine
from studio.engine.events import PictureDone
from studio.engine.requests.generate import GenerateRequest
from studio.engine.training.estimate import estimate, read_timing
from studio.engine.training.events import (
    CheckpointSaved,
    TrainingFinished,
    TrainingPreparing,
    TrainingSampled,
    TrainingStarted,
    TrainingStepped,
    TrainingStopped,
)
from studio.engine.training.plan import plan_training
from studio.engine.training.request import default_request
from studio.engine.training.resumable import resumable
from studio.errors import RecipeError, RequestError, StorageError
from studio.folders import Folders
from tests.engine.tiny import save_tiny
from tests.engine.training.tiny_trainings import (
    add_tiny_scales,
    draw_folder,
    know_speed,
    model_bytes,
    of_kind,
    tiny_request,
)

if TYPE_CHECKING:
    from pathlib import Path

    from studio.engine.training.events import TrainEvent
    from studio.engine.training.request import TrainRequest


@pytest.fixture(autouse=True)
def _tiny_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    add_tiny_scales(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return draw_folder(tmp_path / "squares")


def engine_at(home: Path, request: TrainRequest | None = None) -> Engine:
    engine = Engine(Folders.under(home), "cpu")
    if request is not None:
        know_speed(engine, request)
    return engine


def unbroken(tmp_path: Path, request: TrainRequest) -> bytes:
    engine = engine_at(tmp_path / "unbroken", request)
    list(engine.train(request))
    return model_bytes(engine.folders)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"backbone": "dit", "schedule": "linear", "prediction": "eps", "min_snr": 5.0},
        {"latents": False, "prediction": "x0"},
        {"latents": False, "size": 32, "text_steps": 0, "dropout": 0.0},
    ],
    ids=["unet", "dit", "pixels", "no drafts"],
)
def test_a_folder_becomes_a_listed_model_that_draws(
    tmp_path: Path, folder: Path, changes: dict[str, object]
) -> None:
    request = tiny_request(folder, **changes)
    engine = engine_at(tmp_path / "home", request)
    events = list(engine.train(request))
    assert isinstance(events[-1], TrainingFinished)
    assert events[-1].model == "squares"
    (listed,) = [model for model in list_models(engine.folders) if model.name == "squares"]
    assert listed.error is None
    assert listed.card is not None
    assert (listed.card.prediction, listed.card.schedule.kind) == (request.prediction, request.schedule)
    drawn = engine.run(GenerateRequest(prompt="red square", model="squares", steps=2))
    assert of_kind(drawn, PictureDone)  # type: ignore[arg-type]
    assert "red square" in read_words(listed.folder).names


def test_events_report_stages_steps_and_samples(tmp_path: Path, folder: Path) -> None:
    request = tiny_request(folder, sample_seconds=0.0, sample_prompts=("red square", "여우"))
    engine = engine_at(tmp_path / "home", request)
    events = list(engine.train(request, job_id="mine"))
    assert {event.job_id for event in events} == {"mine"}
    (started,) = of_kind(events, TrainingStarted)
    assert started.stages == ("codec", "text", "backbone")
    assert (started.pictures, started.refused, started.resumed_at) == (4, 0, 0)
    assert started.parameters == 12_345
    steps = of_kind(events, TrainingStepped)
    assert [(step.stage, step.step) for step in steps] == [
        *(("codec", number) for number in (1, 2, 3)),
        *(("text", number) for number in (1, 2, 3)),
        *(("backbone", number) for number in range(1, 9)),
    ]
    assert all(step.pictures_per_second > 0 and step.seconds_left is not None for step in steps)
    assert steps[-1].seconds_left == 0
    assert all(len(step.bands) == (4 if step.stage == "backbone" else 0) for step in steps)
    samples = of_kind(events, TrainingSampled)
    assert {sample.what for sample in samples} == {"reconstruction", "draft", "sample"}
    for sample in samples:
        assert sample.pictures.shape == (len(sample.prompts), 16, 16, 3)
        assert sample.pictures.dtype == np.uint8
        assert not sample.pictures.flags.writeable
        assert sample.pictures.base is None
    last = samples[-1]
    assert (last.what, last.step, last.prompts, last.seeds) == ("sample", 8, ("red square", "여우"), (0, 1))
    first = samples[0]
    assert first.originals is not None
    assert first.originals.shape == first.pictures.shape


def test_the_last_checkpoints_and_every_nth_step_stay(tmp_path: Path, folder: Path) -> None:
    request = tiny_request(folder, save_seconds=0.0, keep_last=2, keep_every=3)
    engine = engine_at(tmp_path / "home", request)
    saved = of_kind(engine.train(request), CheckpointSaved)
    assert [event.step for event in saved] == list(range(1, 9))
    assert saved[-1].model == "squares"
    names = {model.name for model in list_models(engine.folders) if not model.shipped}
    assert names == {"squares", "squares-3", "squares-6", "squares-7"}
    assert {name for event in saved for name in event.removed} == {f"squares-{step}" for step in (1, 2, 4, 5)}
    assert not [path for path in engine.folders.models.iterdir() if path.name.startswith(".squares")]


def test_a_card_contains_recipe_data_and_step_but_not_the_path_of_the_pictures(
    tmp_path: Path, folder: Path
) -> None:
    request = tiny_request(folder, save_seconds=0.0)
    engine = engine_at(tmp_path / "home", request)
    list(engine.train(request))
    card = read_card(engine.folders.models / "squares-7")
    assert (card.training["step"], card.training["steps"], card.training["pictures"]) == (7, 8, 4)
    assert card.training["recipe"]["prediction"] == "v"
    assert len(card.training["data_sha256"]) == 64
    assert str(folder) not in card.to_json()


def test_the_folder_of_another_model_is_never_deleted(tmp_path: Path, folder: Path) -> None:
    request = tiny_request(folder, save_seconds=0.0, keep_last=1)
    engine = engine_at(tmp_path / "home", request)
    save_tiny(engine.folders.models / "squares-1")
    before = (engine.folders.models / "squares-1" / "model.safetensors").read_bytes()
    list(engine.train(request))
    assert (engine.folders.models / "squares-1" / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("latents", [True, False])
def test_stopped_anywhere_and_resumed_it_makes_the_same_model(
    tmp_path: Path, folder: Path, latents: bool
) -> None:
    request = tiny_request(folder, latents=latents)
    whole = unbroken(tmp_path, request)
    engine = engine_at(tmp_path / "broken", request)
    stopped: list[TrainingStopped] = []
    for _ in range(40):
        cancelled = threading.Event()
        steps = 0
        for event in engine.train(request, cancelled=cancelled):
            steps += isinstance(event, TrainingStepped)
            if steps == 2:
                cancelled.set()
            if isinstance(event, TrainingStopped):
                stopped.append(event)
        if isinstance(event, TrainingFinished):
            break
        assert resumable(engine.folders)[0].step == event.step
    assert {event.stage for event in stopped} >= ({"codec"} if latents else set()) | {"text", "backbone"}
    assert stopped[-1].model == f"squares-{stopped[-1].step}"
    assert model_bytes(engine.folders) == whole
    assert resumable(engine.folders) == ()


def test_closing_the_events_only_loses_steps_after_the_last_checkpoint(tmp_path: Path, folder: Path) -> None:
    request = tiny_request(folder, save_seconds=0.0)
    whole = unbroken(tmp_path, request)
    engine = engine_at(tmp_path / "broken", request)
    for count in (30, 33, 36):
        events = engine.train(request)
        list(itertools.islice(events, count))
        events.close()  # type: ignore[attr-defined]
    list(engine.train(request))
    assert model_bytes(engine.folders) == whole


def test_a_picture_made_between_two_steps_changes_no_bit_of_either(tmp_path: Path, folder: Path) -> None:
    request = tiny_request(folder)
    whole = unbroken(tmp_path, request)
    engine = engine_at(tmp_path / "home", request)
    save_tiny(engine.folders.models / "other")
    wanted = GenerateRequest(prompt="fox", model="other", steps=3)
    (alone,) = of_kind(engine.run(wanted), PictureDone)  # type: ignore[arg-type]
    for event in engine.train(request):
        if isinstance(event, TrainingStepped):
            (drawn,) = of_kind(engine.run(wanted), PictureDone)  # type: ignore[arg-type]
            assert np.array_equal(drawn.pixels, alone.pixels)
    assert model_bytes(engine.folders) == whole


def test_a_finished_training_is_not_repeated_unless_its_model_was_deleted(
    tmp_path: Path, folder: Path
) -> None:
    request = tiny_request(folder)
    engine = engine_at(tmp_path / "home", request)
    list(engine.train(request))
    whole = model_bytes(engine.folders)
    again = list(engine.train(request))
    assert isinstance(again[-1], TrainingFinished)
    assert not of_kind(again, TrainingStepped)
    shutil.rmtree(engine.folders.models / "squares")
    assert of_kind(engine.train(request), TrainingStepped)
    assert model_bytes(engine.folders) == whole


def test_fine_tuning_keeps_the_models_codec_and_text_encoder(tmp_path: Path, folder: Path) -> None:
    engine = engine_at(tmp_path / "home")
    save_tiny(engine.folders.models / "base", latent=True)
    request = tiny_request(folder, base="base", name="more", prediction="eps", size=64)
    know_speed(engine, request)
    events = list(engine.train(request))
    (started,) = of_kind(events, TrainingStarted)
    assert started.stages == ("backbone",)
    assert (started.request.size, started.request.prediction) == (16, "v")
    assert "Starts from" in " ".join(started.notes)
    before, after = (native.load(engine.folders.models / name) for name in ("base", "more"))
    for part in ("codec", "text_encoder"):
        pairs = zip(getattr(before, part).parameters(), getattr(after, part).parameters(), strict=True)
        assert all(np.allclose(one, other, rtol=1e-3, atol=1e-4) for one, other in pairs)
    pairs = zip(before.backbone.parameters(), after.backbone.parameters(), strict=True)
    assert not all(np.allclose(one, other, rtol=1e-3, atol=1e-4) for one, other in pairs)


def test_a_model_without_text_can_be_fine_tuned(tmp_path: Path, folder: Path) -> None:
    engine = engine_at(tmp_path / "home")
    save_tiny(engine.folders.models / "base", text=False)
    request = tiny_request(folder, base="base", name="more")
    know_speed(engine, request)
    list(engine.train(request))
    assert read_card(engine.folders.models / "more").text is None


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"name": "taken"}, "name", "is the name of a model already"),
        ({"name": "starter"}, "name", "is the name of a model already"),
        ({"base": "nobody"}, "model", "is not known"),
        ({"scale": "enormous"}, "scale", "is not known"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_a_sentence(
    tmp_path: Path, folder: Path, changes: dict[str, object], field: str, sentence: str
) -> None:
    engine = engine_at(tmp_path / "home")
    save_tiny(engine.folders.models / "taken")
    with pytest.raises(RequestError, match=sentence) as refused:
        list(engine.train(tiny_request(folder, **changes)))
    assert refused.value.field == field


def test_another_training_of_the_same_name_is_not_resumed(tmp_path: Path, folder: Path) -> None:
    request = tiny_request(folder)
    engine = engine_at(tmp_path / "home", request)
    for event in engine.train(request):
        if isinstance(event, TrainingStarted):
            break
    with pytest.raises(
        RequestError, match="is the name of another training, which has not begun its first step"
    ):
        list(engine.train(replace(request, steps=9)))


def test_a_folder_without_pictures_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    engine = engine_at(tmp_path / "home")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError, match=r"The folder .*empty contains no picture that can be read"):
        list(engine.train(tiny_request(tmp_path / "empty")))
    with pytest.raises(StorageError, match="cannot be found"):
        list(engine.train(tiny_request(tmp_path / "nowhere")))
    assert resumable(engine.folders) == ()


def test_changed_pictures_are_reported_when_a_training_is_resumed(tmp_path: Path, folder: Path) -> None:
    request = tiny_request(folder, save_seconds=0.0)
    engine = engine_at(tmp_path / "home", request)
    events = engine.train(request)
    next(event for event in events if isinstance(event, CheckpointSaved))
    events.close()  # type: ignore[attr-defined]
    draw_folder(folder, ["white"])
    events = list(engine.train(request))
    (started,) = of_kind(events, TrainingStarted)
    assert started.pictures == 5
    assert any("have changed since this training was stopped" in note for note in started.notes)
    assert isinstance(events[-1], TrainingFinished)


def test_it_can_be_stopped_while_it_prepares(tmp_path: Path, folder: Path) -> None:
    engine, cancelled = engine_at(tmp_path / "home"), threading.Event()
    events: list[TrainEvent] = []
    for event in engine.train(tiny_request(folder), cancelled=cancelled):
        events.append(event)
        if isinstance(event, TrainingPreparing) and "speed" in event.what:
            cancelled.set()
    assert isinstance(events[-1], TrainingStopped)
    assert events[-1].stage is None
    assert not of_kind(events, TrainingStarted)


def test_a_rehearsal_is_remembered_and_estimates_time_and_memory(tmp_path: Path, folder: Path) -> None:
    engine, request = engine_at(tmp_path / "home"), tiny_request(folder)
    guess = estimate(request, engine.folders.cache)
    assert guess.seconds is None
    found = engine.rehearse_training(request)
    assert found == estimate(request, engine.folders.cache)
    assert found.seconds is not None
    assert found.seconds > 0
    assert found.memory_bytes > 0
    list(engine.train(request))
    card = read_card(engine.folders.models / "squares")
    assert found.parameters == card.parameters
    longer = estimate(replace(request, steps=800), engine.folders.cache)
    assert longer.seconds is not None
    assert longer.seconds > 10 * found.seconds
    known = json.loads((engine.folders.cache / "training.json").read_text())
    for values in known.values():
        values["seconds"] = {"backbone": "long"}
    (engine.folders.cache / "training.json").write_text(json.dumps(known))
    assert read_timing(request, engine.folders.cache) is None


def test_a_recipe_trains_with_the_same_events(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "tiny.toml"
    loops = "".join(
        f"[{name}_train]\npictures = 8\nbatch = 4\n" for name in ("codec", "decoder", "preview", "text")
    )
    path.write_text(
        f'[about]\nname = "tiny"\ntitle = "Tiny"\ntraining_data = "squares"\n[data]\nkind = "folder"\n'
        f'path = "squares"\nsize = 16\n[codec]\nchannels = 4\nwidths = [16, 16]\n[preview]\nwidth = 8\n'
        f"[text]\nfeatures = 16\nbuckets = 64\nlayers = 1\nheads = 2\n{loops}"
        '[backbone]\nkind = "dit"\nfeatures = 16\nlayers = 1\nheads = 2\n[train]\npictures = 12\nbatch = 4\n'
    )
    request = tiny_request(path)
    engine = engine_at(tmp_path / "home", request)
    events = list(engine.train(request))
    (started,) = of_kind(events, TrainingStarted)
    assert started.stages == ("codec", "decoder", "preview", "text", "backbone")
    assert isinstance(events[-1], TrainingFinished)
    assert (engine.folders.models / "squares" / "preview.json").is_file()


@pytest.mark.parametrize("scale", ["small", "medium", "large"])
@pytest.mark.parametrize("backbone", ["unet", "dit"])
def test_estimates_before_any_measurement_are_about_right(
    tmp_path: Path, folder: Path, backbone: str, scale: str
) -> None:
    folders = Folders.under(tmp_path / "home")
    for changes in ({}, {"latents": False}, {"size": 128}):
        request = replace(default_request(folder), backbone=backbone, scale=scale, **changes)  # type: ignore[arg-type]
        card = plan_training(request, folders).card
        numbers = sum(tensor.numel() for tensor in assemble(card, tmp_path).state().values())
        assert estimate(request, folders.cache).parameters == pytest.approx(numbers, rel=0.25)


def test_pictograms_can_be_learned_from_without_a_folder(tmp_path: Path, folder: Path) -> None:
    request = tiny_request(folder, source="pictograms", steps=2, codec_steps=1, text_steps=0)
    engine = engine_at(tmp_path / "home", request)
    events = list(engine.train(request))
    assert of_kind(events, TrainingStarted)[0].pictures > 1000
    assert isinstance(events[-1], TrainingFinished)
    card = read_card(engine.folders.models / "squares")
    assert "Noto Color Emoji" in card.training_data


def test_the_first_start_decides_on_the_precision_and_a_resumed_training_keeps_it(
    tmp_path: Path, folder: Path
) -> None:
    request = tiny_request(folder, save_seconds=0.0)
    whole, exact, broken = (
        Engine(Folders.under(tmp_path / name), "cpu") for name in ("whole", "exact", "broken")
    )
    for engine, dtype in ((whole, "bfloat16"), (exact, "float32"), (broken, "bfloat16")):
        know_speed(engine, request, dtype)
    (started,) = of_kind(list(whole.train(request)), TrainingStarted)
    assert started.dtype == "bfloat16"
    list(exact.train(request))
    assert model_bytes(whole.folders) != model_bytes(exact.folders)
    events = broken.train(request)
    next(event for event in events if isinstance(event, CheckpointSaved))
    events.close()  # type: ignore[attr-defined]
    know_speed(broken, request, "float32")  # as another measurement might have it
    (started,) = of_kind(list(broken.train(request)), TrainingStarted)
    assert started.dtype == "bfloat16"
    assert model_bytes(broken.folders) == model_bytes(whole.folders)
