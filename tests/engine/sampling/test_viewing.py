"""What can be seen of a run: fresh arrays of the right kind, and never another picture."""

from __future__ import annotations

import hashlib
import shutil
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from studio.backbones.codec import Codec
from studio.backbones.linear_decoder import fit_linear_decoder
from studio.backbones.precision import EXACT
from studio.backbones.preview_decoder import PreviewConfig, PreviewDecoder
from studio.checkpoints import model as model_module
from studio.checkpoints import native
from studio.checkpoints.preview import save_preview
from studio.diffusion.samplers import COMPARED, SAMPLERS
from studio.engine import engine as engine_module
from studio.engine.engine import Engine
from studio.engine.events import JobCancelled, JobFinished, JobStarted, PictureDone, StepDone
from studio.engine.requests.generate import GenerateRequest, sampler_options
from studio.engine.requests.previews import EVERY_STEP, NO_PREVIEWS, Previews, PreviewTarget
from studio.engine.sampling import preview as preview_module
from studio.engine.sampling.decoders import to_pixels
from studio.engine.sampling.preview_budget import PreviewScheduler
from studio.errors import CheckpointError, RequestError, UnknownNameError
from studio.weights.files import LoadCancelled

if TYPE_CHECKING:
    from pathlib import Path

    from studio.engine.events import Event
    from studio.engine.requests.previews import Tier
    from studio.folders import Folders

Shape = tuple[int, ...]


def asking(**fields: Any) -> GenerateRequest:  # noqa: ANN401
    return GenerateRequest(**{"prompt": "a red dog", "model": "latent", "steps": 4, "seed": 7, **fields})


def run(engine: Engine, previews: Previews, **fields: Any) -> list[Event]:  # noqa: ANN401
    return list(engine.run(asking(**fields), previews=previews))


def steps_of(events: list[Event]) -> list[StepDone]:
    return [event for event in events if isinstance(event, StepDone)]


def done_of(events: list[Event]) -> PictureDone:
    return next(event for event in events if isinstance(event, PictureDone))


def bits(events: list[Event]) -> tuple[str, str]:
    done = done_of(events)
    return done.final_sha256, hashlib.sha256(done.pixels.tobytes()).hexdigest()


@pytest.mark.parametrize("model", ["latent", "pixels"])
def test_arrays_are_x0_hat_and_the_state_reached(engine: Engine, model: str) -> None:
    events = run(engine, Previews(every=0, arrays=True), model=model)
    shape: Shape = (4, 4, 4) if model == "latent" else (3, 16, 16)
    arrays = [array for event in steps_of(events) for array in (event.x0_hat, event.state)]
    assert len(arrays) == 8
    for array in arrays:
        assert array is not None
        assert (array.dtype, array.shape) == (np.float32, shape)
        assert array.flags.c_contiguous
        assert array.flags.owndata
        assert not array.flags.writeable
    last = steps_of(events)[-1].state
    assert last is not None
    assert hashlib.sha256(last.astype("<f4").tobytes()).hexdigest() == done_of(events).final_sha256
    first = steps_of(events)[0]
    assert first.x0_hat is not None
    assert first.state is not None
    assert not np.array_equal(first.x0_hat, first.state)


def test_arrays_are_there_only_where_they_were_asked_for(engine: Engine) -> None:
    for event in steps_of(run(engine, EVERY_STEP)):
        assert event.x0_hat is None
        assert event.state is None
        assert event.preview is not None


def test_a_preview_shows_x0_hat_or_the_state_as_the_codec_decodes_them(engine: Engine) -> None:
    for what in ("x0", "x_t"):
        events = run(engine, Previews(target=PreviewTarget(what), arrays=True))
        kept = engine._models.newest
        assert kept is not None
        for event in steps_of(events):
            array = event.x0_hat if what == "x0" else event.state
            assert array is not None
            expected = to_pixels(kept.model.codec.decode(torch.from_numpy(array.copy())[None]).detach())
            assert (event.preview_of, event.tier) == (what, "full")
            assert np.array_equal(event.preview, expected)


def test_the_shown_quantity_may_change_while_the_picture_forms(engine: Engine) -> None:
    shown, told = PreviewTarget(), []
    for event in engine.run(asking(steps=6), previews=Previews(target=shown)):
        if isinstance(event, StepDone):
            told.append(event.preview_of)
            shown.quantity = "x_t" if event.step in (2, 3) else "x0"
    assert told == ["x0", "x0", "x_t", "x_t", "x0", "x0"]


@pytest.mark.parametrize("what", ["x0", "x_t"])
def test_the_last_step_shows_the_finished_picture(engine: Engine, what: Any) -> None:  # noqa: ANN401
    for sampler in COMPARED:
        events = run(engine, Previews(every=3, target=PreviewTarget(what)), sampler=sampler)
        last, done = steps_of(events)[-1], done_of(events)
        assert np.array_equal(last.preview, done.pixels)
        assert last.tier == "full"
        assert not np.shares_memory(last.preview, done.pixels)


@pytest.mark.parametrize("sampler", COMPARED)
def test_previews_do_not_change_the_picture(engine: Engine, sampler: str) -> None:
    plain = bits(run(engine, NO_PREVIEWS, sampler=sampler))
    for what in (PreviewTarget("x0"), PreviewTarget("x_t")):
        for every in (0, 1, 3):
            for arrays in (False, True):
                previews = Previews(every=every, target=what, arrays=arrays)
                assert bits(run(engine, previews, sampler=sampler)) == plain


def test_a_job_reports_its_weights_and_the_time_of_its_previews(engine: Engine) -> None:
    events = run(engine, EVERY_STEP, count=2)
    started = next(event for event in events if isinstance(event, JobStarted))
    pictures = [event for event in events if isinstance(event, PictureDone)]
    finished = next(event for event in events if isinstance(event, JobFinished))
    assert started.weights_sha256 == pictures[0].model_sha256
    assert all(0 < done.preview_seconds < done.seconds for done in pictures)
    assert finished.preview_seconds == pytest.approx(sum(done.preview_seconds for done in pictures))
    unseen = run(engine, NO_PREVIEWS)
    assert done_of(unseen).preview_seconds < 0.01 * done_of(unseen).seconds


@pytest.mark.parametrize("sampler", COMPARED)
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_the_number_of_model_calls_is_the_predicted_one(
    engine: Engine, sampler: str, guidance: float
) -> None:
    done = done_of(run(engine, NO_PREVIEWS, sampler=sampler, guidance=guidance))
    options = sampler_options(sampler, done.request.options)
    queries = SAMPLERS[sampler].count_queries(options, 4)
    assert done.model_calls == queries * (2 if guidance != 1 else 1)


@pytest.mark.parametrize("budget", [-0.1, 1.1, float("nan")])
def test_a_budget_is_a_share(budget: float) -> None:
    with pytest.raises(RequestError, match="budget must be 0 to 1"):
        Previews(budget=budget)


# ------------------------------------------------------------------------------------------- looked at again later


def test_a_recorded_step_is_decoded_in_full_later_whatever_model_is_loaded(
    engine: Engine, folders: Folders
) -> None:
    events = run(engine, Previews(arrays=True))
    weights = done_of(events).model_sha256
    step = steps_of(events)[1]
    assert step.x0_hat is not None
    again = engine.decode("latent", weights, step.x0_hat)
    assert np.array_equal(again, step.preview)
    assert not again.flags.writeable
    run(engine, NO_PREVIEWS, model="pixels")
    assert np.array_equal(engine.decode("latent", weights, step.x0_hat), step.preview)
    assert np.array_equal(Engine(folders, "cpu").decode("latent", weights, step.x0_hat), step.preview)


def test_the_model_of_an_old_run_is_not_loaded_to_its_end_once_that_is_cancelled(
    engine: Engine, folders: Folders
) -> None:
    events = run(engine, Previews(arrays=True))
    weights, step, cancelled = done_of(events).model_sha256, steps_of(events)[1], threading.Event()
    assert step.x0_hat is not None
    assert step.state is not None
    again = Engine(folders, "cpu")
    cancelled.set()
    with pytest.raises(LoadCancelled):
        again.decode("latent", weights, step.x0_hat, cancelled=cancelled)
    with pytest.raises(LoadCancelled):
        again.explain(done_of(events).request, weights, step.state, step.s, cancelled=cancelled)
    assert np.array_equal(again.decode("latent", weights, step.x0_hat), step.preview)


def test_a_step_that_can_no_longer_be_decoded_is_reported(engine: Engine) -> None:
    latents = np.zeros((4, 4, 4), dtype=np.float32)
    with pytest.raises(UnknownNameError, match="'gone' is not known"):
        engine.decode("gone", "0" * 64, latents)
    with pytest.raises(CheckpointError, match="is not the one that these steps were made with"):
        engine.decode("latent", "0" * 64, latents)
    weights = done_of(run(engine, NO_PREVIEWS)).model_sha256
    assert engine.decode("gone", weights, latents).shape == (16, 16, 3), "it is still in memory"
    for shape in ((4, 400, 400), (3, 4, 4), (4, 4)):
        with pytest.raises(RequestError, match="latents have a shape"):
            engine.decode("latent", weights, np.zeros(shape, dtype=np.float32))


def test_the_engine_reports_what_it_runs_on(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "choose_precision", lambda *_, **__: EXACT)
    monkeypatch.setattr(engine_module, "unused_gpu", lambda _: "This machine has a GPU.")
    report = engine.report()
    assert report.device == engine.device.label
    assert report.dtype == "float32"
    assert report.unused_gpu == "This machine has a GPU."


# -------------------------------------------------------------------------------------------------- within a budget


@pytest.fixture
def with_preview(folders: Folders, tmp_path: Path) -> Path:
    """The latent model with a preview decoder beside it."""
    folder = tmp_path / "latent"
    shutil.copytree(folders.models / "latent", folder)
    codec = native.load(folder).codec
    assert isinstance(codec, Codec)
    torch.manual_seed(3)
    config = PreviewConfig(channels=4, downscale=4, width=8, layers=1)
    save_preview(folder, PreviewDecoder(config), codec)
    return folder


class Scripted(PreviewScheduler):
    """Takes each tier in turn, and now and then none."""

    def choose(self, *, starts: bool = False) -> Tier | None:
        self._steps += 1
        return (*self._tiers, None)[self._steps % (len(self._tiers) + 1)]


@pytest.mark.parametrize("sampler", COMPARED)
def test_no_tier_changes_the_picture(
    engine: Engine, with_preview: Path, sampler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = str(with_preview)
    plain = bits(run(engine, NO_PREVIEWS, sampler=sampler, steps=8, model=model))
    for budget in (None, 0.0, 0.01, 0.5):
        for what in ("x0", "x_t"):
            previews = Previews(budget=budget, target=PreviewTarget(what), arrays=True)
            assert bits(run(engine, previews, sampler=sampler, steps=8, model=model)) == plain
    monkeypatch.setattr(preview_module, "PreviewScheduler", Scripted)
    events = run(engine, Previews(budget=0.5), sampler=sampler, steps=8, model=model)
    assert [event.tier for event in steps_of(events)[:-1]] == [*("small", "linear", None, "full") * 2][:7]
    assert bits(events) == plain


def test_a_model_without_a_preview_decoder_falls_back_to_the_linear_map(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview_module, "PreviewScheduler", Scripted)
    events = run(engine, Previews(budget=0.5), steps=6)
    assert {event.tier for event in steps_of(events)} == {"full", "linear", None}
    started = next(event for event in events if isinstance(event, JobStarted))
    assert started.notes == ()


@pytest.mark.parametrize("broken", ["preview.safetensors", "preview.json"])
def test_a_broken_preview_decoder_is_reported_and_stops_nothing(
    engine: Engine, with_preview: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = bits(run(engine, NO_PREVIEWS, model=str(with_preview)))
    (with_preview / broken).write_bytes(b"{}")
    monkeypatch.setattr(preview_module, "PreviewScheduler", Scripted)
    fresh = Engine(engine.folders, "cpu")
    events = run(fresh, Previews(budget=0.5), model=str(with_preview))
    assert bits(events) == plain
    assert {event.tier for event in steps_of(events)} == {"full", "linear", None}
    (note,) = next(event for event in events if isinstance(event, JobStarted)).notes
    assert note.startswith("Previews are coarser than they could be. The model file ")
    assert broken in note
    unlimited = run(Engine(engine.folders, "cpu"), EVERY_STEP, model=str(with_preview))
    assert next(event for event in unlimited if isinstance(event, JobStarted)).notes == ()


@pytest.mark.parametrize("previews", [NO_PREVIEWS, EVERY_STEP, Previews(budget=0.0), Previews(0, budget=0.1)])
def test_cheaper_decoders_are_only_made_if_a_budget_needs_them(
    engine: Engine, previews: Previews, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("nobody asked for it")

    monkeypatch.setattr(model_module, "fit_linear_decoder", refuse)
    monkeypatch.setattr(model_module, "load_preview", refuse)
    assert done_of(run(engine, previews)).pixels.shape == (16, 16, 3)
    with pytest.raises(AssertionError, match="nobody asked"):
        run(engine, Previews(budget=0.1))


def test_cheaper_decoders_are_made_once_for_a_model(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def count(codec: Codec) -> torch.nn.Module:
        made.append(codec)
        return fit_linear_decoder(codec)

    monkeypatch.setattr(model_module, "fit_linear_decoder", count)
    for size in (16, 32, 16):
        run(engine, Previews(budget=0.1), width=size, height=16)
    assert len(made) == 1


def test_a_budget_of_0_shows_only_the_finished_picture(engine: Engine) -> None:
    events = run(engine, Previews(budget=0.0), steps=6)
    assert [event.step for event in steps_of(events) if event.preview is not None] == [6]
    assert np.array_equal(steps_of(events)[-1].preview, done_of(events).pixels)


@pytest.mark.parametrize("model", ["latent", "pixels"])
@pytest.mark.parametrize("budget", [0.02, 0.1])
def test_a_real_run_keeps_its_budget(engine: Engine, model: str, budget: float) -> None:
    run(engine, Previews(budget=budget), model=model, steps=5)
    events = run(engine, Previews(budget=budget), model=model, steps=300, guidance=3.0)
    finished = next(event for event in events if isinstance(event, JobFinished))
    shown = [event.step for event in steps_of(events) if event.preview is not None]
    assert shown[0] == 1
    # The first preview is shown at once, and another may be on its way when the time is up.
    assert finished.preview_seconds <= budget * finished.seconds + 0.02


def test_cancelling_while_the_decoders_are_made_drops_the_job(engine: Engine) -> None:
    run(engine, NO_PREVIEWS)

    class SetAtOnce(threading.Event):
        asked = 0

        def is_set(self) -> bool:
            self.asked += 1
            return self.asked >= 1

    events = list(engine.run(asking(), previews=Previews(budget=0.1), cancelled=SetAtOnce()))
    assert [type(event) for event in events] == [JobCancelled]
    assert len(run(engine, Previews(budget=0.1))) == 7
