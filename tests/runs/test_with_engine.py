"""Recorded runs of a real engine: nothing changes by it, and every step of them leads on to the same picture."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from studio.diffusion.samplers import COMPARED
from studio.engine.engine import Engine
from studio.engine.events import PictureDone
from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.fork import ForkRequest
from studio.engine.requests.generate import GenerateRequest
from studio.engine.requests.previews import NO_PREVIEWS, Previews
from studio.errors import CheckpointError, UnknownNameError
from studio.folders import Folders
from studio.runs.replay import model_of, recompute_steps, state_at
from studio.runs.store import RunStore
from studio.runs.writer import RunRecorded, record
from tests.engine.tiny import save_tiny

if TYPE_CHECKING:
    from collections.abc import Iterable

    from studio.engine.requests.plan import Request
    from studio.runs.reader import StoredRun

ARRAYS = Previews(every=0, arrays=True)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    folders = Folders.under(Path(tmp_path_factory.mktemp("home")))
    save_tiny(folders.models / "latent", latent=True)
    save_tiny(folders.models / "pixels", seed=2)
    return folders


@pytest.fixture(scope="module")
def engine(folders: Folders) -> Engine:
    return Engine(folders, "cpu")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def asking(sampler: str = "ddim", **changes: object) -> GenerateRequest:
    request = GenerateRequest(prompt="dog", model="latent", sampler=sampler, steps=4, seed=5)
    return dataclasses.replace(request, **changes)  # type: ignore[arg-type]


def ids_by_final_hash(events: Iterable[object]) -> list[str]:
    done = [event for event in events if isinstance(event, PictureDone)]
    return [event.final_sha256 for event in sorted(done, key=lambda event: event.image)]


def recorded(engine: Engine, store: RunStore, request: Request) -> tuple[list[str], list[StoredRun]]:
    """Return the hashes of the pictures made, and their runs."""
    told = list(record(engine.run(request, previews=ARRAYS), store))
    runs = sorted((event for event in told if isinstance(event, RunRecorded)), key=lambda event: event.image)
    assert all(event.complete for event in runs)
    return ids_by_final_hash(told), [store.open(event.run_id or "") for event in runs]


@pytest.mark.parametrize("sampler", COMPARED)
def test_recording_changes_no_bit_and_every_step_leads_to_the_same_picture(
    engine: Engine, store: RunStore, sampler: str
) -> None:
    request = asking(sampler, count=2)
    made, runs = recorded(engine, store, request)
    assert made == ids_by_final_hash(engine.run(request, previews=NO_PREVIEWS))
    run = runs[1]
    for step in run.kept[:-1]:
        fork = ForkRequest(request=run.header.generate_request, start=run.state(step), parent=run.id)
        assert ids_by_final_hash(engine.run(fork)) == made[1:]


def test_each_pane_of_a_comparison_is_a_run_of_its_own(engine: Engine, store: RunStore) -> None:
    panes = (asking("langevin"), asking("ddpm", steps=2, seed=8), asking(model="pixels", guidance=1.0))
    made, runs = recorded(engine, store, CompareRequest(requests=panes, batched=False))
    for pane, final, run in zip(panes, made, runs, strict=True):
        header = run.header
        assert header.generate_request == dataclasses.replace(
            pane,
            **{
                name: getattr(header.generate_request, name)
                for name in ("options", "spacing", "guidance", "width", "height")
            },
        )
        assert header.model_sha256 == model_of(run, engine.folders).weights_sha256
        assert len(run.steps) == pane.steps
        fork = ForkRequest(request=header.generate_request, start=run.state(1))
        assert ids_by_final_hash(engine.run(fork)) == [final]


@pytest.mark.parametrize("sampler", COMPARED)
def test_steps_that_are_not_kept_are_made_again_bit_for_bit(
    engine: Engine, store: RunStore, sampler: str
) -> None:
    request = asking(sampler, steps=132, guidance=1.0)
    made, (run,) = recorded(engine, store, request)
    step = max(step for step in range(132) if step not in run.kept)
    state = state_at(run, step, engine)
    assert state is not None
    assert (state.index, state.times[0]) == (step, run.header.times[step])
    fork = ForkRequest(request=run.header.generate_request, start=state)
    assert ids_by_final_hash(engine.run(fork)) == made


def test_a_model_that_is_gone_or_another_is_named(
    folders: Folders, engine: Engine, store: RunStore, tmp_path: Path
) -> None:
    _, (run,) = recorded(engine, store, asking())
    assert model_of(run, folders).name == "latent"
    elsewhere = Folders.under(tmp_path / "elsewhere")
    with pytest.raises(UnknownNameError, match="model 'latent' is not known"):
        model_of(run, elsewhere)
    save_tiny(elsewhere.models / "latent", latent=True, seed=9)
    with pytest.raises(CheckpointError, match=f"is not the one that run {run.id} was made with"):
        model_of(run, elsewhere)


def test_steps_are_not_made_again_with_a_model_that_is_another_by_now(
    engine: Engine, store: RunStore
) -> None:
    _, (run,) = recorded(engine, store, asking())
    request, start = run.header.generate_request, run.state(1)
    again = list(recompute_steps(request, run.header.model_sha256, start, 3, engine))
    assert [done.step for done in again] == [2, 3]
    for done in again:
        assert done.state is not None
        assert done.state.tobytes() == run.state(done.step).x.tobytes()
    with pytest.raises(CheckpointError, match="is not the one that these steps were made with"):
        list(recompute_steps(request, "0" * 64, start, 3, engine))
