"""What can be seen of a run: fresh arrays of the right kind, and never another picture."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from studio.diffusion.samplers import SAMPLERS
from studio.engine import engine as engine_module
from studio.engine.device import EXACT
from studio.engine.engine import Engine
from studio.engine.events import JobFinished, JobStarted, PictureDone, StepDone
from studio.engine.preview import to_pixels
from studio.engine.previews import EVERY_STEP, NO_PREVIEWS, Previews, Shown
from studio.engine.requests import GenerateRequest, sampler_options
from studio.errors import CheckpointError, RequestError, UnknownNameError

if TYPE_CHECKING:
    from studio.engine.events import Event
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
        events = run(engine, Previews(shown=Shown(what), arrays=True))
        kept = engine._slot.held
        assert kept is not None
        for event in steps_of(events):
            array = event.x0_hat if what == "x0" else event.state
            assert array is not None
            expected = to_pixels(kept.model.codec.decode(torch.from_numpy(array.copy())[None]).detach())
            assert (event.preview_of, event.tier) == (what, "full")
            assert np.array_equal(event.preview, expected)


def test_what_is_shown_may_change_while_the_picture_forms(engine: Engine) -> None:
    shown, told = Shown(), []
    for event in engine.run(asking(steps=6), previews=Previews(shown=shown)):
        if isinstance(event, StepDone):
            told.append(event.preview_of)
            shown.what = "x_t" if event.step in (2, 3) else "x0"
    assert told == ["x0", "x0", "x_t", "x_t", "x0", "x0"]


@pytest.mark.parametrize("what", ["x0", "x_t"])
def test_the_last_step_shows_the_finished_picture(engine: Engine, what: Any) -> None:  # noqa: ANN401
    for sampler in SAMPLERS:
        events = run(engine, Previews(every=3, shown=Shown(what)), sampler=sampler)
        last, done = steps_of(events)[-1], done_of(events)
        assert np.array_equal(last.preview, done.pixels)
        assert last.tier == "full"
        assert not np.shares_memory(last.preview, done.pixels)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_nothing_that_is_shown_changes_the_picture(engine: Engine, sampler: str) -> None:
    plain = bits(run(engine, NO_PREVIEWS, sampler=sampler))
    for what in (Shown("x0"), Shown("x_t")):
        for every in (0, 1, 3):
            for arrays in (False, True):
                previews = Previews(every=every, shown=what, arrays=arrays)
                assert bits(run(engine, previews, sampler=sampler)) == plain


def test_a_job_tells_its_weights_and_what_its_previews_took(engine: Engine) -> None:
    events = run(engine, EVERY_STEP, count=2)
    started = next(event for event in events if isinstance(event, JobStarted))
    pictures = [event for event in events if isinstance(event, PictureDone)]
    finished = next(event for event in events if isinstance(event, JobFinished))
    assert started.weights_sha256 == pictures[0].model_sha256
    assert all(0 < done.preview_seconds < done.seconds for done in pictures)
    assert finished.preview_seconds == pytest.approx(sum(done.preview_seconds for done in pictures))
    unseen = run(engine, NO_PREVIEWS)
    assert done_of(unseen).preview_seconds < 0.01 * done_of(unseen).seconds


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_model_calls_are_those_foretold(engine: Engine, sampler: str, guidance: float) -> None:
    done = done_of(run(engine, NO_PREVIEWS, sampler=sampler, guidance=guidance))
    options = sampler_options(sampler, done.request.options)
    queries = SAMPLERS[sampler].count_queries(options, 4)
    assert done.model_calls == queries * (2 if guidance != 1 else 1)


@pytest.mark.parametrize("budget", [-0.1, 1.1, float("nan")])
def test_a_budget_is_a_share(budget: float) -> None:
    with pytest.raises(RequestError, match="budget must be 0 to 1"):
        Previews(budget=budget)


# ------------------------------------------------------------------------------------------- looked at again later


def test_what_was_kept_of_a_step_is_decoded_in_full_later_with_any_model_in_memory(
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


def test_what_cannot_be_decoded_any_more_is_said(engine: Engine) -> None:
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
