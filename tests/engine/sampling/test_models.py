"""Which models are in memory: those of the last job stay, whatever older run is looked at meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from studio.engine import engine as engine_module
from studio.engine import memory
from studio.engine.engine import Engine
from studio.engine.events import ModelLoading, StepDone
from studio.engine.requests.previews import Previews
from studio.engine.sampling import models as models_module
from studio.errors import MemoryShortError, ModelInUseError
from tests.engine.asking import asking, pictures, those

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studio.engine.sampling.models import LoadedModels, ReadyModel

LATENTS = np.zeros((4, 4, 4), np.float32)


def names(engine: Engine) -> list[str]:
    return [one.model.card.name for one in engine._models]


def weights_of(engine: Engine, model: str) -> str:
    return pictures(engine.run(asking(steps=1, model=model)))[0].model_sha256


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the models that are loaded, as it happens."""
    loaded: list[str] = []
    load = models_module.load_installed

    def counted(installed: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        loaded.append(installed.name)
        return load(installed, **kwargs)

    monkeypatch.setattr(models_module, "load_installed", counted)
    return loaded


def short_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: 0)


def test_viewing_an_old_run_keeps_the_model_of_the_last_job(engine: Engine, loads: list[str]) -> None:
    weights = weights_of(engine, "latent")
    list(engine.run(asking(steps=1, model="pixels")))
    for _ in range(3):
        engine.decode("latent", weights, LATENTS)
        list(engine.run(asking(steps=1, model="pixels")))
        engine.decode("latent", weights, LATENTS)
    assert loads == ["latent", "pixels"], "each was loaded once, and switching back is instant"


def test_when_memory_is_scarce_a_job_unloads_models_that_were_only_used_for_viewing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = weights_of(engine, "latent")
    list(engine.run(asking(steps=1, model="pixels")))
    engine.decode("latent", weights, LATENTS)
    short_of_memory(monkeypatch)
    list(engine.run(asking(steps=1, model="pixels")))
    assert names(engine) == ["pixels"]


def test_models_stay_loaded_the_one_used_last_at_the_end(engine: Engine) -> None:
    weights = {model: weights_of(engine, model) for model in ("latent", "textless")}
    list(engine.run(asking(steps=1, model="pixels")))
    engine.decode("latent", weights["latent"], LATENTS)
    assert names(engine) == ["latent", "textless", "pixels"]
    list(engine.run(asking(steps=1, model="textless"), secondary=True))
    assert names(engine) == ["latent", "pixels", "textless"]


def test_without_memory_for_both_models_viewing_is_refused_with_the_reason(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = weights_of(engine, "latent")
    list(engine.run(asking(steps=1, model="pixels")))
    engine._models._models.remove(next(one for one in engine._models if one.model.card.name == "latent"))
    short_of_memory(monkeypatch)
    with pytest.raises(ModelInUseError, match="Tiny latent beside Tiny pixels, which is in use"):
        engine.decode("latent", weights, LATENTS)
    with pytest.raises(ModelInUseError):
        list(engine.run(asking(steps=1), secondary=True))
    assert names(engine) == ["pixels"]
    assert pictures(engine.run(asking(steps=1)))[0].model_sha256 == weights, "a job of its own switches to it"
    assert names(engine) == ["latent"]


def test_with_nothing_in_memory_nothing_is_in_the_way(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = weights_of(engine, "latent")
    short_of_memory(monkeypatch)
    assert Engine(engine.folders, "cpu").decode("latent", weights, LATENTS).shape == (16, 16, 3)


def test_recomputing_an_old_run_keeps_the_model_of_the_last_job(engine: Engine) -> None:
    list(engine.run(asking(steps=1, model="pixels")))
    list(engine.run(asking(steps=1), secondary=True))
    assert names(engine) == ["pixels", "latent"]
    assert those(ModelLoading, engine.run(asking(steps=1, model="pixels"))) == []


# ---------------------------------------------------------------------------------- while a job is between two steps


def between_steps(engine: Engine, **fields: Any) -> Iterator[Any]:  # noqa: ANN401
    events = engine.run(asking(**fields), previews=Previews(every=0, arrays=True))
    while not isinstance(next(events), StepDone):
        pass
    return events


def out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(engine_module, "decode", failing)


def test_a_full_memory_in_a_decode_does_not_touch_the_running_job(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, loads: list[str]
) -> None:
    weights = weights_of(engine, "latent")
    events = between_steps(engine)
    with monkeypatch.context() as patch:
        out_of_memory(patch)
        with pytest.raises(MemoryShortError, match="too little free memory to decode this step now"):
            engine.decode("latent", weights, LATENTS)
    assert engine.decode("latent", weights, LATENTS).shape == (16, 16, 3)
    assert len(pictures(events)) == 1
    assert loads == ["latent"], "no second copy was loaded"


def test_a_slot_that_forgets_the_model_in_use_is_detected(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, loads: list[str]
) -> None:
    """The wrong twin: it unloads everything, and so loads a second copy beside that of the running job."""

    def unload_all(self: LoadedModels) -> None:
        self._models, self._primary = [], []

    weights = weights_of(engine, "latent")
    monkeypatch.setattr(models_module.LoadedModels, "unload_unused", unload_all)
    events = between_steps(engine)
    with monkeypatch.context() as patch:
        out_of_memory(patch)
        with pytest.raises(MemoryShortError):
            engine.decode("latent", weights, LATENTS)
    engine.decode("latent", weights, LATENTS)
    assert len(pictures(events)) == 1
    assert loads == ["latent", "latent"]


def test_another_models_job_between_two_steps_keeps_the_model_in_use(engine: Engine) -> None:
    events = between_steps(engine)
    used: list[ReadyModel] = list(engine._models)
    list(engine.run(asking(steps=1, model="pixels")))
    assert used[0] in list(engine._models)
    assert len(pictures(events)) == 1


def test_after_a_full_memory_in_a_job_everything_is_unloaded(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with monkeypatch.context() as patch:
        patch.setattr("studio.diffusion.denoiser.Denoiser.evaluate", failing)
        with pytest.raises(MemoryShortError, match="try a smaller size"):
            list(engine.run(asking()))
    assert names(engine) == []


def test_the_free_memory_of_the_machine_is_known(engine: Engine) -> None:
    free = memory.free_memory(engine.device)
    assert free is None or free > 2**20
