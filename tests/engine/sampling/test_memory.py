"""Runs that do not fit as they are: models make room, rungs are taken and named, and the next attempt needs less."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from studio.checkpoints.catalog import find_model
from studio.diffusion.denoiser import Denoiser
from studio.engine import memory
from studio.engine.events import JobStarted, PictureDone
from studio.engine.memory_plan import RUNGS, DeviceMemory, MemoryNeed
from studio.errors import MemoryShortError, NotFiniteError
from tests.engine.asking import asking, pictures, those

if TYPE_CHECKING:
    from studio.engine.engine import Engine
    from studio.engine.sampling.models import ReadyModel


def loaded(engine: Engine, name: str) -> ReadyModel:
    return next(one for one in engine._models if one.model.card.name == name)


def names(engine: Engine) -> list[str]:
    return [one.model.card.name for one in engine._models]


def test_the_model_that_was_not_used_for_longest_makes_room(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("latent", "textless", "pixels", "latent"):
        list(engine.run(asking(steps=1, model=name, guidance=1)))
    assert names(engine) == ["textless", "pixels", "latent"]
    need = MemoryNeed(installed=find(engine, "latent"), width=16, height=16, headroom=0)
    peak = need.plan(DeviceMemory(free=None)).peak
    weights = {one.model.card.name: one for one in engine._models}
    free = [0, peak]  # enough once one model is gone
    monkeypatch.setattr(memory, "free_memory", lambda device: free[len(weights) - len(names(engine))])
    engine.headroom = 0
    list(engine.run(asking(steps=1, model="latent", guidance=1)))
    assert names(engine) == ["pixels", "latent"]


def find(engine: Engine, name: str) -> Any:  # noqa: ANN401
    return find_model(name, engine.folders)


# ------------------------------------------------------------------------------------------------------ taking rungs


@pytest.fixture
def ladder(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The rungs that are taken, on a graphics card that is the CPU, by a model for which there are all rungs."""
    taken: list[tuple[str, ...]] = []
    monkeypatch.setattr(engine, "device", replace(engine.device, kind="cuda"))
    monkeypatch.setattr(
        "studio.engine.memory_plan.NativeMemory.rungs", property(lambda self: frozenset(RUNGS))
    )
    monkeypatch.setattr(
        "studio.checkpoints.model.NativeModel.take_rungs", lambda self, rungs: taken.append(tuple(rungs))
    )
    monkeypatch.setattr(memory, "free_memory", lambda device: None)
    return taken


def out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr("studio.diffusion.denoiser.Denoiser.evaluate", failing)


def test_after_a_full_memory_the_same_request_takes_the_next_rung(
    engine: Engine, ladder: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = pictures(engine.run(asking()))[0]
    assert ladder == [()]
    for count in range(1, len(RUNGS) + 1):
        with monkeypatch.context() as patch:
            out_of_memory(patch)
            with pytest.raises(MemoryShortError) as caught:
                list(engine.run(asking()))
        assert caught.value.smaller is not None
        assert caught.value.smaller.measure is not None
        events = list(engine.run(asking()))
        assert ladder[-1] == RUNGS[:count]
        assert any(
            str(caught.value.smaller.measure) in note for note in those(JobStarted, events)[0].notes
        ), "named before the run"
        (done,) = those(PictureDone, events)
        assert done.final_sha256 == exact.final_sha256
        assert done.rungs == RUNGS[:count]
    with monkeypatch.context() as patch:
        out_of_memory(patch)
        with pytest.raises(MemoryShortError) as caught:
            list(engine.run(asking(width=32, height=16)))
        assert caught.value.smaller is not None
        assert caught.value.smaller.measure is not None, "another size starts again"
    (done,) = pictures(engine.run(asking(steps=1, model="pixels")))
    assert done.rungs == (), "another model too"


def test_when_no_rung_is_left_a_smaller_size_is_proposed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        out_of_memory(patch)
        with pytest.raises(MemoryShortError) as caught:
            list(engine.run(asking(width=32, height=16)))
        assert caught.value.smaller is not None
        assert caught.value.smaller.size == (16, 16)
        with pytest.raises(MemoryShortError) as caught:
            list(engine.run(asking(width=16, height=16)))
        assert caught.value.smaller is not None
        assert caught.value.smaller.size is None
    assert len(pictures(engine.run(asking(width=32, height=16)))) == 1, "the next job runs"


# ------------------------------------------------------------------------------------------- values that are not finite


def test_values_that_are_not_finite_are_explained(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    list(engine.run(asking(steps=1)))
    ready = loaded(engine, "latent")
    with monkeypatch.context() as patch:
        patch.setattr("studio.checkpoints.model.NativeModel.decode", lambda self, x: x[:, :3] * float("nan"))
        with pytest.raises(NotFiniteError) as decoded:
            list(engine.run(asking()))
    (stem,) = (one for name, one in ready.model.backbone.named_parameters() if name == "stem.weight")
    before = stem.data.clone()
    stem.data[0] = float("nan")
    with pytest.raises(NotFiniteError) as damaged:
        list(engine.run(asking()))
    stem.data.copy_(before)
    evaluate = Denoiser.evaluate

    def overflowing(self: Denoiser, x: torch.Tensor, *rest: Any) -> Any:  # noqa: ANN401
        return evaluate(self, x * float("nan"), *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Denoiser, "evaluate", overflowing)
        with pytest.raises(NotFiniteError) as unknown:
            list(engine.run(asking()))
    causes = [caught.value.cause for caught in (decoded, damaged, unknown)]
    assert None not in causes[:2]
    assert causes[2] is None
    assert causes[0] != causes[1]
    assert len(pictures(engine.run(asking()))) == 1
