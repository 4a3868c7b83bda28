"""Panes of a comparison: what each is alone, for fewer model calls, and a fault that says whose it is."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from studio.diffusion.denoiser import Denoiser, Prediction
from studio.diffusion.samplers import COMPARED
from studio.engine.events import (
    JobCancelled,
    JobFinished,
    JobStarted,
    ModelLoading,
    PictureDone,
    PictureStarted,
    StepDone,
)
from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.previews import EVERY_STEP, NO_PREVIEWS, Previews
from studio.engine.sampling import generate as generate_module
from studio.errors import CheckpointError, MemoryShortError, NotFiniteError, RequestError
from tests.engine.asking import asking, bits, pictures, steps_of, those

if TYPE_CHECKING:
    from studio.diffusion.conditioning import Conditioning
    from studio.engine.engine import Engine
    from studio.engine.events import Event
    from studio.engine.requests.generate import GenerateRequest
    from studio.engine.sampling.decoders import Decoders
    from studio.engine.sampling.preview import PreviewRenderer
    from studio.folders import Folders

ARRAYS = Previews(every=0, arrays=True)

# Everything that two panes can differ in: sampler, guidance, steps, size, prompt, and models of pixels, of latents and
# without text.
MIXED = (
    asking("ddim"),
    asking("langevin", guidance=1, steps=3),
    asking("pc", model="pixels", width=32, height=16),
    asking("ddpm", model="textless", seed=9),
    asking("ddim", width=32, height=16, prompt="", negative="dog"),
    asking("ddpm", spacing="leading", steps=5),
)


def side_by_side(*requests: GenerateRequest, batched: bool = True) -> CompareRequest:
    return CompareRequest(requests=requests, batched=batched)


class Calls:
    """The model calls made, each with its denoiser and the size of its batch; ``before`` is asked at each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[Denoiser, int]] = []
        self.errors: list[float] = []
        evaluate = Denoiser.evaluate

        def watched(
            self_: Denoiser, x: torch.Tensor, t: list[float] | float, condition: Conditioning
        ) -> Prediction:
            self.made.append((self_, len(x)))
            told = evaluate(self_, x, t, condition)
            times = t if isinstance(t, list) else [t] * len(x)
            for row in range(len(x)):
                part = condition.map(lambda tensor, row=row: tensor[row : row + 1])
                alone = evaluate(self_, x[row : row + 1], times[row], part)
                self.errors.append(float((alone.output - told.output[row : row + 1]).abs().max()))
            return told

        monkeypatch.setattr(Denoiser, "evaluate", watched)

    @property
    def sizes(self) -> list[int]:
        return [size for _, size in self.made]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    return Calls(monkeypatch)


# --------------------------------------------------------------------------------------------------- as each is alone


def test_unbatched_every_pane_is_bit_for_bit_what_it_is_alone(engine: Engine) -> None:
    alone = [bits(*pictures(engine.run(request))) for request in MIXED]
    together = pictures(engine.run(side_by_side(*MIXED, batched=False)))
    assert [bits(done) for done in together] == alone
    assert [done.model_calls for done in together] == [8, 5, 20, 4, 8, 10]


@pytest.mark.parametrize("sampler", COMPARED)
def test_unbatched_bits_are_each_samplers_own_and_do_not_come_from_a_neighbour(
    engine: Engine, sampler: str
) -> None:
    panes = [asking(sampler, seed=seed, guidance=guidance) for seed, guidance in ((7, 3), (8, 1), (9, 3))]
    alone = [bits(*pictures(engine.run(request))) for request in panes]
    assert [bits(done) for done in pictures(engine.run(side_by_side(*panes, batched=False)))] == alone
    turned = pictures(engine.run(side_by_side(*panes[::-1], batched=False)))
    assert [bits(done) for done in turned] == alone[::-1]
    assert len(set(alone)) == 3


def test_unbatched_model_calls_are_composed_as_those_of_the_panes_alone(engine: Engine, calls: Calls) -> None:
    for request in MIXED:
        list(engine.run(request))
    alone = Counter(calls.sizes)
    calls.made.clear()
    list(engine.run(side_by_side(*MIXED, batched=False)))
    assert Counter(calls.sizes) == alone
    calls.made.clear()
    list(engine.run(side_by_side(*MIXED)))
    assert Counter(calls.sizes) != alone, "the proof above would not notice a shared call"


@pytest.mark.parametrize("sampler", COMPARED)
def test_batched_every_model_call_answers_each_pane_as_it_is_answered_alone(
    engine: Engine, calls: Calls, sampler: str
) -> None:
    panes = [asking(sampler, seed=seed, guidance=1 if seed == 2 else 3, steps=2 + seed) for seed in (1, 2, 3)]
    done = pictures(engine.run(side_by_side(*panes)))
    assert max(calls.sizes) == 5
    assert 0 <= max(calls.errors) < 1e-4
    assert [one.seed for one in done] == [1, 2, 3]
    assert len({one.x_T_sha256 for one in done}) == 3


def test_a_call_that_mixes_its_panes_up_would_be_noticed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = Denoiser.evaluate

    def mixing(
        self: Denoiser, x: torch.Tensor, t: list[float] | float, condition: Conditioning
    ) -> Prediction:
        return evaluate(self, x, t, condition.map(lambda part: part.roll(1, 0)))

    monkeypatch.setattr(Denoiser, "evaluate", mixing)
    calls = Calls(monkeypatch)
    list(engine.run(side_by_side(asking(), asking(prompt="cat"))))
    assert max(calls.errors) > 1e-4


def test_six_equal_panes_cost_as_many_forwards_as_one(engine: Engine, calls: Calls) -> None:
    list(engine.run(asking("pc")))
    single = calls.sizes
    calls.made.clear()
    done = pictures(engine.run(side_by_side(*(asking("pc", seed=seed) for seed in range(6)))))
    assert calls.sizes == [6 * size for size in single]
    assert [one.model_calls for one in done] == [sum(single)] * 6
    calls.made.clear()
    list(engine.run(side_by_side(*(asking("pc", seed=seed) for seed in range(6)), batched=False)))
    assert len(calls.sizes) == 6 * len(single)


def test_panes_of_one_model_share_its_calls_whatever_it_is_called(
    engine: Engine, folders: Folders, calls: Calls
) -> None:
    by_path = asking(model=str(folders.models / "latent"))
    events = list(engine.run(side_by_side(asking(), by_path, asking(model="pixels"))))
    assert calls.sizes == [4, 2] * 4
    assert len({denoiser for denoiser, _ in calls.made}) == 2
    assert [event.model for event in those(ModelLoading, events)] == ["latent", "pixels"]
    assert [request.model for request in those(JobStarted, events)[0].requests] == [
        "latent",
        "latent",
        "pixels",
    ]


@pytest.mark.parametrize("batched", [True, False])
def test_previews_and_arrays_change_no_bit_of_any_pane(engine: Engine, batched: bool) -> None:
    asked = side_by_side(*MIXED, batched=batched)
    ways = (NO_PREVIEWS, EVERY_STEP, ARRAYS, Previews(budget=0.2, arrays=True))
    made = [[bits(done) for done in pictures(engine.run(asked, previews=way))] for way in ways]
    assert made == [made[0]] * 4


# ------------------------------------------------------------------------------------------------------------ events


@pytest.mark.parametrize("batched", [True, False])
def test_every_pane_shows_a_step_before_any_shows_the_next(engine: Engine, batched: bool) -> None:
    panes = [asking("ddim"), asking("ddpm", model="pixels"), asking("ddim", seed=8)]
    events = list(engine.run(side_by_side(*panes, batched=batched), previews=ARRAYS, job_id="job"))
    kinds = [type(event) for event in events]
    assert kinds[:6] == [ModelLoading, ModelLoading, JobStarted, *[PictureStarted] * 3]
    assert kinds[-1] is JobFinished
    assert {event.job_id for event in events} == {"job"}
    steps = those(StepDone, events)
    assert [event.step for event in steps] == [n for n in (1, 2, 3, 4) for _ in range(3)]
    for n in (1, 2, 3, 4):
        assert {event.image for event in steps if event.step == n} == {0, 1, 2}
    assert kinds.count(PictureDone) == 3
    assert events[-1].pictures == 3  # type: ignore[union-attr]


def test_a_started_comparison_carries_every_panes_request_and_model(engine: Engine) -> None:
    (started,) = those(JobStarted, engine.run(side_by_side(*MIXED)))
    assert started.request == started.requests[0]
    assert [request.steps for request in started.requests] == [4, 3, 4, 4, 4, 5]
    assert started.requests[3].guidance == 1.0
    assert len(started.weights) == 6
    assert started.weights_sha256 == started.weights[0] == started.weights[1] != started.weights[2]
    assert started.model_title == "Tiny latent, Tiny pixels, Tiny textless"
    (single,) = those(JobStarted, engine.run(asking()))
    assert (single.requests, single.weights) == ((single.request,), (single.weights_sha256,))


def test_every_event_is_its_own_panes(engine: Engine) -> None:
    events = list(engine.run(side_by_side(*MIXED), previews=ARRAYS))
    for image, started in enumerate(those(PictureStarted, events)):
        alone = list(engine.run(MIXED[image], previews=ARRAYS))
        (begun,) = those(PictureStarted, alone)
        assert (started.image, started.request, started.seed) == (image, begun.request, begun.seed)
        assert (started.steps, started.start.times) == (begun.steps, begun.start.times)
        assert started.x_T_sha256 == begun.x_T_sha256
        assert np.array_equal(started.start.x, begun.start.x)
        done, single = pictures(events)[image], pictures(alone)[0]
        assert (done.request, done.model_sha256) == (single.request, single.model_sha256)
        assert np.abs(done.pixels.astype(int) - single.pixels).max() <= 1
        for one, other in zip(steps_of(events, image), steps_of(alone), strict=True):
            assert (one.t, one.s, one.steps, one.model_calls) == (
                other.t,
                other.s,
                other.steps,
                other.model_calls,
            )
            assert (one.sigma, one.snr) == (other.sigma, other.snr)
            np.testing.assert_allclose(one.state, other.state, atol=1e-3)


def test_a_note_on_an_unused_setting_names_its_panes(engine: Engine) -> None:
    panes = [asking(guidance=1, negative="cat"), asking(), asking(model="textless", guidance=1, prompt="")]
    (started,) = those(JobStarted, engine.run(side_by_side(*panes)))
    assert started.notes == ("Pane 1: At guidance 1 the negative prompt is unused.",)
    (started,) = those(JobStarted, engine.run(side_by_side(*panes[:1], *panes)))
    assert started.notes == ("Panes 1, 2: At guidance 1 the negative prompt is unused.",)
    (started,) = those(JobStarted, engine.run(side_by_side(panes[0], panes[0])))
    assert started.notes == ("At guidance 1 the negative prompt is unused.",)


def test_panes_share_the_budget_of_their_previews(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float | None] = []
    renderer = generate_module.PreviewRenderer

    def watched(
        decoders: Decoders, previews: Previews, shape: tuple[int, ...], steps: int
    ) -> PreviewRenderer:
        given.append(previews.budget)
        return renderer(decoders, previews, shape, steps)

    monkeypatch.setattr(generate_module, "PreviewRenderer", watched)
    panes = side_by_side(asking(steps=1), asking(steps=1, seed=2), asking(steps=1, model="pixels"))
    list(engine.run(panes, previews=Previews(budget=0.3)))
    assert given == pytest.approx([0.2, 0.1])
    for unlimited in (EVERY_STEP, Previews(budget=1.0)):
        given.clear()
        list(engine.run(panes, previews=unlimited))
        assert given == [unlimited.budget] * 2


# ------------------------------------------------------------------------------------------------------------ models


def test_models_stay_loaded_for_a_comparison_and_while_memory_allows(
    engine: Engine,
) -> None:
    events = list(engine.run(side_by_side(asking(steps=1), asking(steps=1, model="pixels")), previews=ARRAYS))
    weights, steps = those(JobStarted, events)[0].weights, those(StepDone, events)
    held = list(engine._models)
    assert len(held) == 2
    for step, model in zip(sorted(steps, key=lambda step: step.image), ("latent", "pixels"), strict=True):
        assert step.x0_hat is not None
        engine.decode(model, weights[step.image], step.x0_hat)
    assert list(engine._models) == held, "no model was loaded again to decode what was just made"
    list(engine.run(asking(steps=1, model="pixels")))
    assert [one.model.card.name for one in list(engine._models)] == ["latent", "pixels"]
    list(engine.run(asking(steps=1, model="textless")))
    assert [one.model.card.name for one in list(engine._models)] == ["latent", "pixels", "textless"]


def test_a_loaded_model_is_not_loaded_again_for_a_comparison(engine: Engine) -> None:
    list(engine.run(asking(steps=1)))
    events = engine.run(side_by_side(asking(steps=1, model="pixels"), asking(steps=1)))
    assert [event.model for event in those(ModelLoading, events)] == ["pixels"]


# ----------------------------------------------------------------------------------------------------------- stopped


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_at_most_one_model_call_follows_a_cancel(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, call: int, batched: bool
) -> None:
    cancelled, made = threading.Event(), [0]
    evaluate = Denoiser.evaluate

    def cancelling(self: Denoiser, *rest: Any) -> Prediction:  # noqa: ANN401
        made[0] += 1
        if made[0] == call:
            cancelled.set()  # as another thread would, while the model is busy
        return evaluate(self, *rest)

    monkeypatch.setattr(Denoiser, "evaluate", cancelling)
    panes = side_by_side(*MIXED, batched=batched)
    events = list(engine.run(panes, cancelled=cancelled, previews=EVERY_STEP))
    assert made[0] == call
    assert isinstance(events[-1], JobCancelled)


def test_a_cancel_keeps_the_panes_that_are_finished(engine: Engine) -> None:
    cancelled = threading.Event()
    events: list[Event] = []
    for event in engine.run(side_by_side(asking(steps=2), asking(steps=5)), cancelled=cancelled):
        events.append(event)
        if isinstance(event, PictureDone):
            cancelled.set()
    assert [done.image for done in pictures(events)] == [0]
    assert isinstance(events[-1], JobCancelled)
    assert events[-1].pictures == 1


@pytest.mark.parametrize("batched", [True, False])
def test_a_value_that_is_not_finite_is_reported_with_its_pane(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, batched: bool
) -> None:
    evaluate = Denoiser.evaluate

    def failing(self: Denoiser, x: torch.Tensor, t: Any, condition: Conditioning) -> Prediction:  # noqa: ANN401
        told = evaluate(self, x, t, condition)
        return replace(told, output=told.output * float("nan")) if x.shape[1] == 3 and t == 499 else told

    panes = (asking(), asking(model="pixels"), asking())
    with monkeypatch.context() as patch:
        patch.setattr(Denoiser, "evaluate", failing)
        with pytest.raises(NotFiniteError, match="at step 3 of pane 2; try another seed") as caught:
            list(engine.run(side_by_side(*panes, batched=batched), previews=EVERY_STEP))
    assert (caught.value.step, caught.value.pane) == (3, 2)
    assert len(pictures(engine.run(side_by_side(*panes)))) == 3


def test_running_out_of_memory_unloads_all_models_and_says_what_to_do(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> Prediction:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    panes = side_by_side(asking(), asking(model="pixels"))
    with monkeypatch.context() as patch:
        patch.setattr(Denoiser, "evaluate", failing)
        with pytest.raises(MemoryShortError, match="compare fewer pictures at once, or close"):
            list(engine.run(panes))
    assert engine._models.newest is None
    assert len(pictures(engine.run(panes))) == 2


# ----------------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("panes", "said"),
    [
        ((), "comparison must have 2 to 6 panes, not 0"),
        ((asking(),), "2 to 6 panes, not 1"),
        ((asking(),) * 7, "2 to 6 panes, not 7"),
        ((asking(), asking(count=2)), "count of pane 2 must be 1, not 2"),
        ((asking(steps=0), asking()), "steps of pane 1 must be"),
        ((asking(), asking(width=48, height=48)), "size of pane 2 .* 'latent' makes"),
        (
            (asking(), asking(), asking(model="laten")),
            "model of pane 3 'laten' is not known; did you mean 'latent'",
        ),
    ],
)
def test_no_invalid_request_reaches_a_model(
    engine: Engine, calls: Calls, panes: tuple[GenerateRequest, ...], said: str
) -> None:
    with pytest.raises(RequestError, match=said):
        next(iter(engine.run(side_by_side(*panes))))
    assert calls.made == []
    assert engine._models.newest is None


def test_a_model_that_cannot_be_read_is_named_before_any_is_loaded(
    engine: Engine,
    tmp_path: Any,  # noqa: ANN401
) -> None:
    (tmp_path / "card.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CheckpointError, match=str(tmp_path)):
        next(iter(engine.run(side_by_side(asking(), asking(model=str(tmp_path))))))
    assert engine._models.newest is None
