"""Keep this step: the picture names its run and step. Steps that a long run did not keep are recomputed when shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.gallery.images import read_pixels
from studio.runs.memory import MAX_RECOMPUTED
from studio.ui.run import text
from studio.ui.run.timeline_model import TimelineModel
from tests.ui.fakes import OTHER_WEIGHTS, Forming, Gate, Take
from tests.ui.program import heard
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.engine.events import Event
    from studio.runs.memory import PictureRecord
    from studio.ui.run.steps import StepSaver


def latent(take: Take) -> Iterator[Event]:
    yield take.started()
    yield take.began(0)
    for step in range(1, take.steps + 1):
        yield take.step(0, step)
    yield take.picture(0)
    yield take.finished()


@pytest.fixture
def keeping(qtbot: QtBot, tmp_path: Path) -> Iterator[Callable[[bool], tuple[Studio, StepSaver]]]:
    made: list[tuple[Studio, StepSaver]] = []

    def make(pixels: bool) -> tuple[Studio, StepSaver]:
        studio = Studio(qtbot, tmp_path, Forming(pixels=True) if pixels else latent)
        studio.session.start()
        made.append((studio, studio.models.keeper))
        return made[0]

    yield make
    for studio, _ in made:
        studio.close()


def test_a_step_is_kept_as_it_is_shown_and_says_where_it_comes_from(
    keeping: Callable[[bool], tuple[Studio, StepSaver]],
) -> None:
    studio, keeper = keeping(True)
    studio.generate()
    studio.wait_idle()
    for what, value in (("x0", round(1.02 * 127.5)), ("x_t", round(0.98 * 127.5))):
        studio.run.set_quantity(what)
        studio.run.select(2)
        before = len(studio.wall.entries)
        keeper.keep()
        studio.wait(lambda before=before: len(studio.wall.entries) > before)
        entry = studio.wall.entries[-1]
        origin = entry.metadata.origin
        assert origin is not None
        assert (origin.kind, origin.step, origin.of, origin.run) == ("step", 2, 4, studio.runs.runs()[0])
        # What was shown as a preview is kept as that, and the other side as it is decoded.
        assert int(read_pixels(entry.path)[0, 0, 0]) == (2 if what == "x0" else value)
    assert text.step_saved(origin) in studio.sentences


def test_a_kept_step_leads_back_to_its_run(
    qtbot: QtBot, keeping: Callable[[bool], tuple[Studio, StepSaver]]
) -> None:
    studio, keeper = keeping(True)
    studio.generate()
    studio.wait_idle()
    studio.run.select(3)
    keeper.keep()
    studio.wait(lambda: len(studio.wall.entries) == 2)
    runs = studio.models.runs
    with qtbot.waitSignal(runs.opened) as heard:
        runs.open_picture(studio.wall.entries[-1])
    assert heard.args[0].opens_at == 3


def test_a_latent_step_is_decoded_in_full_before_it_is_kept(
    keeping: Callable[[bool], tuple[Studio, StepSaver]],
) -> None:
    studio, keeper = keeping(False)
    studio.preferences.set("record_runs", False)
    studio.generate()
    studio.wait_idle()
    studio.run.set_quantity("x_t")
    studio.run.select(2)
    keeper.keep()
    studio.wait(lambda: len(studio.wall.entries) == 2)
    assert studio.engine.decoded[-1][2] == -2.0


def test_the_finished_picture_is_not_kept_twice(
    keeping: Callable[[bool], tuple[Studio, StepSaver]],
) -> None:
    studio, keeper = keeping(True)
    keeper.keep()
    studio.generate()
    studio.wait_idle()
    keeper.keep()
    assert len(studio.wall.entries) == 1
    assert studio.sentences[-1] == text.step_is_the_picture()


def test_a_full_disk_is_reported(keeping: Callable[[bool], tuple[Studio, StepSaver]]) -> None:
    studio, keeper = keeping(True)
    studio.generate()
    studio.wait_idle()
    studio.store.full = studio.store.rescue_full = True
    studio.run.select(1)
    keeper.keep()
    studio.wait(lambda: studio.sentences)
    assert studio.told[-1].kind == "error"


STEPS = 200


class Desk:
    """A session that made a run of many steps, and everything that looks at it."""

    def __init__(self, qtbot: QtBot, home: Path, *scripts: Forming) -> None:
        self.studio = studio = Studio(qtbot, home, Forming(pixels=True), *scripts)
        self.run = studio.run
        self.models, self.recompute = studio.models, studio.models.recompute
        self.said: list[str] = heard(self.recompute.failed)
        self.timeline = TimelineModel(self.run)
        self.runs = self.models.runs
        studio.session.start()
        studio.generate(steps=STEPS)
        studio.wait_idle()
        with qtbot.waitSignal(self.runs.opened) as opened:
            self.runs.open_picture(studio.wall.entries[-1])
        self.run.watch(opened.args[0])
        self.kept = studio.runs.open(studio.runs.runs()[0]).kept
        self.missing = [step for step in range(STEPS) if step not in self.kept]

    @property
    def picture(self) -> PictureRecord:
        assert self.run.picture is not None
        return self.run.picture

    def look_at(self, step: int) -> None:
        self.timeline.go_to(step)
        assert self.run.step == step
        self.studio.wait(lambda: not self.run.waits_for_step)

    def close(self) -> None:
        self.studio.close()


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    made = Desk(qtbot, tmp_path, *getattr(request, "param", ()))
    yield made
    made.close()


def test_every_step_has_a_tick_and_those_that_were_not_kept_are_recomputed_when_selected(
    desk: Desk,
) -> None:
    assert len(desk.timeline.ticks()) == desk.timeline.reached == STEPS + 1
    assert all(level is not None for _, level in desk.timeline.ticks())
    step = desk.missing[40]
    desk.timeline.go_to(step)
    assert desk.run.waits_for_step
    assert not desk.run.was_recomputed
    assert desk.run.frame is not None, "the nearest is shown meanwhile"
    desk.look_at(step)
    assert desk.run.was_recomputed
    done = desk.run.shown_step
    assert done is not None
    assert done.state is not None
    assert float(done.state.flat[0]) == pytest.approx(-step / 100)
    assert done.model_calls == 2 * step, "as it was when the run was made"
    start = desk.picture.state_at(step)
    assert start is not None
    assert start.times == desk.studio.runs.open(desk.studio.runs.runs()[0]).header.times[step:]


def test_only_steps_after_the_nearest_kept_one_are_recomputed_and_only_once(desk: Desk) -> None:
    step = next(step for step in desk.missing if step - 1 in desk.kept)
    desk.look_at(step)
    take = desk.studio.engine.takes[-1]
    assert (take.asked.start.index, take.model_calls) == (step - 1, 1)  # type: ignore[union-attr]
    desk.look_at(step - 1)
    desk.look_at(step)
    assert desk.studio.engine.takes[-1] is take
    assert take.over


def test_the_filmstrip_exports_and_playing_use_the_kept_steps(desk: Desk) -> None:
    strip = desk.models.strip
    desk.run.steps_changed.emit()
    assert strip.rowCount() == len(desk.kept) - 1
    desk.look_at(desk.missing[0])
    assert len(desk.picture.available()) == len(desk.kept)
    desk.timeline.go_to(0)
    desk.timeline.toggle_play()
    seen = set()
    for _ in range(60):
        desk.timeline.advance()
        seen.add(desk.run.step)
    desk.timeline.stop()
    assert seen <= set(desk.kept) | {desk.missing[0]}
    assert len(desk.studio.engine.takes) == 2


def test_a_recomputed_step_can_be_forked_and_saved(desk: Desk) -> None:
    forks, keeper = desk.models.forks, desk.models.keeper
    step = desk.missing[-1]
    desk.timeline.go_to(step)
    forks.begin()
    assert forks.fault
    keeper.keep()
    desk.studio.wait(lambda: len(desk.studio.wall.entries) == 2)
    origin = desk.studio.wall.entries[-1].metadata.origin
    assert origin is not None
    assert (origin.step, origin.of, origin.run) == (step, STEPS, desk.studio.runs.runs()[0])
    assert forks.start is not None
    assert (forks.start.index, forks.steps_left) == (step, STEPS - step)


def test_the_panes_of_a_kept_step_recompute_the_one_before(desk: Desk) -> None:
    panes = desk.models.panes
    step = next(step for step in desk.kept[1:] if step - 1 not in desk.kept)
    panes.set_active(True)
    desk.look_at(step)
    desk.studio.wait(lambda: panes.panes["score"].image is not None)
    assert desk.studio.engine.explained[-1][1] == pytest.approx(-(step - 1) / 100)


def test_the_oldest_recomputed_steps_are_dropped_first(desk: Desk) -> None:
    for step in desk.missing:
        done = desk.picture.find(step)
        assert done is not None
        desk.picture.put_recomputed(done)
    assert len(desk.picture.recomputed) == min(MAX_RECOMPUTED, len(desk.missing))


class Another(Forming):
    """A model of the same name, with another hash."""

    def __call__(self, take: Take) -> Iterator[Event]:
        yield take.started(weights_sha256=OTHER_WEIGHTS)
        yield take.step(0, 1)


@pytest.mark.parametrize("desk", [(Another(),)], indirect=True)
def test_a_changed_model_is_reported_once_and_the_nearest_step_is_shown(desk: Desk) -> None:
    desk.timeline.go_to(desk.missing[3])
    desk.studio.wait(lambda: desk.said)
    assert desk.run.viewed is not None
    assert desk.run.viewed.cannot_recompute
    assert desk.run.frame is not None
    keeper = desk.models.keeper
    known = len(desk.studio.told)
    keeper.keep()
    assert len(desk.studio.told) == known + 1
    desk.timeline.go_to(desk.missing[9])
    assert len(desk.said) == 1
    assert len(desk.studio.engine.takes) == 2


GATE = Gate()


@pytest.mark.parametrize(
    "desk", [(Forming(pixels=True, at={"start": GATE}), Forming(pixels=True))], indirect=True
)
def test_scrubbing_on_does_not_wait_for_the_previous_step(desk: Desk) -> None:
    desk.timeline.go_to(desk.missing[5])
    desk.studio.wait_for(GATE)
    desk.timeline.go_to(desk.missing[60])
    desk.studio.wait(lambda: desk.studio.engine.takes[-1].cancelled.is_set())
    GATE.open()
    desk.look_at(desk.missing[60])
    assert desk.missing[5] not in desk.picture.recomputed
