from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from studio.engine.events import JobCancelled, JobFailed
from studio.gallery import images as pixels
from studio.gallery.images import read_pixels
from studio.gallery.store import PictureStore, save_picture
from studio.ui.core.frame_service import ModelGone
from tests.ui.fakes import WEIGHTS
from tests.ui.played import Played

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PySide6.QtGui import QImage
    from pytestqt.qtbot import QtBot

    from studio.ui.run.model import RunModel
    from tests.ui.asked import Asked

SIGNALS = ("changed", "frame_changed", "steps_changed", "selection_changed")


def value(image: QImage | None) -> int | None:
    """The value of a frame of `tests.runs.steps.frame`; x_t's decoded ones are 250."""
    return None if image is None else image.pixelColor(0, 0).red()


def heard(run: RunModel, act: Callable[[], object]) -> set[str]:
    """Return the names of the signals that something emits."""
    names: set[str] = set()
    connections = [
        (getattr(run, name), getattr(run, name).connect(lambda name=name: names.add(name)))
        for name in SIGNALS
    ]
    act()
    for signal, connection in connections:
        signal.disconnect(connection)
    return names


# ---------------------------------------------------------------------------------------------------------- following
def test_at_first_nothing_is_shown(run: RunModel) -> None:
    assert run.viewed is None
    assert run.live
    assert (run.image, run.picture, run.shown_step, run.frame) == (0, None, None, None)
    for act in (lambda: run.select(3), lambda: run.select_image(1), lambda: run.select(None)):
        assert heard(run, act) == set()
    assert run.step is None


def test_a_job_is_shown_live_from_its_beginning(run: RunModel) -> None:
    played = Played(run)
    assert heard(run, played.begin) == set(SIGNALS)
    assert run.viewed is run.running is played.job_state
    assert run.live
    assert run.frame is None
    for step in (1, 2, 3):
        assert heard(run, lambda step=step: played.steps(step)) == {"steps_changed", "frame_changed"}
        assert run.shown_step is played.job_state.latest(0)
        assert value(run.frame) == step


def test_the_finished_picture_takes_the_place_of_the_last_preview_and_stays(run: RunModel) -> None:
    played = Played(run)
    played.begin().steps(1, 2, 3, 4)
    played.keep()
    assert value(run.frame) == 100
    assert heard(run, played.end) >= {"changed", "frame_changed"}
    assert run.running is None
    assert run.viewed is played.job_state
    assert run.live
    assert value(run.frame) == 100


def test_it_goes_from_each_picture_of_a_job_to_the_next(run: RunModel) -> None:
    played = Played(run, count=2)
    played.begin().steps(1, 2, 3, 4)
    assert run.image == 0
    played.keep()
    assert run.image == 1
    assert run.frame is None
    played.steps(1, image=1)
    assert run.shown_step is played.job_state.latest(1)
    assert value(run.frame) == 1


@pytest.mark.parametrize("end", [None, "cancelled", "failed"])
def test_the_next_job_is_followed_however_the_last_one_ended(run: RunModel, end: str | None) -> None:
    first, second = Played(run), Played(run, prompt="an owl")
    endings: dict[str | None, Any] = {
        "cancelled": JobCancelled(job_id=first.job.id, pictures=0),
        "failed": JobFailed(job_id=first.job.id, sentence="It is gone."),
    }
    first.begin().steps(1)
    first.end(endings.get(end))
    second.begin()
    assert run.viewed is second.job_state
    assert run.live


def test_an_old_step_stays_selected_while_the_next_job_starts(run: RunModel) -> None:
    first, second = Played(run).play(), Played(run, prompt="an owl")
    run.select(2)
    frame = value(run.frame)
    assert "frame_changed" not in heard(run, second.begin)
    assert heard(run, lambda: second.steps(1, 2, 3)) == set()
    assert run.viewed is first.job_state
    assert run.running is second.job_state
    assert (run.step, value(run.frame), frame) == (2, 2, 2)
    assert not run.live


def test_a_chosen_picture_of_an_old_job_stays_selected_when_the_next_begins(run: RunModel) -> None:
    first = Played(run, count=2).play(count=2)
    run.select_image(0)
    second = Played(run, prompt="an owl").begin()
    assert (run.viewed, run.image) == (first.job_state, 0)
    run.go_live()
    assert run.viewed is second.job_state
    assert run.live


def test_going_live_shows_the_newest_step_of_the_running_job(run: RunModel) -> None:
    Played(run).play()
    run.select(2)
    second = Played(run, prompt="an owl").begin()
    second.steps(1, 2, 3)
    assert heard(run, run.go_live) == set(SIGNALS)
    assert run.viewed is second.job_state
    assert run.live
    assert value(run.frame) == 3
    assert heard(run, run.go_live) == set()


def test_going_live_without_a_running_job_shows_the_finished_picture(run: RunModel) -> None:
    Played(run).play()
    run.select(1)
    run.go_live()
    assert run.live
    assert value(run.frame) == 100


def test_an_old_step_of_the_running_job_stays_selected_to_its_end(run: RunModel) -> None:
    played = Played(run)
    played.begin().steps(1, 2)
    run.select(1)
    assert heard(run, lambda: played.steps(3, 4)) == {"steps_changed"}
    played.keep()
    played.end()
    assert (run.step, value(run.frame)) == (1, 1)


# ---------------------------------------------------------------------------------------------------------- choosing
def test_choosing_a_step_shows_it_and_choosing_it_again_changes_nothing(run: RunModel) -> None:
    played = Played(run).play()
    assert heard(run, lambda: run.select(3)) == {"selection_changed", "frame_changed"}
    assert run.shown_step is not None
    assert run.shown_step.step == value(run.frame) == 3
    assert heard(run, lambda: run.select(3)) == set()
    assert heard(run, lambda: run.select(None)) == {"selection_changed", "frame_changed"}
    assert run.shown_step is played.job_state.latest(0)


def test_a_selected_step_stays_with_its_picture(run: RunModel) -> None:
    played = Played(run, count=2)
    played.begin().steps(1, 2)
    run.select(2)
    played.steps(3, 4)
    played.keep(0)
    played.steps(1, 2, 3, image=1)
    assert run.image == 0
    assert run.shown_step is not None
    assert run.shown_step.image == 0
    run.go_live()
    assert run.image == 1


def test_a_picture_can_be_chosen_and_keeps_its_place_in_the_job(run: RunModel) -> None:
    played = Played(run, count=3).play(count=3)
    assert heard(run, lambda: run.select_image(1)) == set(SIGNALS)
    assert run.image == 1
    assert value(run.frame) == 101
    assert not run.live
    assert heard(run, lambda: run.select_image(1)) == set()
    run.select(2)
    assert run.shown_step is not None
    assert (run.shown_step.image, run.shown_step.step) == (1, 2)
    run.select_image(2)
    assert (run.image, run.step) == (2, None)
    assert played.job_state is run.viewed


def test_a_selected_state_that_the_record_drops_waits_to_be_recomputed(
    run: RunModel,
) -> None:
    played = Played(run, steps=40, max_state_bytes=20 * 128)
    played.begin().steps(*range(1, 21))
    run.select(7)
    assert not run.waits_for_step
    played.steps(21)
    assert run.step == 7
    assert run.waits_for_step
    run.select(6)
    assert not run.waits_for_step
    assert value(run.frame) == 6


def test_the_finished_picture_stays_if_all_its_steps_are_dropped(run: RunModel) -> None:
    played = Played(run, count=2, steps=10, max_state_bytes=12 * 128)
    played.begin().steps(*range(1, 11))
    played.keep(0)
    run.select_image(0)
    run.select(5)
    played.steps(1, 2, 3, image=1)
    assert run.picture is None
    assert (run.image, run.step, run.shown_step) == (0, None, None)
    assert value(run.frame) == 100


# ------------------------------------------------------------------------------------------------------ the other side
def test_previews_then_show_the_other_quantity(run: RunModel) -> None:
    played = Played(run)
    played.begin().steps(1)
    assert heard(run, lambda: run.set_quantity("x_t")) == {"selection_changed", "frame_changed"}
    assert played.job.preview_target.quantity == "x_t"
    assert heard(run, lambda: run.set_quantity("x_t")) == set()
    (done,) = played.steps(2)
    assert done.preview_of == "x_t"
    assert value(run.frame) == 2


def test_the_other_quantity_stays_selected_for_later_jobs(run: RunModel) -> None:
    Played(run).play()
    run.set_quantity("x_t")
    second = Played(run, prompt="an owl").begin()
    assert second.job.preview_target.quantity == "x_t"
    run.set_quantity("x0")
    assert second.job.preview_target.quantity == "x0"


def test_the_other_quantity_of_the_newest_step_is_decoded_and_the_old_frame_stays_until_then(
    run: RunModel, asked: Asked
) -> None:
    played = Played(run)
    played.begin().steps(1, 2)
    run.set_quantity("x_t")
    assert value(run.frame) == 2
    assert asked.steps == [(2, "x_t")]
    assert heard(run, lambda: asked.decode(0)) == {"frame_changed"}
    assert value(run.frame) == 250


def test_both_quantities_of_a_finished_picture_are_the_picture(run: RunModel) -> None:
    Played(run).play()
    run.set_quantity("x_t")
    assert value(run.frame) == 100


# ----------------------------------------------------------------------------------------------------------- decoding
def test_a_draft_is_decoded_when_its_step_is_selected_again(run: RunModel, asked: Asked) -> None:
    played = Played(run)
    played.begin()
    done = played.steps(1, 2, 3, 4, tier="linear")[1]
    assert asked.decodes == []
    run.select(2)
    (call,) = asked.decodes
    work: Any = call.work
    assert (work.state, work.image, work.step, work.quantity) == (played.job_state, 0, 2, "x0")
    assert call.weights_sha256 == WEIGHTS
    assert work.latents is done.x0_hat
    assert value(run.frame) == 2
    assert heard(run, lambda: asked.decode(0)) == {"frame_changed"}
    assert value(run.frame) == 250


def test_a_frame_is_requested_once(run: RunModel, asked: Asked) -> None:
    played = Played(run)
    played.begin().steps(1, 2, tier="small")
    for place, step in enumerate((1, 2)):
        run.select(step)
        asked.decode(place)
    run.select(1)
    assert asked.steps == [(1, "x0"), (2, "x0")]


def test_only_the_selected_step_is_waited_for(run: RunModel, asked: Asked) -> None:
    played = Played(run, steps=100)
    played.begin().steps(*range(1, 101), tier="small")
    for step in range(1, 101):
        run.select(step)
        assert len(asked.waiting) == 1
    assert [call.work.step for call in asked.waiting] == [100]  # type: ignore[attr-defined]
    run.select(None)
    assert asked.waiting == []


def test_each_quantity_of_a_step_has_its_own_frame(run: RunModel, asked: Asked) -> None:
    played = Played(run)
    (done,) = played.begin().steps(1, tier="linear")
    run.select(1)
    run.set_quantity("x_t")
    assert asked.steps == [(1, "x0"), (1, "x_t")]
    work: Any = asked.decodes[1].work
    assert work.latents is done.state


@pytest.mark.parametrize(
    "fields",
    [{"tier": "full"}, {"tier": "linear", "x0_hat": None}],
    ids=["shown in full already", "nothing to decode"],
)
def test_nothing_is_requested_if_there_is_no_better_frame(
    run: RunModel, asked: Asked, fields: dict[str, Any]
) -> None:
    played = Played(run)
    played.begin().steps(1, **fields)
    run.select(1)
    assert asked.decodes == []


def test_a_frame_that_cannot_be_decoded_stays_a_draft_and_is_not_requested_again(
    run: RunModel, asked: Asked
) -> None:
    played = Played(run)
    played.begin().steps(1, 2, tier="linear")
    run.select(1)
    gone = ModelGone(sentence="The model is gone.")
    assert heard(run, lambda: asked.give(asked.decodes[0], gone)) == set()
    assert value(run.frame) == 1
    run.select(2)
    run.select(1)
    assert len(asked.decodes) == 2


def test_a_frame_that_ran_out_of_memory_is_requested_again(run: RunModel, asked: Asked) -> None:
    played = Played(run)
    played.begin().steps(1, 2, tier="linear")
    run.select(1)
    asked.fail(asked.decodes[0], "The device has too little memory.")
    assert value(run.frame) == 1
    run.select(2)
    run.select(1)
    assert asked.steps == [(1, "x0"), (2, "x0"), (1, "x0")]


def test_why_a_step_cannot_be_decoded_is_known_until_one_can_be(run: RunModel, asked: Asked) -> None:
    played = Played(run)
    played.begin().steps(1, 2, 3, tier="linear")
    failed = []
    run.frame_failed.connect(lambda: failed.append(run.fault))
    run.select(1)
    assert run.fault == ""
    asked.give(asked.decodes[-1], ModelGone(sentence="The model is gone."))
    run.select(2)
    asked.fail(asked.decodes[-1], "There is not enough memory for both models.")
    run.select(1)
    assert failed == [
        "The model is gone.",
        "There is not enough memory for both models.",
        "The model is gone.",
    ]
    run.select(3)
    asked.decode(-1)
    assert run.fault == ""
    run.select(1)
    assert run.fault == failed[0]
    run.go_live()
    assert run.fault == ""


def test_the_error_of_a_run_is_not_shown_for_another(run: RunModel, asked: Asked) -> None:
    first, second = Played(run), Played(run)
    first.begin().steps(1, 2, tier="linear")
    second.begin().steps(1, tier="linear")
    run.select(1)
    asked.fail(asked.decodes[-1], "The model is gone.")
    run.watch(second.job_state)
    assert run.fault == ""


def test_a_frame_that_the_record_dropped_can_be_requested_again(run: RunModel, asked: Asked) -> None:
    played = Played(run, max_bytes=2 * 192 + 800)
    played.begin().steps(1, 2, tier="linear")
    for step in (1, 2):  # there is room for one of them
        run.select(step)
        asked.decode(-1)
    assert value(run.frame) == 250
    run.select(1)
    assert value(run.frame) == 1
    assert asked.steps == [(1, "x0"), (2, "x0"), (1, "x0")]


def test_a_frame_that_does_not_fit_is_not_requested_again(run: RunModel, asked: Asked) -> None:
    played = Played(run, max_bytes=700)
    played.begin().steps(1, 2, tier="linear")
    for step in (1, 2):
        run.select(step)
        asked.decode(-1)
    run.select(1)
    assert asked.steps == [(1, "x0"), (2, "x0")]
    assert value(run.frame) == 250  # the cache has it


def test_a_frame_of_another_step_or_job_changes_nothing_in_view(run: RunModel, asked: Asked) -> None:
    first = Played(run)
    first.begin().steps(1, 2, tier="linear")
    run.select(1)
    run.select(2)
    assert heard(run, lambda: asked.decode(0)) == set()
    run.go_live()
    first.keep()
    first.end()
    Played(run, prompt="an owl").begin()
    assert heard(run, lambda: asked.decode(1)) == set()
    picture = first.job.record.picture(0)
    assert picture is not None
    assert np.all(picture.frame(picture.steps[0], "x0") == 250)


def test_a_picture_dropped_from_memory_is_read_from_its_file_in_another_thread(
    run: RunModel, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    monkeypatch.setattr(
        pixels,
        "read_pixels",
        lambda path, read=read_pixels: (threads.append(threading.get_ident()), read(path))[1],
    )
    store = PictureStore(tmp_path / "out", tmp_path / "catalogue")
    played = Played(run, count=40)
    played.begin()
    for image in range(40):
        played.job_state.take(save_picture(played.take.picture(image), store))
    assert not played.job_state.pictures[2].done.pixels.size
    with qtbot.waitSignal(run.frame_changed, check_params_cb=lambda: run.frame is not None):
        run.select_image(2)
        assert run.frame is None
    assert value(run.frame) == int(played.take.picture(2).pixels[0, 0, 0])
    assert threading.get_ident() not in threads
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    run.select_image(3)
    qtbot.waitUntil(lambda: len(threads) == 2)
    assert run.frame is None
    run.select_image(2)
    assert run.frame is not None  # the cache has it
    assert len(threads) == 2
