"""Several pictures in one model call, and the notes on what has no effect."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from studio.diffusion.denoiser import Denoiser, Prediction
from studio.engine.device.device import Device
from studio.engine.events import JobStarted, PictureDone, PictureStarted, StepDone
from studio.engine.memory_plan import MAX_BATCH
from studio.engine.requests.fork import StartState
from studio.engine.requests.generate import GenerateRequest
from studio.engine.requests.previews import NO_PREVIEWS, Previews
from studio.engine.sampling.generate import generate, state_sha256
from studio.engine.sampling.notes import notes_on
from studio.engine.sampling.preview import to_host
from studio.errors import NotFiniteError

if TYPE_CHECKING:
    from studio.diffusion.prediction import PredictionKind
    from studio.engine.engine import Engine
    from studio.engine.sampling.models import ReadyModel

GRAPHICS_CARD = Device(name="cuda:0", kind="cuda", title="a card that is the CPU", torch_name="cpu")


@pytest.fixture
def ready(engine: Engine) -> ReadyModel:
    list(engine.run(GenerateRequest(model="latent", steps=1)))
    kept = engine._models.newest
    assert kept is not None
    return kept


@pytest.mark.parametrize("sampler", ["ddim", "pc"])
def test_a_graphics_card_makes_several_pictures_with_each_model_call(
    engine: Engine, ready: ReadyModel, sampler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = GenerateRequest(
        prompt="dog", model="latent", sampler=sampler, steps=3, seed=5, count=MAX_BATCH + 2
    )
    resolved = request.resolve(ready.model.card)
    alone = [event for event in engine.run(request) if isinstance(event, PictureDone)]
    batches: list[int] = []
    evaluate = Denoiser.evaluate

    def counted(self: Denoiser, x: torch.Tensor, *rest: Any) -> Prediction:  # noqa: ANN401
        batches.append(len(x))
        return evaluate(self, x, *rest)

    monkeypatch.setattr(Denoiser, "evaluate", counted)
    card = dataclasses.replace(ready, device=GRAPHICS_CARD)
    events = list(generate(resolved, card, job_id="job", cancelled=threading.Event(), previews=NO_PREVIEWS))
    done = sorted(
        (event for event in events if isinstance(event, PictureDone)), key=lambda event: event.image
    )
    rounds = len(batches) // 2
    assert batches == [2 * MAX_BATCH] * rounds + [2 * 2] * rounds
    assert [event.seed for event in done] == list(range(5, 5 + MAX_BATCH + 2))
    assert sum(isinstance(event, StepDone) for event in events) == 3 * (MAX_BATCH + 2)
    for one, other in zip(alone, done, strict=True):
        assert one.x_T_sha256 == other.x_T_sha256
        assert one.model_calls == other.model_calls
        difference = np.abs(one.pixels.astype(int) - other.pixels.astype(int))
        assert difference.max() <= 1


def test_pictures_made_together_are_shown_each_by_itself(ready: ReadyModel) -> None:
    request = GenerateRequest(model="latent", steps=3, count=3).resolve(ready.model.card)
    card = dataclasses.replace(ready, device=GRAPHICS_CARD)
    previews = Previews(arrays=True)
    events = list(generate(request, card, job_id="job", cancelled=threading.Event(), previews=previews))
    steps = [event for event in events if isinstance(event, StepDone)]
    assert [(event.image, event.step) for event in steps] == [(i, n) for n in (1, 2, 3) for i in (0, 1, 2)]
    for event in steps:
        assert event.x0_hat is not None
        shown = ready.decoders.decode("full", torch.from_numpy(event.x0_hat.copy())[None])
        assert np.array_equal(event.preview, shown)
    assert len({event.preview.tobytes() for event in steps if event.preview is not None}) == 9


def test_a_cancel_stops_the_whole_batch(ready: ReadyModel) -> None:
    request = GenerateRequest(model="latent", steps=3, count=4).resolve(ready.model.card)
    card, cancelled, steps = dataclasses.replace(ready, device=GRAPHICS_CARD), threading.Event(), 0
    for _ in generate(request, card, job_id="job", cancelled=cancelled, previews=NO_PREVIEWS):
        steps += 1
        cancelled.set()
    assert steps == 4, "the round that was on its way is told, no other is begun"


class HostCalls(TorchFunctionMode):
    """Counts the calls for which the host waits until the device is done, by name."""

    NAMES = ("cpu", "item", "tolist", "numpy", "__bool__", "__int__", "__float__", "isfinite", "nonzero")

    def __init__(self) -> None:
        super().__init__()
        self.made: Counter[str] = Counter()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        name = getattr(func, "__name__", "")
        if name in self.NAMES:
            self.made[name] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("count", [1, 3, MAX_BATCH])
@pytest.mark.parametrize("previews", [NO_PREVIEWS, Previews(arrays=True)], ids=["no previews", "all"])
def test_the_pictures_of_a_request_are_one_state_on_a_graphics_card(
    ready: ReadyModel, previews: Previews, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated: list[int] = []
    evaluate = Denoiser.evaluate

    def counted(self: Denoiser, x: torch.Tensor, *rest: Any) -> Prediction:  # noqa: ANN401
        evaluated.append(len(x))
        return evaluate(self, x, *rest)

    monkeypatch.setattr(Denoiser, "evaluate", counted)
    request = GenerateRequest(model="latent", steps=4, count=count, prompt="dog").resolve(ready.model.card)
    card = dataclasses.replace(ready, device=GRAPHICS_CARD)
    events = generate(request, card, job_id="job", cancelled=threading.Event(), previews=previews)
    made: list[Counter[str]] = []
    for step in range(1, 5):
        with HostCalls() as calls:
            told = [next(event for event in events if isinstance(event, StepDone)) for _ in range(count)]
        assert [(event.image, event.step) for event in told] == [(image, step) for image in range(count)]
        made.append(calls.made)
    assert evaluated == [2 * count] * 4, "one model call a step, both sides of guidance in it"
    copies = 1 if previews.arrays else 0
    for calls in made[1:3]:  # the first step also copies the start
        assert (calls["isfinite"], calls["__bool__"]) == (1, 1), "one check a step"
        assert (calls["cpu"], calls["numpy"]) == (copies, copies), "one copy a step"
        assert set(calls) <= {"isfinite", "__bool__", "cpu", "numpy"}, "and nothing else waits for the device"
    assert (made[3]["__bool__"], made[3]["cpu"]) == (1, 1), "states and pictures together"


def test_pictures_of_one_state_are_those_made_alone(engine: Engine, ready: ReadyModel) -> None:
    request = GenerateRequest(model="latent", sampler="ddpm", steps=3, count=3, prompt="dog")
    previews = Previews(arrays=True)
    card, resolved = dataclasses.replace(ready, device=GRAPHICS_CARD), request.resolve(ready.model.card)
    together = list(generate(resolved, card, job_id="job", cancelled=threading.Event(), previews=previews))
    alone = list(engine.run(request, previews=previews))
    for kind in (PictureStarted, StepDone, PictureDone):
        pairs = [
            sorted((event for event in events if isinstance(event, kind)), key=lambda event: event.image)
            for events in (together, alone)
        ]
        assert len(pairs[0]) == len(pairs[1]) > 0
        for one, other in zip(*pairs, strict=True):
            assert one.image == other.image
            if isinstance(one, StepDone):
                assert (one.step, one.model_calls, one.t, one.s) == (
                    other.step,
                    other.model_calls,
                    other.t,
                    other.s,
                )
                for name in ("state", "x0_hat"):
                    np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-4)
                assert one.guidance == pytest.approx(other.guidance, abs=1e-4)
                assert one.change == pytest.approx(other.change, abs=1e-4)
            elif isinstance(one, PictureStarted):
                assert (one.seed, one.x_T_sha256) == (other.seed, other.x_T_sha256)
                assert np.array_equal(one.start.x, other.start.x)
            else:
                assert (one.seed, one.x_T_sha256) == (other.seed, other.x_T_sha256)
                assert np.abs(one.pixels.astype(int) - other.pixels.astype(int)).max() <= 1


@pytest.mark.parametrize("broken", [0, 2])
def test_one_picture_that_is_not_finite_stops_its_group(
    ready: ReadyModel, broken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = Denoiser.evaluate

    def spoilt(self: Denoiser, x: torch.Tensor, *rest: Any) -> Prediction:  # noqa: ANN401
        prediction = evaluate(self, x, *rest)
        prediction.output[broken] = float("nan")
        return prediction

    monkeypatch.setattr(Denoiser, "evaluate", spoilt)
    request = GenerateRequest(model="latent", steps=2, count=3).resolve(ready.model.card)
    card = dataclasses.replace(ready, device=GRAPHICS_CARD)
    with pytest.raises(NotFiniteError, match="step 1"):
        list(generate(request, card, job_id="job", cancelled=threading.Event(), previews=NO_PREVIEWS))


def test_tensors_of_both_kinds_come_to_the_host_in_one_copy() -> None:
    turned = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    tensors = {"bytes": torch.arange(7, dtype=torch.uint8), "turned": turned, "half": torch.randn(3).half()}
    with HostCalls() as calls:
        arrays = to_host(tensors)
    assert (calls.made["cpu"], to_host({})) == (1, {})
    assert list(arrays["bytes"]) == list(range(7))
    assert np.array_equal(arrays["turned"], turned.numpy())
    assert np.array_equal(arrays["half"], tensors["half"].float().numpy())


@pytest.mark.parametrize(
    ("prediction", "spacing", "clip", "said"),
    [
        ("eps", "trailing", False, True),
        ("eps", "leading", False, False),
        ("eps", "trailing", True, False),
        ("v", "trailing", False, False),
    ],
)
def test_a_start_without_signal_is_said(
    ready: ReadyModel, prediction: PredictionKind, spacing: str, clip: bool, said: bool
) -> None:
    card = dataclasses.replace(ready.model.card, prediction=prediction, clip=clip)
    other = dataclasses.replace(ready, model=dataclasses.replace(ready.model, card=card))
    request = GenerateRequest(model="latent", steps=10, spacing=spacing, prompt="dog")
    resolved = request.resolve(card)
    assert any("hardly any signal is left" in note for note in notes_on(request, resolved, other)) == said
    start = StartState(x=np.zeros((4, 4, 4), dtype=np.float32), index=1, times=(500, -1))
    assert notes_on(request, resolved, other, start) == (), "a fork from a later state has signal"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"negative": "cat", "guidance": 1}, ["At guidance 1 the negative prompt is unused."]),
        ({"negative": "cat", "guidance": 2}, []),
        ({"negative": "", "guidance": 1}, []),
        ({"prompt": "one two three four"}, []),
        ({"prompt": "a b c d e"}, ["The model only reads the first 4 words of the prompt."]),
        ({"model": "textless"}, []),
        (
            {"model": "textless", "prompt": "dog"},
            ["The model 'textless' takes no text: prompt, negative prompt and guidance are unused."],
        ),
        (
            {"model": "textless", "guidance": 4},
            ["The model 'textless' takes no text: prompt, negative prompt and guidance are unused."],
        ),
    ],
)
def test_settings_without_effect_are_reported(
    engine: Engine, fields: dict[str, Any], said: list[str]
) -> None:
    request = GenerateRequest(**{"model": "latent", "steps": 1, **fields})
    started = next(event for event in engine.run(request) if isinstance(event, JobStarted))
    assert list(started.notes) == said


def test_a_note_calls_a_model_by_its_name_and_not_by_its_place(engine: Engine) -> None:
    request = GenerateRequest(prompt="dog", model=str(engine.folders.models / "textless"), steps=1)
    started = next(event for event in engine.run(request) if isinstance(event, JobStarted))
    assert started.notes[0].startswith("The model 'textless' takes no text")
    assert started.request.model == "textless"


def test_settings_reported_as_unused_have_no_effect(engine: Engine) -> None:
    def final(**fields: object) -> str:
        request = GenerateRequest(**{"model": "latent", "steps": 2, "prompt": "dog", **fields})
        return next(e.final_sha256 for e in engine.run(request) if isinstance(e, PictureDone))

    assert final(guidance=1, negative="cat") == final(guidance=1)
    assert final(guidance=2, negative="cat") != final(guidance=2)
    assert final(prompt="a b c d e") == final(prompt="a b c d f")
    assert final(prompt="a b c d") != final(prompt="a b c e")
    assert final(model="textless", guidance=4) == final(model="textless", prompt="cat")


def test_a_model_without_text_costs_one_call_a_step(engine: Engine) -> None:
    request = GenerateRequest(model="textless", steps=3, guidance=5)
    events = list(engine.run(request))
    assert next(event.model_calls for event in events if isinstance(event, PictureDone)) == 3
    assert next(event.request.guidance for event in events if isinstance(event, JobStarted)) == 1.0


def test_the_hash_of_a_tensor_is_that_of_its_numbers_wherever_they_lie() -> None:
    x = torch.arange(24, dtype=torch.float32).reshape(1, 2, 3, 4)
    turned = x.contiguous(memory_format=torch.channels_last)
    assert state_sha256(x) == state_sha256(turned) == state_sha256(x.clone().requires_grad_())
    assert state_sha256(x) != state_sha256(x.flip(3))
