"""The preview decoder that ships beside the starter is its own, small, and near to the codec's decoder."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from studio.checkpoints.preview import PREVIEW_WEIGHTS, PreviewCard
from studio.engine.engine import Engine
from studio.engine.events import JobStarted, StepDone
from studio.engine.requests.generate import GenerateRequest
from studio.engine.requests.previews import Previews, PreviewTarget
from studio.folders import Folders, resources_dir

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from studio.engine.events import Event
    from studio.engine.requests.previews import Quantity

STARTER = resources_dir() / "models" / "starter"
SHAPE = (24, 8, 8)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    home: Path = tmp_path_factory.mktemp("home")
    return Engine(Folders.under(home), "cpu")


def run(engine: Engine, previews: Previews) -> list[Event]:
    request = GenerateRequest(prompt="fox on a teal background", steps=8, seed=11)
    return list(engine.run(request, previews=previews))


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.square(one.astype(float) - other).mean()))


def test_it_is_small() -> None:
    assert (STARTER / PREVIEW_WEIGHTS).stat().st_size < 1_000_000
    assert PreviewCard.read(STARTER).parameters < 500_000


def test_it_is_taken_where_there_is_a_budget(engine: Engine) -> None:
    events = run(engine, Previews(budget=0.1))
    assert next(event for event in events if isinstance(event, JobStarted)).notes == ()
    held = engine._models.newest
    assert held is not None
    assert held.decoders.tiers == ("full", "small", "linear")
    assert all(
        event.preview is not None for event in events if isinstance(event, StepDone) and event.step == 1
    )


@pytest.mark.parametrize(("what", "least"), [("x0", 22.0), ("x_t", 20.0)])
def test_it_is_nearer_to_the_decoder_than_the_linear_map_and_that_is_of_use(
    engine: Engine, what: Quantity, least: float
) -> None:
    events = run(engine, Previews(target=PreviewTarget(what), arrays=True))
    held = engine._models.newest
    assert held is not None
    held.decoders.prepare(SHAPE, threading.Event())
    for event in events:
        if not isinstance(event, StepDone):
            continue
        array = event.state if what == "x_t" else event.x0_hat
        assert array is not None
        assert event.preview is not None
        latents = torch.from_numpy(array.copy())[None]
        small, linear = (
            psnr(held.decoders.decode(tier, latents), event.preview) for tier in ("small", "linear")
        )
        assert small > max(linear + 3, least)
        assert linear > 12
