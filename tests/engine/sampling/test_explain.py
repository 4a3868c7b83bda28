"""A state explained: what a run is told of it, both sides of guidance, and where the score pulls."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from studio.diffusion.denoiser import Denoiser, Prediction
from studio.diffusion.samplers import COMPARED
from studio.engine.events import JobStarted, PictureStarted
from studio.engine.requests.previews import EVERY_STEP, Previews
from studio.engine.sampling.decoders import to_pixels
from studio.errors import CheckpointError, RequestError, UnknownNameError
from tests.engine.asking import asking, bits, pictures, steps_of, those

if TYPE_CHECKING:
    from studio.engine.engine import Engine
    from studio.engine.events import Event, Explained, StepDone
    from studio.engine.requests.generate import GenerateRequest

ARRAYS = Previews(every=0, arrays=True)


def run(engine: Engine, request: GenerateRequest) -> tuple[JobStarted, list[Event]]:
    events = list(engine.run(request, previews=ARRAYS))
    return those(JobStarted, events)[0], events


def explained(engine: Engine, request: GenerateRequest, step: int = 2) -> tuple[Explained, StepDone]:
    """The state that a run reached after ``step`` steps, and the step that it took from there."""
    started, events = run(engine, request)
    before, after = steps_of(events)[step - 1 : step + 1]
    assert before.state is not None
    return engine.explain(started.request, started.weights_sha256, before.state, before.s), after


def rms(array: Any) -> float:  # noqa: ANN401
    return float(np.sqrt(np.square(array, dtype=np.float64).mean()))


@pytest.mark.parametrize("model", ["latent", "pixels", "textless"])
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_an_explanation_is_bit_identical_to_the_predictions_of_the_run(
    engine: Engine, model: str, guidance: float
) -> None:
    told, after = explained(engine, asking(model=model, guidance=guidance, options={"eta": 0.0}))
    assert np.array_equal(told.x0_hat, after.x0_hat)
    other, _ = explained(engine, asking(model=model, guidance=guidance, options={"eta": 0.0}), step=1)
    assert not np.array_equal(other.x0_hat, after.x0_hat)
    guided = guidance != 1 and model != "textless"
    assert told.model_calls == (2 if guided else 1)
    assert set(told.pictures) == ({"x0_hat", "cond", "uncond"} if guided else {"x0_hat"})
    assert [told.cond is None, told.uncond is None, told.difference is None] == [not guided] * 3


def test_each_side_of_guidance_is_what_its_prompt_says_alone(engine: Engine) -> None:
    request = asking(negative="cat", guidance=3)
    started, events = run(engine, request)
    (begun,) = those(PictureStarted, events)
    state = (started.weights_sha256, begun.start.x, begun.start.times[0])
    told = engine.explain(started.request, *state)
    for side, prompt in ((told.cond, "a red dog"), (told.uncond, "cat")):
        alone = engine.explain(replace(started.request, prompt=prompt, guidance=1.0), *state)
        np.testing.assert_allclose(side, alone.x0_hat, atol=1e-4)
    assert told.cond is not None
    assert told.uncond is not None
    assert told.difference is not None
    assert rms(told.cond - told.uncond) > 1e-3
    np.testing.assert_allclose(told.difference, told.x0_hat - told.uncond, atol=1e-5)
    np.testing.assert_allclose(told.difference, 3 * (told.cond - told.uncond), atol=1e-4)


def test_pictures_are_decoded_from_the_predictions(engine: Engine) -> None:
    told, _ = explained(engine, asking())
    held = engine._models.newest
    assert held is not None
    for name, latents in (("x0_hat", told.x0_hat), ("cond", told.cond), ("uncond", told.uncond)):
        assert latents is not None
        expected = to_pixels(held.model.codec.decode(torch.from_numpy(latents.copy())[None]).detach())
        assert np.array_equal(told.pictures[name], expected)


def test_the_score_is_the_length_of_the_noise_over_its_level(engine: Engine) -> None:
    started, events = run(engine, asking())
    step = steps_of(events)[1]
    assert step.state is not None
    told = engine.explain(started.request, started.weights_sha256, step.state, step.s)
    alpha, sigma = float(np.sqrt(1 - step.sigma**2)), step.sigma
    eps = (step.state - alpha * told.x0_hat) / sigma
    np.testing.assert_allclose(told.score_norm, np.linalg.norm(eps / sigma, axis=0), rtol=1e-3)
    assert told.score_norm.shape == step.state.shape[1:]


def test_arrays_are_fresh_and_read_only(engine: Engine) -> None:
    told, _ = explained(engine, asking())
    values = [getattr(told, field.name) for field in fields(told)]
    arrays = [value for value in [*values, *told.pictures.values()] if isinstance(value, np.ndarray)]
    assert len(arrays) == 5 + 3
    for array in arrays:
        assert array.flags.owndata
        assert array.flags.c_contiguous
        assert not array.flags.writeable


def test_asking_between_two_steps_changes_nothing(engine: Engine) -> None:
    request = asking("pc")
    plain = bits(*pictures(engine.run(request)))
    events: list[Event] = []
    for event in engine.run(request, previews=ARRAYS):
        events.append(event)
        for step in steps_of(events)[-1:]:
            if step.state is not None and step.s >= 0:
                (started,) = those(JobStarted, events)
                engine.explain(started.request, started.weights_sha256, step.state, step.s)
    assert bits(*pictures(events)) == plain


def test_what_cannot_be_explained_is_refused(engine: Engine) -> None:
    started, events = run(engine, asking())
    state = steps_of(events)[0].state
    assert state is not None
    request, weights = started.request, started.weights_sha256
    for t in (-1, 1000):
        with pytest.raises(RequestError, match="time must be a number from 0 to 999"):
            engine.explain(request, weights, state, t)
    for wrong in (state[:, :2], np.full_like(state, np.nan)):
        with pytest.raises(RequestError, match="state must be finite numbers of the shape 4x4x4"):
            engine.explain(request, weights, wrong, 5)
    with pytest.raises(CheckpointError, match="its hash has changed"):
        engine.explain(request, "0" * 64, state, 5)
    with pytest.raises(UnknownNameError):
        engine.explain(replace(request, model="none"), "0" * 64, state, 5)


# ------------------------------------------------------------------------------------------ what every step tells


@pytest.mark.parametrize("model", ["latent", "pixels"])
@pytest.mark.parametrize("sampler", COMPARED)
def test_a_step_reports_how_far_x0_hat_moved_and_the_strength_of_guidance(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, sampler: str, model: str
) -> None:
    answered: list[Prediction] = []
    evaluate = Denoiser.evaluate

    def watched(self: Denoiser, *rest: Any) -> Prediction:  # noqa: ANN401
        answered.append(evaluate(self, *rest))
        return answered[-1]

    monkeypatch.setattr(Denoiser, "evaluate", watched)
    last: dict[int, Prediction] = {}
    events: list[Event] = []
    for event in engine.run(asking(sampler, model=model), previews=ARRAYS):
        events.append(event)
        last[len(steps_of(events))] = answered[-1] if answered else None  # type: ignore[assignment]
    steps = steps_of(events)
    assert steps[0].change is None
    for before, step in pairwise(steps):
        assert step.x0_hat is not None
        assert before.x0_hat is not None
        assert step.change == pytest.approx(rms(step.x0_hat - before.x0_hat), rel=1e-5)
        assert step.change > 0
    for step in steps:
        cond, uncond = last[step.step].x0_hat.numpy()
        assert step.guidance == pytest.approx(rms(cond - uncond), rel=1e-3)
        assert step.guidance > 0


def test_without_guidance_or_arrays_nothing_is_reported(engine: Engine) -> None:
    for step in steps_of(run(engine, asking(guidance=1))[1]):
        assert step.guidance is None
    events = list(engine.run(asking(), previews=EVERY_STEP))
    assert not those(PictureStarted, events)
    assert {(step.change, step.guidance, step.history) for step in steps_of(events)} == {(None, None, ())}


def test_each_picture_of_a_count_reports_its_own_values(engine: Engine) -> None:
    events = list(engine.run(asking(count=2, steps=2), previews=ARRAYS))
    begun = those(PictureStarted, events)
    assert [type(event).__name__ for event in events[2:]] == [
        *["PictureStarted", "StepDone", "StepDone", "PictureDone"] * 2,
        "JobFinished",
    ]
    assert [(one.image, one.seed, one.steps) for one in begun] == [(0, 7, 2), (1, 8, 2)]
    for one, done in zip(begun, pictures(events), strict=True):
        assert (one.start.index, one.start.times) == (0, (999, 499, -1))
        assert one.x_T_sha256 == done.x_T_sha256
        assert not one.start.x.flags.writeable
        assert one.start.x.flags.owndata
    assert [step.change is None for step in those_steps(events)] == [True, False] * 2


def those_steps(events: list[Event]) -> list[StepDone]:
    return [*steps_of(events, 0), *steps_of(events, 1)]
