"""The engine's promises: order of events, the same picture bit for bit, cancelling, faults."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from studio.backbones.precision import EXACT, REDUCED
from studio.diffusion.denoiser import Denoiser, Prediction
from studio.diffusion.samplers import COMPARED
from studio.engine import engine as engine_module
from studio.engine.engine import Engine
from studio.engine.events import (
    Event,
    JobCancelled,
    JobFinished,
    JobStarted,
    ModelLoading,
    PictureDone,
    StepDone,
)
from studio.engine.memory import is_out_of_memory
from studio.engine.requests.generate import GenerateRequest
from studio.engine.requests.previews import EVERY_STEP, Previews, PreviewTarget
from studio.engine.sampling import decoders as decoders_module
from studio.errors import CheckpointError, MemoryShortError, NotFiniteError, RequestError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studio.diffusion.conditioning import Conditioning
    from studio.families.interface import Model
    from studio.folders import Folders

ROOT = Path(__file__).parents[2]
OPTIONS: dict[str, dict[str, Any]] = {
    "ddpm": {"variance": "beta"},
    "ddim": {"eta": 0.5},
    "langevin": {"passes": 2},
    "pc": {"corrector_steps": 2, "predictor": "ddpm"},
}


def asking(sampler: str = "ddim", **fields: object) -> GenerateRequest:
    given: dict[str, Any] = {"prompt": "a red dog", "model": "latent", "steps": 4, "seed": 7, **fields}
    return GenerateRequest(sampler=sampler, options=OPTIONS[sampler], **given)


def pictures(events: Iterator[Event]) -> list[PictureDone]:
    return [event for event in events if isinstance(event, PictureDone)]


def bits(done: PictureDone) -> tuple[str, str, str]:
    return done.x_T_sha256, done.final_sha256, hashlib.sha256(done.pixels.tobytes()).hexdigest()


class SetAfter(threading.Event):
    """An event that is set once it has been asked ``asks`` times; it counts how often it was asked."""

    def __init__(self, asks: int) -> None:
        super().__init__()
        self.left, self.asked_after = asks, 0

    def is_set(self) -> bool:
        self.left -= 1
        self.asked_after += self.left < 0
        return self.left < 0


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The batch size of every model call, as they happen."""
    seen: list[int] = []
    evaluate = Denoiser.evaluate

    def counted(self: Denoiser, x: torch.Tensor, t: torch.Tensor, condition: Conditioning) -> Prediction:
        seen.append(len(x))
        return evaluate(self, x, t, condition)

    monkeypatch.setattr(Denoiser, "evaluate", counted)
    return seen


# ----------------------------------------------------------------------------------------------------------- events


def test_a_job_reports_loading_starting_every_step_every_picture_and_the_end(engine: Engine) -> None:
    events = list(engine.run(asking(count=2), job_id="job"))
    steps = [StepDone] * 4
    assert [type(event) for event in events] == [
        ModelLoading,
        JobStarted,
        *[*steps, PictureDone] * 2,
        JobFinished,
    ]
    assert {event.job_id for event in events} == {"job"}
    done = [event for event in events if isinstance(event, StepDone)]
    assert [(event.image, event.step) for event in done] == [(i, n) for i in (0, 1) for n in (1, 2, 3, 4)]
    assert [event.t for event in done[:4]] == [999, 749, 499, 249]
    assert [event.s for event in done[:4]] == [749, 499, 249, -1]
    assert done[3].sigma == done[3].level == 0.0
    assert done[3].snr == float("inf")
    assert all(first.sigma > second.sigma for first, second in pairwise(done[:4]))
    for step in done[:3]:
        assert step.level == pytest.approx(step.sigma / ((1 - step.sigma**2) ** 0.5 + step.sigma))
    assert [event.model_calls for event in done[:4]] == [2, 4, 6, 8]
    assert all(event.preview is None for event in done)
    assert events[-1].pictures == 2


def test_the_second_job_finds_the_model_loaded(engine: Engine) -> None:
    list(engine.run(asking(steps=1)))
    assert not any(isinstance(event, ModelLoading) for event in engine.run(asking(steps=1)))
    again = list(engine.run(asking(steps=1, model="pixels")))
    assert isinstance(again[0], ModelLoading)


def test_a_started_job_carries_the_request_with_everything_filled_in(engine: Engine) -> None:
    started = next(e for e in engine.run(GenerateRequest(model="pixels")) if isinstance(e, JobStarted))
    assert (started.request.sampler, started.request.steps, started.request.guidance) == ("ddim", 5, 3.0)
    assert (started.request.width, started.request.height) == (16, 16)
    assert started.steps == 5
    assert started.device.startswith("cpu (")
    assert started.model_title == "Tiny pixels"


def test_pictures_are_of_the_size_that_was_asked_for(engine: Engine) -> None:
    for model in ("pixels", "latent"):
        (done,) = pictures(engine.run(asking(model=model, steps=1, width=32, height=16)))
        assert done.pixels.shape == (16, 32, 3)


@pytest.mark.parametrize(
    ("sampler", "guidance", "expected"),
    [("ddim", 1, 4), ("ddim", 3, 8), ("ddim", 0, 8), ("ddpm", 1, 4), ("langevin", 1, 7), ("pc", 2.5, 20)],
)
def test_model_calls_are_counted_for_each_picture(
    engine: Engine, calls: list[int], sampler: str, guidance: float, expected: int
) -> None:
    (done,) = pictures(engine.run(asking(sampler, guidance=guidance)))
    assert done.model_calls == expected == sum(calls)


def test_x_t_at_the_start_is_what_torch_draws_from_the_seed(engine: Engine) -> None:
    first, second = pictures(engine.run(asking(seed=41, count=2, steps=1)))
    for done, seed in ((first, 41), (second, 42)):
        x_T = torch.randn(1, 4, 4, 4, generator=torch.Generator("cpu").manual_seed(seed))
        assert done.seed == seed
        assert done.x_T_sha256 == hashlib.sha256(x_T.numpy().tobytes()).hexdigest()


# --------------------------------------------------------------------------------------------- the same bit for bit


@pytest.mark.parametrize("sampler", COMPARED)
def test_the_picture_is_the_same_first_or_tenth_with_previews_or_one_of_a_count(
    folders: Folders, sampler: str
) -> None:
    request, others = asking(sampler), [asking(name, steps=1, seed=99) for name in COMPARED]
    (alone,) = pictures(Engine(folders, "cpu").run(request))
    busy = Engine(folders, "cpu")
    for other in [*others, *others, replace(others[0], model="pixels")]:
        list(busy.run(other, previews=EVERY_STEP))
    (tenth,) = pictures(busy.run(request))
    (watched,) = pictures(busy.run(request, previews=EVERY_STEP))
    of_many = pictures(busy.run(replace(request, seed=5, count=4), previews=Previews(3)))
    assert bits(alone) == bits(tenth) == bits(watched) == bits(of_many[2])
    assert len({bits(done) for done in of_many}) == 4


def test_the_picture_is_the_same_in_another_process(engine: Engine, folders: Folders) -> None:
    code = """
import json, sys
from pathlib import Path
import torch
torch.set_num_threads(int(sys.argv[3]))
from studio.engine.engine import Engine
from studio.engine.events import PictureDone
from studio.engine.requests.generate import GenerateRequest
from studio.folders import Folders
engine = Engine(Folders.under(Path(sys.argv[1])), "cpu")
for text in json.loads(sys.argv[2]):
    for event in engine.run(GenerateRequest.from_json(text)):
        if isinstance(event, PictureDone): print(event.final_sha256)
"""
    requests = [asking(sampler) for sampler in COMPARED]
    expected = [pictures(engine.run(request))[0].final_sha256 for request in requests]
    arguments = [str(folders.models.parent), json.dumps([request.to_json() for request in requests])]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, str(torch.get_num_threads())],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == expected


@pytest.mark.parametrize(
    "change",
    [{"seed": 8}, {"prompt": "a red cat"}, {"negative": "dog"}, {"steps": 5}, {"guidance": 2.9}],
    ids=lambda change: next(iter(change)),
)
def test_another_request_gives_another_picture(engine: Engine, change: dict[str, Any]) -> None:
    (one,) = pictures(engine.run(asking()))
    (other,) = pictures(engine.run(replace(asking(), **change)))
    assert bits(one) != bits(other)


def decode_into_its_input(latents: torch.Tensor) -> torch.Tensor:
    return latents.mul_(0.5)[:, :3].repeat_interleave(4, 2).repeat_interleave(4, 3)


def test_previews_change_nothing_even_if_the_codec_writes_into_its_input(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asking("pc", width=16, height=16)
    list(engine.run(asking(steps=1)))
    codec = engine._models.newest.model.codec  # type: ignore[union-attr]
    monkeypatch.setattr(codec, "decode", decode_into_its_input)
    (plain,) = pictures(engine.run(request))
    state = Previews(target=PreviewTarget("x_t"))
    for previews in (EVERY_STEP, state):
        (watched,) = pictures(engine.run(request, previews=previews))
        assert bits(plain) == bits(watched)

    def careless(model: Model, latents: torch.Tensor) -> torch.Tensor:
        return model.codec.decode(latents)

    monkeypatch.setattr(decoders_module, "decode", careless)
    (spoilt,) = pictures(engine.run(request, previews=state))
    assert bits(spoilt) != bits(plain), "the proof above would not notice previews that change the picture"


def test_a_reduced_backbone_says_so_and_makes_nearly_the_same_picture(
    folders: Folders, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "choose_precision", lambda *_, **__: EXACT)
    (exact,) = pictures(engine.run(asking("pc")))
    monkeypatch.setattr(engine_module, "choose_precision", lambda *_, **__: REDUCED)
    events = list(Engine(folders, "cpu").run(asking("pc")))
    (reduced,) = pictures(iter(events))
    assert next(event.dtype for event in events if isinstance(event, JobStarted)) == "bfloat16"
    assert (exact.dtype, reduced.dtype) == ("float32", "bfloat16")
    assert exact.x_T_sha256 == reduced.x_T_sha256
    difference = np.abs(exact.pixels.astype(int) - reduced.pixels.astype(int))
    assert 0 < difference.mean() < 8


# --------------------------------------------------------------------------------------------------------- previews


def test_previews_are_fresh_read_only_bytes_at_the_wanted_steps(engine: Engine) -> None:
    events = list(engine.run(asking(steps=5, count=2), previews=Previews(2)))
    steps = [event for event in events if isinstance(event, StepDone)]
    assert [event.step for event in steps if event.preview is not None] == [2, 4, 5] * 2
    shown = [event.preview for event in steps if event.preview is not None]
    shown += [event.pixels for event in events if isinstance(event, PictureDone)]
    for pixels in shown:
        assert (pixels.dtype, pixels.shape) == (np.uint8, (16, 16, 3))
        assert pixels.flags.c_contiguous
        assert pixels.flags.owndata
        assert not pixels.flags.writeable
    addresses = {pixels.__array_interface__["data"][0] for pixels in shown}
    assert len(addresses) == len(shown)


def test_the_last_preview_is_the_picture(engine: Engine) -> None:
    events = list(engine.run(asking("ddim"), previews=EVERY_STEP))
    last = [event.preview for event in events if isinstance(event, StepDone)][-1]
    (done,) = pictures(iter(events))
    assert last is not None
    assert np.array_equal(last, done.pixels)


def test_grad_mode_does_not_leak_to_who_consumes_the_events(engine: Engine) -> None:
    events = engine.run(asking(), previews=EVERY_STEP)
    assert all(torch.is_grad_enabled() for _ in events)

    def leaking() -> Iterator[int]:
        with torch.no_grad():
            yield 1

    leak = leaking()
    assert not all(torch.is_grad_enabled() for _ in leak)
    leak.close()


# ------------------------------------------------------------------------------------------------------- cancelling


@pytest.mark.parametrize("sampler", COMPARED)
@pytest.mark.parametrize("call", [1, 2, 3])
def test_at_most_one_model_call_follows_a_cancel(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, sampler: str, call: int
) -> None:
    cancelled, made = threading.Event(), [0]
    evaluate = Denoiser.evaluate

    def cancelling(self: Denoiser, x: torch.Tensor, t: torch.Tensor, condition: Conditioning) -> Prediction:
        made[0] += 1
        if made[0] == call:
            cancelled.set()  # as another thread would, while the model is busy
        return evaluate(self, x, t, condition)

    monkeypatch.setattr(Denoiser, "evaluate", cancelling)
    events = list(engine.run(asking(sampler, count=3), cancelled=cancelled, previews=EVERY_STEP))
    assert made[0] == call
    assert isinstance(events[-1], JobCancelled)
    assert events[-1].pictures == 0


def test_a_cancel_between_two_pictures_keeps_the_first(engine: Engine) -> None:
    cancelled, events = threading.Event(), []
    for event in engine.run(asking(count=3), cancelled=cancelled):
        events.append(event)
        if isinstance(event, PictureDone):
            cancelled.set()
    assert [type(event) for event in events[-2:]] == [PictureDone, JobCancelled]
    assert events[-1].pictures == 1


def test_a_cancel_after_the_last_step_does_not_take_the_picture_away(engine: Engine) -> None:
    cancelled, events = threading.Event(), []
    for event in engine.run(asking(), cancelled=cancelled):
        events.append(event)
        if isinstance(event, StepDone) and event.step == event.steps:
            cancelled.set()
    assert [type(event) for event in events[-2:]] == [PictureDone, JobFinished]


def test_cancelling_before_the_start_loads_nothing(engine: Engine, calls: list[int]) -> None:
    cancelled = threading.Event()
    cancelled.set()
    events = list(engine.run(asking(), cancelled=cancelled))
    assert [type(event) for event in events] == [ModelLoading, JobCancelled]
    assert calls == []


def test_a_cancelled_load_stops_and_the_next_job_runs(engine: Engine) -> None:
    list(engine.run(asking(steps=1)))  # the precision is known from here on
    for asks in (1, 2, 5, 20):
        cancelled = SetAfter(asks)
        events = list(engine.run(asking(model="pixels"), cancelled=cancelled))
        assert [type(event) for event in events] == [ModelLoading, JobCancelled]
        assert cancelled.asked_after == 1, "it was looked at again after it was set"
    assert len(pictures(engine.run(asking(model="pixels")))) == 1


def clocks() -> tuple[float, float]:
    """Time on the wall, and time this process really ran: other programs may keep it waiting."""
    return time.perf_counter(), time.process_time()


def test_a_cancel_is_acknowledged_within_100_ms(engine: Engine) -> None:
    list(engine.run(asking(steps=1)))
    delays = []
    for after in (0.0, 0.002, 0.01, 0.02, 0.05):
        cancelled, at = threading.Event(), []

        def cancel(cancelled: threading.Event = cancelled, at: list[tuple[float, float]] = at) -> None:
            at.append(clocks())
            cancelled.set()

        events = engine.run(asking(model="pixels", steps=1000, guidance=1), cancelled=cancelled)
        assert isinstance(next(events), ModelLoading)
        timer = threading.Timer(after, cancel)
        timer.start()
        last = list(events)[-1]
        delays.append(min(now - then for now, then in zip(clocks(), at[0], strict=True)))
        timer.join()
        assert isinstance(last, JobCancelled)
        engine._models.unload_unused()
    assert max(delays) < 0.1


def test_closing_the_events_stops_the_job(engine: Engine, calls: list[int]) -> None:
    events = engine.run(asking(count=100))
    while not isinstance(next(events), StepDone):
        pass
    events.close()  # type: ignore[attr-defined]
    assert calls == [2]
    assert len(pictures(engine.run(asking()))) == 1


# ----------------------------------------------------------------------------------------------------------- faults


def test_a_value_that_is_not_finite_is_reported_with_its_step(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate, made = Denoiser.evaluate, [0]

    def failing(self: Denoiser, x: torch.Tensor, t: torch.Tensor, condition: Conditioning) -> Prediction:
        made[0] += 1
        p = evaluate(self, x, t, condition)
        return replace(p, output=p.output * float("nan")) if made[0] == 3 else p

    with monkeypatch.context() as patch:
        patch.setattr(Denoiser, "evaluate", failing)
        with pytest.raises(NotFiniteError, match="at step 3") as caught:
            list(engine.run(asking(), previews=EVERY_STEP))
    assert caught.value.step == 3
    assert len(pictures(engine.run(asking()))) == 1


@pytest.mark.parametrize(
    "fault",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
        MemoryError(),
    ],
)
def test_running_out_of_memory_is_reported_in_one_sentence_and_the_next_job_runs(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def failing(*_: object) -> Prediction:
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(Denoiser, "evaluate", failing)
        with pytest.raises(MemoryShortError, match="ran out of memory"):
            list(engine.run(asking()))
    assert len(pictures(engine.run(asking()))) == 1


def test_another_error_is_not_mistaken_for_running_out_of_memory(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> Prediction:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(Denoiser, "evaluate", failing)
    with pytest.raises(RuntimeError, match="mat1"):
        list(engine.run(asking()))
    assert not is_out_of_memory(RuntimeError("an illegal memory access was encountered"))


def test_no_invalid_request_reaches_the_model(engine: Engine, calls: list[int]) -> None:
    with pytest.raises(RequestError, match="steps"):
        list(engine.run(asking(steps=0)))
    with pytest.raises(RequestError, match="allowed: 16x16, 32x16"):
        list(engine.run(asking(width=48, height=48)))
    with pytest.raises(UnknownNameError, match="did you mean 'latent'"):
        list(engine.run(asking(model="laten")))
    assert calls == []


def test_a_model_that_cannot_be_read_is_named_and_the_next_job_runs(engine: Engine, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "card.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CheckpointError, match="broken"):
        list(engine.run(asking(model=str(broken))))
    assert len(pictures(engine.run(asking()))) == 1
