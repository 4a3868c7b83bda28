"""Going on from a step: the request that comes of it, what it costs, and where it cannot be."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from studio.errors import RequestError
from studio.ui.core.job_state import Lineage
from studio.ui.run import text
from tests.ui.cards import listed
from tests.ui.fakes import WEIGHTS, Forming, Gate
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.ui.core.job_state import JobState
    from studio.ui.run.fork import ForkModel


class Cards:
    """Stands in for the catalogue: one model, which may go or become another."""

    def __init__(self) -> None:
        self.weights: str | None = WEIGHTS

    def card(self, name: str) -> Any:  # noqa: ANN401
        assert name == "fake"
        if self.weights is None:
            return None
        return SimpleNamespace(weights_sha256=self.weights, T=1000, text_defaults=None)


@pytest.fixture
def studio(qtbot: QtBot, tmp_path: Path) -> Iterator[Studio]:
    made = Studio(qtbot, tmp_path, Forming(pixels=True))
    made.session.start()
    yield made
    made.close()


@pytest.fixture
def cards() -> Cards:
    return Cards()


@pytest.fixture
def forks(studio: Studio, cards: Cards, monkeypatch: pytest.MonkeyPatch) -> ForkModel:
    monkeypatch.setattr(listed(studio.models.catalog), "card", cards.card)
    return studio.models.forks


def made(studio: Studio, forks: ForkModel, step: int, **fields: Any) -> ForkModel:  # noqa: ANN401
    studio.generate(**fields)
    studio.wait_idle()
    studio.run.select(step)
    forks.begin()
    return forks


def test_an_unchanged_fork_has_the_settings_of_its_run(studio: Studio, forks: ForkModel) -> None:
    request = made(studio, forks, 2, seed=7).request()
    assert request.request == replace(studio.engine.takes[0].request, count=1)
    assert (request.start.index, request.start.remaining) == (2, 2)
    assert request.start.times == (499, 249, -1)
    assert np.all(request.start.x == np.float32(-0.02))
    assert request.parent == studio.runs.runs()[0]
    assert (forks.model_calls, forks.steps_left) == (4, 2)


def test_a_fork_of_a_later_picture_has_its_own_seed(studio: Studio, forks: ForkModel) -> None:
    studio.generate(count=2, seed=40)
    studio.wait_idle()
    studio.run.select_image(1)
    studio.run.select(1)
    forks.begin()
    assert forks.request().request.seed == 41
    assert forks.request().parent == studio.run.viewed.run_ids[1]  # type: ignore[union-attr]


def test_everything_can_be_changed(studio: Studio, forks: ForkModel) -> None:
    made(studio, forks, 1)
    forks.edit(prompt="a dog", negative="a leash", sampler="ddpm", guidance=1.0, seed=99)
    request = forks.request()
    how = request.request
    assert (how.prompt, how.negative, how.sampler, how.guidance, how.seed) == (
        "a dog",
        "a leash",
        "ddpm",
        1.0,
        99,
    )
    assert dict(how.options) == dict(forks.options)
    assert forks.model_calls == 3
    forks.edit(sampler="ddim")
    assert dict(forks.options) == {"eta": 0.0}, "those of the run are remembered"
    forks.edit_option("eta", 0.5)
    assert dict(forks.request().request.options) == {"eta": 0.5}


def test_another_number_of_steps_respaces_the_rest_and_the_runs_own_keeps_the_times(
    studio: Studio, forks: ForkModel
) -> None:
    made(studio, forks, 2)
    forks.edit(remaining=5)
    request = forks.request()
    assert (request.start.remaining, request.request.steps) == (5, 7)
    assert request.start.times[0] == 499
    forks.edit(remaining=2)
    assert forks.request().start.times == (499, 249, -1)


def test_the_seed_matters_where_noise_is_still_drawn(studio: Studio, forks: ForkModel) -> None:
    made(studio, forks, 2)
    assert not forks.draws_noise
    forks.edit_option("eta", 0.2)
    assert forks.draws_noise
    forks.edit(sampler="ddpm")
    assert forks.draws_noise
    forks.edit(remaining=1)
    assert not forks.draws_noise, "the last step draws none"
    forks.edit(sampler="langevin")
    assert not forks.draws_noise, "nor does that of any other sampler"
    forks.edit(remaining=2)
    assert forks.draws_noise


def test_the_last_step_cannot_be_forked(studio: Studio, forks: ForkModel) -> None:
    made(studio, forks, 4)
    assert forks.fault == text.last_step()
    with pytest.raises(RequestError):
        forks.request()
    studio.run.select(3)
    assert forks.fault == ""


@pytest.mark.parametrize(
    ("weights", "fault"), [(None, text.no_model("fake")), ("12" * 32, text.model_changed())]
)
def test_a_missing_or_changed_model_is_reported(
    studio: Studio, forks: ForkModel, cards: Cards, weights: str | None, fault: str
) -> None:
    made(studio, forks, 2)
    cards.weights = weights
    assert forks.fault == fault
    with pytest.raises(RequestError):
        forks.request()


def test_showing_another_run_resets_the_fork(studio: Studio, forks: ForkModel) -> None:
    made(studio, forks, 2)
    forks.edit(prompt="a dog")
    studio.run.select(3)
    assert forks.values is not None
    assert forks.values.prompt == "a dog", "another step is the same run"
    studio.run.go_live()
    studio.generate("a cat")
    studio.wait_idle()
    assert forks.values.prompt == "a cat"


def test_without_a_run_there_is_nothing_to_fork(forks: ForkModel) -> None:
    forks.begin()
    assert forks.fault == text.no_step()
    assert (forks.model_calls, forks.steps_left, forks.remaining) == (0, 0, 0)
    with pytest.raises(RequestError):
        forks.request()


def test_a_fork_knows_its_parent_and_leads_back_to_it(qtbot: QtBot, studio: Studio, forks: ForkModel) -> None:
    request = made(studio, forks, 2).request()
    studio.session.fork(request, forks.parent_run)
    studio.run.go_live()
    studio.wait_idle()
    parent = studio.runs.runs()[-1]
    job_state = studio.run.viewed
    assert job_state is not None
    assert job_state.lineage == Lineage(parent, 2)
    header = studio.runs.open(studio.runs.runs()[0]).header
    assert (header.parent, header.parent_step, header.first_index) == (parent, 2, 2)
    origin = studio.wall.entries[-1].metadata.origin
    assert origin is not None
    assert (origin.kind, origin.run, origin.step, origin.of) == ("fork", parent, 2, 4)
    runs = studio.models.runs
    with qtbot.waitSignal(runs.opened) as heard:
        runs.open_parent(job_state.lineage)
    assert heard.args[0].opens_at == 2


def test_a_fork_of_a_running_job_waits_for_its_run_id(
    qtbot: QtBot, tmp_path: Path, cards: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    studio = Studio(qtbot, tmp_path, Forming(pixels=True, at={(0, 4): gate}), Forming(pixels=True))
    studio.session.start()
    monkeypatch.setattr(listed(studio.models.catalog), "card", cards.card)
    forks = studio.models.forks
    studio.generate()
    studio.wait_for(gate)
    studio.wait(lambda: studio.run.shown_step is not None and studio.run.shown_step.step == 3)
    studio.run.select(1)
    forks.begin()
    request = forks.request()
    assert request.parent == ""
    studio.session.fork(request, forks.parent_run)
    gate.open()
    studio.wait_idle()
    header = studio.runs.open(studio.runs.runs()[0]).header
    assert header.parent == studio.runs.runs()[-1]
    studio.close()


def test_forking_20_times_in_a_row_keeps_no_ancestor_alive(studio: Studio, forks: ForkModel) -> None:
    made(studio, forks, 2)
    ancestors: list[weakref.ref[JobState]] = []
    for _ in range(20):
        assert studio.run.viewed is not None
        ancestors.append(weakref.ref(studio.run.viewed))
        studio.session.fork(forks.request(), forks.parent_run)
        studio.run.go_live()
        studio.wait_idle()
        studio.run.go_live()
        studio.run.select(2)
        forks.begin()
    gc.collect()
    assert len({id(ref) for ref in ancestors}) == 20
    assert [ref() for ref in ancestors if ref() is not None] == []
    assert studio.run.viewed is not None
    assert studio.run.viewed.lineage is not None, "it still knows its parent"
