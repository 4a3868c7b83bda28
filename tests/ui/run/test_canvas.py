"""The canvas: what is seen in every phase of a job, and what its controls ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton

from studio.engine.events import JobCancelled, JobFailed, JobFinished
from studio.gallery.index import Entry
from studio.gallery.metadata import PictureMetadata
from studio.gallery.store import PictureSaved
from studio.ui.core.frame_service import ModelGone
from studio.ui.core.job import Job
from studio.ui.core.job_state import JobState
from studio.ui.run import text
from tests.ui.asked import Asked
from tests.ui.fakes import Take, asking

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from tests.ui.program import MakePage


class Scene:
    """A canvas, and a job that is led to it by hand."""

    def __init__(self, make_page: MakePage, **fields: object) -> None:
        self.opened = make_page("canvas", size=(800, 700))
        models, self.canvas = self.opened.models, self.opened.widget
        self.run, self.strip, self.preferences = models.run, models.strip, models.preferences
        self.job = Job(request=asking(**fields), budget=None)
        self.job_state = JobState(self.job)
        self.take = Take(
            request=self.job.request,
            job_id=self.job.id,
            previews=self.job.previews,
            cancelled=self.job.cancelled,
        )

    def begin(self) -> None:
        self.run.begin(self.job_state)
        self.job_state.take(self.take.started())
        self.run.note_phase(self.job_state)

    def start(self) -> None:
        began = self.take.began(0)
        self.job.record.begin(began)
        self.job_state.take(began)
        self.run.note_phase(self.job_state)

    def step(self, image: int, number: int, **fields: Any) -> None:  # noqa: ANN401
        done = self.take.step(image, number, **fields)
        self.job.record.add(done)
        self.job_state.take_step(done)
        self.run.note_steps(self.job_state)

    def keep(self, image: int, home: Path) -> None:
        done = self.take.picture(image)
        entry = Entry(path=home / "x.png", width=8, height=8, metadata=PictureMetadata.of(done))
        self.job_state.take(PictureSaved(job_id=self.job.id, done=done, entry=entry))
        self.run.note_phase(self.job_state)

    def said(self) -> str:
        return "\n".join(self.opened.texts)

    @property
    def caption(self) -> str:
        """The caption that belongs to the shown step."""
        return text.run_caption(self.run)


def test_at_first_it_says_what_will_appear_and_which_key_makes_it(make_page: MakePage) -> None:
    scene = Scene(make_page)
    assert {text.empty(), text.empty_how()} <= set(scene.opened.texts)
    assert not scene.canvas.timeline.isVisible()


def test_every_step_is_shown_as_it_comes(make_page: MakePage) -> None:
    scene = Scene(make_page)
    scene.begin()
    for number in (1, 2, 3):
        scene.step(0, number)
        shown = scene.canvas.picture.image
        assert shown is not None
        assert shown.pixelColor(0, 0) == scene.run.frame.pixelColor(0, 0)
        assert scene.caption in scene.opened.texts
        assert scene.run.shown_step is scene.job_state.latest(0)
    assert scene.strip.rowCount() == 3
    assert scene.canvas.timeline.scrubber.current == 2


def test_a_clicked_step_is_shown_until_the_live_button_is_pressed(make_page: MakePage) -> None:
    scene = Scene(make_page)
    scene.begin()
    for number in (1, 2, 3):
        scene.step(0, number)
    strip = scene.canvas.timeline.filmstrip
    place = strip.slots[0][0].center()
    QTest.mouseClick(strip, Qt.MouseButton.LeftButton, pos=place)
    assert scene.run.step == 1
    scene.step(0, 4)
    assert scene.run.step == 1, "the job goes on, the chosen step stays"
    assert scene.caption in scene.opened.texts
    QTest.mouseClick(scene.canvas.head.pill, Qt.MouseButton.LeftButton)
    assert scene.run.step is None
    assert scene.caption in scene.opened.texts


def test_arrow_keys_go_through_the_steps(make_page: MakePage) -> None:
    scene = Scene(make_page)
    scene.begin()
    for number in (1, 2, 3):
        scene.step(0, number)
    QTest.keyClick(scene.canvas.timeline.scrubber, Qt.Key.Key_Left)
    assert scene.run.step == 2
    QTest.keyClick(scene.canvas, Qt.Key.Key_Home)
    assert scene.run.step == 1
    QTest.keyClick(scene.canvas, Qt.Key.Key_L)
    assert scene.run.live


def test_the_start_is_a_step_too(make_page: MakePage) -> None:
    scene = Scene(make_page)
    scene.begin()
    scene.start()
    assert scene.caption in scene.opened.texts
    assert scene.canvas.timeline.scrubber.reached == 1
    for number in (1, 2, 3):
        scene.step(0, number)
    assert (scene.canvas.timeline.scrubber.current, scene.canvas.timeline.scrubber.reached) == (3, 4)
    QTest.keyClick(scene.canvas, Qt.Key.Key_Home)
    assert scene.run.step == 0
    assert scene.caption in scene.opened.texts
    assert scene.canvas.timeline.scrubber.accessibleDescription() == scene.canvas.timeline_model.description
    assert scene.canvas.picture.image is not None


def test_it_plays_to_the_end_and_stops(qtbot: QtBot, make_page: MakePage, tmp_path: Path) -> None:
    scene = Scene(make_page)
    scene.begin()
    scene.start()
    for number in (1, 2, 3, 4):
        scene.step(0, number)
    scene.keep(0, tmp_path)
    scene.job_state.take(scene.take.finished())
    scene.run.end(scene.job_state)
    seen: list[int | None] = []
    scene.run.selection_changed.connect(lambda: seen.append(scene.run.step))
    QTest.keyClick(scene.canvas, Qt.Key.Key_Space)
    assert scene.canvas.timeline_model.playing
    qtbot.waitUntil(lambda: not scene.canvas.timeline_model.playing)
    assert seen == [0, 1, 2, 3, 4]
    scene.canvas.action_row.play.click()
    assert scene.run.step == 0
    scene.canvas.action_row.play.click()
    assert not scene.canvas.timeline_model.playing


def test_going_live_ends_a_play(make_page: MakePage) -> None:
    scene = Scene(make_page)
    scene.begin()
    for number in (1, 2, 3):
        scene.step(0, number)
    QTest.keyClick(scene.canvas, Qt.Key.Key_Space)
    QTest.keyClick(scene.canvas, Qt.Key.Key_L)
    assert not scene.canvas.timeline_model.playing
    assert scene.run.live


def test_the_switch_shows_the_state_itself_and_asks_the_running_job_for_it(make_page: MakePage) -> None:
    scene = Scene(make_page)
    scene.begin()
    scene.step(0, 1)
    state = next(
        button
        for button in scene.canvas.head.quantity.findChildren(QAbstractButton)
        if button.text() == "x_t"
    )
    QTest.mouseClick(state, Qt.MouseButton.LeftButton)
    assert scene.run.quantity == scene.job.preview_target.quantity == "x_t"


def test_the_pictures_of_a_job_can_be_shown_one_after_another(make_page: MakePage, tmp_path: Path) -> None:
    scene = Scene(make_page, count=2)
    scene.begin()
    for number in (1, 2, 3, 4):
        scene.step(0, number)
    scene.keep(0, tmp_path)
    scene.step(1, 1)
    assert text.which_picture(scene.job_state, 1) in scene.opened.texts
    scene.canvas.head.previous_picture.click()
    assert text.which_picture(scene.job_state, 0) in scene.opened.texts
    assert scene.caption in scene.opened.texts
    assert scene.strip.rowCount() == 4
    scene.canvas.head.next_picture.click()
    assert text.which_picture(scene.job_state, 1) in scene.opened.texts


def test_one_picture_needs_no_buttons_to_go_through_it(make_page: MakePage) -> None:
    scene = Scene(make_page)
    scene.begin()
    assert not scene.canvas.head.previous_picture.isVisible()


def test_a_failure_is_one_sentence_with_details_and_the_next_job_replaces_it(make_page: MakePage) -> None:
    scene = Scene(make_page)
    scene.begin()
    scene.step(0, 1)
    failed = JobFailed(job_id=scene.job.id, sentence="It broke; do this.", details="Traceback")
    scene.job_state.take(failed)
    scene.run.end(scene.job_state)
    assert failed.sentence in scene.said()
    assert not scene.canvas.picture.isVisible()
    again = Scene(make_page)
    scene.run.begin(again.job_state)
    assert failed.sentence not in scene.said()


def test_it_says_why_a_step_cannot_be_decoded_until_one_can(
    make_page: MakePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, asked = Scene(make_page), Asked()
    monkeypatch.setattr(scene.opened.models.engine, "call", asked.call)
    scene.begin()
    for number in (1, 2):
        scene.step(0, number, tier="linear")
    reason = "The model of this run is not installed."
    scene.run.select(1)
    assert text.undecoded(reason) not in scene.opened.texts
    asked.give(asked.decodes[-1], ModelGone(sentence=reason))
    assert text.undecoded(reason) in scene.opened.texts
    scene.run.select(2)
    asked.decode(-1)
    assert text.undecoded(reason) not in scene.opened.texts


def test_a_cancelled_job_keeps_its_last_step_in_sight(make_page: MakePage) -> None:
    scene = Scene(make_page)
    scene.begin()
    scene.step(0, 2)
    scene.job.cancelled.set()
    scene.run.changed.emit()
    assert scene.canvas.time_left == text.time_left(scene.job_state)
    scene.job_state.take(JobCancelled(job_id=scene.job.id, pictures=0))
    scene.run.end(scene.job_state)
    assert scene.caption in scene.opened.texts
    assert scene.canvas.picture.image is not None


def test_the_finished_picture_is_the_one_that_was_kept(make_page: MakePage, tmp_path: Path) -> None:
    scene = Scene(make_page)
    scene.begin()
    for number in (1, 2, 3, 4):
        scene.step(0, number)
    scene.keep(0, tmp_path)
    scene.job_state.take(JobFinished(job_id=scene.job.id, pictures=1, seconds=2.0))
    scene.run.end(scene.job_state)
    image = scene.canvas.picture.image
    assert image is not None
    assert image.pixelColor(0, 0).red() == int(scene.take.picture(0).pixels[0, 0, 0])
    assert scene.caption in scene.opened.texts
    assert not scene.canvas.head.pill.isVisible()


@pytest.mark.parametrize("prompt", ['<img src="/dev/zero">', "<b>bold</b>", "a & b < c", ""])
def test_a_prompt_is_shown_as_it_is(make_page: MakePage, prompt: str) -> None:
    scene = Scene(make_page, prompt=prompt)
    scene.begin()
    assert text.title(scene.job_state) in scene.opened.texts
    assert not prompt or text.title(scene.job_state) == prompt


def test_pictures_are_enlarged_as_it_was_chosen(make_page: MakePage) -> None:
    scene = Scene(make_page)
    scene.begin()
    scene.step(0, 1)
    smooth = scene.canvas.picture.picture_rect()
    scene.preferences.set("enlarge", "pixels")
    hard = scene.canvas.picture.picture_rect()
    assert hard.width() % 8 == 0
    assert hard.width() <= smooth.width()


@pytest.mark.layout
def test_in_a_narrow_window_the_last_buttons_only_show_their_icons(qtbot: QtBot, make_page: MakePage) -> None:
    scene = Scene(make_page)
    scene.begin()
    row = scene.canvas.action_row
    for width in (900, 452, 900):
        scene.canvas.resize(width, 700)
        qtbot.waitUntil(lambda width=width: row.width() <= width)
        shown = [button.text() for button in (row.fork, row.keep, row.compare, row.export)]
        assert shown[0] == row.fork.accessibleName()
        assert all(shown) == (width == 900)
        assert row.export.geometry().right() < row.width()
        assert row.export.accessibleName()
