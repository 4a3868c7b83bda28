"""A cancelled job leaves a model call between two blocks; one that is not cancelled gives the same bits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from studio.engine.events import JobCancelled, StepDone
from studio.engine.requests.previews import EVERY_STEP, Previews
from studio.engine.sampling.interruption import CallCancelled, Interrupter, blocks_of
from studio.families.loading import load
from studio.weights.files import LoadCancelled
from tests.engine.asking import asking, pictures, those
from tests.families import tiny

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.engine.engine import Engine


def calls_of(name: str) -> dict[str, tuple[nn.Module, Callable[[], torch.Tensor]]]:
    """Return, by part, a network of a small model that no other test sees, and a call of it."""
    file = tiny.reader(name)
    networks: Any = load(tiny.TINY[name], {part.name: file for part in tiny.TINY[name].parts})
    x, tokens = torch.randn(1, 4, 8, 8), torch.randn(1, 77, 32)
    ids = torch.arange(77)[None]
    encoder = networks.text_encoders[0]
    return {
        "unet": (networks.unet, lambda: networks.unet(x, 500, tokens, return_dict=False)[0]),
        "vae": (networks.vae, lambda: networks.vae.decode(x, return_dict=False)[0]),
        "text_encoder": (encoder.model, lambda: encoder(ids).hidden),
    }


@torch.no_grad()
@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_call_is_left_before_the_next_block(part: str) -> None:
    network, call = calls_of("sd1")[part]
    exact = call()
    interrupter, cancelled, entered = Interrupter(), threading.Event(), []
    interrupter.attach([network])
    blocks = list(blocks_of(network))

    def enter(block: nn.Module, _inputs: object) -> None:
        entered.append(block)
        if len(entered) == 3:
            cancelled.set()

    for block in blocks:
        block.register_forward_pre_hook(enter)
    with interrupter.watch(threading.Event()):
        assert torch.equal(call(), exact), "the hooks change no bits"
    in_all = len(entered)
    assert in_all > 5
    cancelled.clear()
    entered.clear()
    with pytest.raises(CallCancelled), interrupter.watch(cancelled):
        call()
    assert len(entered) == 3, "no block was entered after it was cancelled"
    entered.clear()
    assert torch.equal(call(), exact), "the twin: nobody watches; and the call that was left changed nothing"
    assert len(entered) == in_all


@torch.no_grad()
def test_blocks_are_small_parts_of_a_network() -> None:
    for name in tiny.TINY:
        unet: Any = tiny.networks(name).unet
        largest = max(sum(one.numel() for one in block.parameters()) for block in blocks_of(unet))
        assert largest < 0.15 * sum(one.numel() for one in unet.parameters())


def test_work_inside_other_work_is_watched_alone() -> None:
    interrupter, outer, inner = Interrupter(), threading.Event(), threading.Event()
    network = nn.Sequential(nn.Conv2d(1, 1, 1))
    interrupter.attach([network])
    x = torch.zeros(1, 1, 1, 1)
    outer.set()
    with interrupter.watch(outer):
        with interrupter.watch(inner):
            network(x)
        with pytest.raises(LoadCancelled):
            network(x)
    network(x)


def test_what_happens_between_two_events_is_not_left() -> None:
    interrupter, cancelled = Interrupter(), threading.Event()
    network = nn.Sequential(nn.Conv2d(1, 1, 1))
    interrupter.attach([network])
    x = torch.zeros(1, 1, 1, 1)
    events = interrupter.watched((network(x).shape for _ in range(3)), cancelled)
    next(events)
    cancelled.set()
    network(x)
    with pytest.raises(CallCancelled):
        next(events)


# --------------------------------------------------------------------------------------------------------- in a job


class _SetAt(threading.Event):
    """Set once it was asked ``count`` times, as it would be by another thread in the middle of a call."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.left = count

    def is_set(self) -> bool:
        self.left -= 1
        if self.left <= 0:
            self.set()
        return super().is_set()


@pytest.mark.parametrize("count", [40, 90, 137, 211])
def test_a_cancelled_job_has_the_steps_of_one_that_is_not(engine: Engine, count: int) -> None:
    list(engine.run(asking(steps=1, model="latent")))
    arrays = Previews(every=0, arrays=True)
    whole = those(StepDone, engine.run(asking(steps=12, model="latent"), previews=arrays))
    events = list(engine.run(asking(steps=12, model="latent"), cancelled=_SetAt(count), previews=arrays))
    assert isinstance(events[-1], JobCancelled)
    steps = those(StepDone, events)
    assert len(steps) < 12
    for made, same in zip(steps, whole, strict=False):
        assert made.state is not None
        assert same.state is not None
        assert made.state.tobytes() == same.state.tobytes()
    assert len(pictures(engine.run(asking(model="latent")))) == 1, "the next job runs"


def test_a_step_whose_preview_was_left_is_complete(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    list(engine.run(asking(steps=1, model="latent")))
    cancelled = threading.Event()
    ready = next(one for one in engine._models if one.model.card.name == "latent")
    picture = ready.decoders.picture

    def cancelling(*args: Any) -> torch.Tensor:  # noqa: ANN401
        cancelled.set()
        return picture(*args)

    monkeypatch.setattr(ready.decoders, "picture", cancelling)
    events = list(engine.run(asking(steps=5, model="latent"), cancelled=cancelled, previews=EVERY_STEP))
    assert [step.preview for step in those(StepDone, events)] == [None]
    assert isinstance(events[-1], JobCancelled)
