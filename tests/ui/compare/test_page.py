"""The page of comparisons: what is seen while it is set up, while it runs and after, and what its keys do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

from studio.diffusion.samplers import COMPARED
from studio.engine.events import JobFailed
from studio.gallery.export import MIN_SIDE
from studio.ui.compare import text as words
from tests.ui.cards import LARGE, STARTER, numbers
from tests.ui.compared import Compared
from tests.ui.program import heard

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.engine.requests.compare import CompareRequest
    from tests.ui.program import MakePage, OpenPage

FOUR: dict[str, Any] = {"steps": 4}
EIGHT: dict[str, Any] = {"steps": 8, "sampler": "ddpm", "options": {"variance": "posterior"}}


class Page:
    """The page and everything behind it."""

    def __init__(self, opened: OpenPage) -> None:
        models = opened.models
        self.form, self.model, self.columns = models.form, models.compare, opened.widget.columns
        self.view, self.runs = opened.widget.view, opened.widget.view.runs
        self.intents = models.intents
        self.notices = opened.notices
        self.asked: list[CompareRequest] = heard(self.intents.compare)

    def press(self, key: Qt.Key, widget: QWidget | None = None) -> None:
        QTest.keyClick(widget or self.runs.canvas, key)

    @property
    def shown(self) -> list[tuple[int, float]]:
        """The step and the noise level on the card of each run."""
        runs = self.model.runs()
        return [
            (round(card.fraction * run.steps), card.level)
            for card, run in zip(self.runs.canvas.cards, runs, strict=False)
        ]

    @property
    def mode(self) -> str:
        assert self.view.head.modes.value == self.runs.canvas.mode
        return self.runs.canvas.mode


@pytest.fixture
def page(make_page: MakePage) -> Page:
    return Page(make_page("compare", STARTER, LARGE, draw=numbers(7)))


# --------------------------------------------------------------------------------------------------------- setting up
def test_at_first_one_click_compares_all_samplers(page: Page) -> None:
    assert page.view.setup.isVisible()
    QTest.mouseClick(page.view.setup.start, Qt.MouseButton.LeftButton)
    assert [request.sampler for request in page.asked[0].requests] == list(COMPARED)
    assert not page.view.setup.isVisible()


def test_compare_samplers_resets_the_columns_to_the_form_and_starts(page: Page) -> None:
    page.columns.edit(0, steps=3)
    page.columns.add()
    page.form.edit(prompt="an owl")
    QTest.mouseClick(page.view.setup.all_samplers, Qt.MouseButton.LeftButton)
    assert [(request.prompt, request.steps) for request in page.asked[0].requests] == [("an owl", 30)] * 4


def test_each_column_is_edited_by_its_controls(page: Page) -> None:
    first, second = page.view.setup.views[:2]
    second.steps.edited.emit(12.0)
    second.guidance.edited.emit(1.0)
    second.options.edited.emit("eta", 0.5)
    first.seed.edited.emit(99)
    first.sampler.edited.emit("ddim")
    second.model.edited.emit("large")
    request = page.columns.columns[1]
    assert (request.model, request.guidance, request.seed) == ("large", 1.0, 99)
    assert request.options["ddim"]["eta"] == 0.5
    assert page.columns.columns[0].sampler == "ddim"
    assert second.steps.value == 12


def test_rolling_the_first_seed_rolls_all(page: Page) -> None:
    QTest.mouseClick(page.view.setup.views[0].seed.dice, Qt.MouseButton.LeftButton)
    seeds = {column.seed for column in page.columns.columns}
    assert len(seeds) == 1
    assert seeds != {7}


def test_columns_come_and_go(page: Page) -> None:
    setup = page.view.setup
    QTest.mouseClick(setup.add, Qt.MouseButton.LeftButton)
    QTest.mouseClick(setup.add, Qt.MouseButton.LeftButton)
    assert sum(view.isVisible() for view in setup.views) == 6
    assert not setup.add.isEnabled()
    for _ in range(4):
        QTest.mouseClick(setup.views[0].remove, Qt.MouseButton.LeftButton)
    assert sum(view.isVisible() for view in setup.views) == 2
    assert not setup.views[0].remove.isEnabled()


def test_invalid_settings_are_reported_and_cannot_be_started(page: Page) -> None:
    page.columns.edit(1, model="gone")
    assert not page.view.setup.start.isEnabled()
    page.view.start()
    assert page.asked == []


def test_the_settings_can_be_shown_again_and_take_the_results_room(page: Page) -> None:
    page.view.start()
    Compared(page.model, FOUR, EIGHT).play()
    assert page.runs.results.isVisible()
    QTest.mouseClick(page.view.head.setup, Qt.MouseButton.LeftButton)
    assert page.view.setup.isVisible()
    assert not page.runs.results.isVisible()


def test_hidden_columns_that_would_replace_what_is_shown_are_shown_first(page: Page) -> None:
    page.view.start()
    Compared(page.model, FOUR, EIGHT).play()
    page.view.start()
    assert page.view.setup.isVisible()
    assert len(page.asked) == 1
    page.view.start()
    assert len(page.asked) == 2


def test_hidden_columns_equal_to_the_shown_runs_are_run_again(page: Page) -> None:
    page.view.start()
    Compared(page.model, *map(asdict, page.asked[0].requests)).begin()
    page.view.start()
    assert not page.view.setup.isVisible()
    assert len(page.asked) == 2


# ------------------------------------------------------------------------------------------------------ what is seen
def test_while_it_runs_every_run_is_seen_at_its_newest_step(page: Page) -> None:
    page.view.start()
    played = Compared(page.model, FOUR, EIGHT).begin().start().rounds(1, 2)
    assert page.shown == [(2, pytest.approx(0.5)), (2, pytest.approx(0.75))]
    assert page.view.head.cancel.isVisible()
    assert page.view.head.title.text() == "a fox"
    assert page.view.head.noise.isVisible()
    assert page.view.head.noise.text() == words.noise(page.model.hashes, 2)[0]
    assert page.runs.scrubber.reached == len(page.model.positions)
    assert len(page.runs.scrubber.ticks) > page.runs.scrubber.reached
    played.rounds(*range(3, 9)).keep().end()
    assert len(page.runs.scrubber.ticks) == page.runs.scrubber.reached == 9
    assert not page.view.head.cancel.isVisible()


def test_the_cancel_button_requests_a_cancel(page: Page) -> None:
    received: list[bool] = []
    page.intents.cancel.connect(lambda: received.append(True))
    Compared(page.model, FOUR, EIGHT).begin()
    QTest.mouseClick(page.view.head.cancel, Qt.MouseButton.LeftButton)
    assert received == [True]


def test_the_scrubber_moves_all_runs_and_says_where(page: Page) -> None:
    Compared(page.model, FOUR, EIGHT).play()
    page.press(Qt.Key.Key_Home)
    assert page.shown == [(1, pytest.approx(0.75)), (1, pytest.approx(0.875))]
    assert page.runs.canvas.cards[0].gap == words.gap(page.model.run(0), "level") != ""
    assert page.runs.scrubber.accessibleDescription() == words.position(8, 0, 0.875)
    page.press(Qt.Key.Key_Right)
    assert page.shown == [(1, pytest.approx(0.75)), (2, pytest.approx(0.75))]
    assert page.runs.canvas.cards[0].gap == ""
    page.runs.bar.alignment.edited.emit("step")
    assert page.shown[0] == (1, pytest.approx(0.75))
    QTest.mouseClick(page.runs.bar.pill, Qt.MouseButton.LeftButton)
    assert page.model.position is None


def test_space_plays_from_noise_to_picture_and_stops_there(qtbot: QtBot, page: Page) -> None:
    Compared(page.model, FOUR, FOUR).play()
    places: list[int] = []
    page.model.shown_changed.connect(lambda: places.append(page.model.place))
    page.press(Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: bool(places) and places[-1] == 3, timeout=3000)
    assert places == [0, 1, 2, 3]
    page.press(Qt.Key.Key_Space)
    page.press(Qt.Key.Key_Space)
    assert page.model.place == 0


def test_curves_and_figures_come_with_the_reference(qtbot: QtBot, page: Page) -> None:
    page.view.start()
    played = Compared(page.model, FOUR, EIGHT).begin().start().rounds(1, 2, 3)
    assert page.runs.results.plot.curves == ()
    names = words.names(page.model.job_state.requests)  # type: ignore[union-attr]
    assert page.runs.results.plot.accessibleDescription() == words.no_curves(names[0])
    assert page.runs.results.table.texts[0][1] == ""
    played.rounds(*range(4, 9)).keep().end()
    plot, table = page.runs.results.plot, page.runs.results.table
    assert [curve.points[-1].distance for curve in plot.curves] == pytest.approx(
        [0, 4]
    )  # x0_hat is the step's number
    qtbot.waitUntil(lambda: table.texts[1][1] != "")
    reference = words.figures(page.model.run(0), None, reference=True)[0]
    assert [row[:2] for row in table.texts] == [[names[0], reference], [names[1], "48.1"]]
    page.model.set_pair(1, 0)
    qtbot.waitUntil(lambda: table.texts[0][1] != "")
    assert [row[:2] for row in table.texts] == [[names[0], "48.1"], [names[1], reference]]
    page.press(Qt.Key.Key_Home)
    page.press(Qt.Key.Key_Right)
    assert table.note == words.unfinished(page.model.runs()) != ""


def test_a_hidden_page_does_not_update_until_it_is_shown(page: Page) -> None:
    page.view.hide()
    Compared(page.model, FOUR, EIGHT).play()
    assert page.shown == []
    page.view.show()
    assert len(page.shown) == 2
    assert page.runs.scrubber.reached == 8


def test_a_failure_is_shown_with_what_to_do(page: Page) -> None:
    played = Compared(page.model, FOUR, EIGHT).begin().rounds(1)
    assert not page.view.error.isVisible()
    played.tell(JobFailed(job_id=played.job.id, sentence="The device ran out of memory.", details="why"))
    assert page.view.error.isVisible()
    Compared(page.model, FOUR, EIGHT).begin()
    assert not page.view.error.isVisible()


def test_the_results_give_their_space_to_the_pictures(page: Page) -> None:
    page.view.start()
    Compared(page.model, FOUR, EIGHT).play()
    page.view.set_mode("wipe")
    before = page.runs.canvas.picture_rects()[0].height()
    QTest.mouseClick(page.view.head.results, Qt.MouseButton.LeftButton)
    QApplication.processEvents()
    assert not page.runs.results.isVisible()
    assert page.runs.canvas.picture_rects()[0].height() > before
    QTest.mouseClick(page.view.head.setup, Qt.MouseButton.LeftButton)
    QTest.mouseClick(page.view.head.results, Qt.MouseButton.LeftButton)
    assert page.runs.results.isVisible()
    assert not page.view.setup.isVisible()


# ------------------------------------------------------------------------------------------------------------ saving
def test_the_shown_comparison_is_saved_as_one_labelled_picture(
    qtbot: QtBot, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Compared(page.model, FOUR, EIGHT).play()
    asked: list[str] = []

    def answer(parent: object, title: str, suggested: str, kinds: str) -> tuple[str, str]:
        asked.append(suggested)
        return str(tmp_path / "sheet"), kinds

    monkeypatch.setattr("studio.ui.jobs.sheet_writer.QFileDialog.getSaveFileName", answer)
    QTest.mouseClick(page.view.head.save, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(page.notices))
    assert asked[0].endswith("a-fox.png")
    assert [notice.kind for notice in page.notices] == ["info"]
    assert str(tmp_path / "sheet.png") in page.notices[0].sentence
    image = QImage(str(tmp_path / "sheet.png"))
    assert image.width() > 2 * MIN_SIDE
    assert image.height() > MIN_SIDE


def test_a_sheet_that_cannot_be_saved_or_is_not_wanted(
    qtbot: QtBot, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Compared(page.model, FOUR, EIGHT).play()
    (tmp_path / "file").write_text("in the way")
    answers = iter(["", str(tmp_path / "file" / "sheet.png")])
    monkeypatch.setattr(
        "studio.ui.jobs.sheet_writer.QFileDialog.getSaveFileName", lambda *_: (next(answers), "")
    )
    QTest.mouseClick(page.view.head.save, Qt.MouseButton.LeftButton)
    assert page.notices == []
    QTest.mouseClick(page.view.head.save, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(page.notices))
    assert page.notices[0].kind != "info"


# ------------------------------------------------------------------------------------------------------------- keys
@pytest.mark.parametrize(
    ("key", "mode"),
    [
        (Qt.Key.Key_W, "wipe"),
        (Qt.Key.Key_B, "blink"),
        (Qt.Key.Key_D, "difference"),
        (Qt.Key.Key_T, "tile"),
        (Qt.Key.Key_S, "side"),
    ],
)
def test_a_key_changes_the_layout_wherever_the_focus_is(page: Page, key: Qt.Key, mode: str) -> None:
    page.press(key)
    assert page.mode == "side"  # before there is a comparison
    Compared(page.model, FOUR, EIGHT).play()
    page.press(Qt.Key.Key_T)
    page.press(key, page.runs.scrubber)
    assert page.mode == mode
    assert page.runs.bar.turn.isVisible() == (mode == "wipe")
    assert page.runs.bar.gain.isVisible() == (mode == "difference")
    assert page.runs.bar.base.isVisible() == (mode in ("wipe", "blink", "difference"))
    assert page.runs.results.isVisible() == (mode != "tile" and not page.view.setup.isVisible())


def test_holding_b_shows_a(page: Page) -> None:
    Compared(page.model, FOUR, EIGHT).play()
    QTest.keyPress(page.runs.canvas, Qt.Key.Key_B)
    assert page.runs.canvas.peeking
    QTest.keyRelease(page.runs.canvas, Qt.Key.Key_B)
    assert not page.runs.canvas.peeking
    assert page.mode == "blink"


def test_comma_and_period_move_the_line(page: Page) -> None:
    Compared(page.model, FOUR, EIGHT).play()
    page.press(Qt.Key.Key_Period)
    assert page.runs.canvas.wipe == pytest.approx(0.55)
    for _ in range(12):
        page.press(Qt.Key.Key_Comma)
    assert page.runs.canvas.wipe == 0.0


def test_x_turns_and_z_scales_and_arrows_move_the_candidate(page: Page) -> None:
    Compared(page.model, FOUR, EIGHT, FOUR).play()
    page.press(Qt.Key.Key_X)
    assert page.runs.canvas.turned
    page.press(Qt.Key.Key_Z)
    assert not page.runs.canvas.viewport.is_fit
    page.press(Qt.Key.Key_Down)
    assert (page.model.base, page.model.candidate) == (0, 2)
    page.press(Qt.Key.Key_Up)
    assert page.runs.canvas.candidate == 1


def test_a_clicked_pane_becomes_b_and_with_shift_a(page: Page) -> None:
    Compared(page.model, FOUR, EIGHT, FOUR).play()
    page.runs.canvas.chosen.emit(2, False)
    assert (page.model.base, page.model.candidate) == (0, 2)
    page.runs.canvas.chosen.emit(2, True)
    assert (page.model.base, page.model.candidate) == (2, 0)
    page.runs.canvas.chosen.emit(2, False)
    assert (page.model.base, page.model.candidate) == (0, 2)


def test_the_pair_is_chosen_by_name(page: Page) -> None:
    Compared(page.model, FOUR, EIGHT, FOUR).play()
    bar = page.runs.bar
    bar.candidate.edited.emit("2")
    bar.base.edited.emit("1")
    assert (page.model.base, page.model.candidate) == (1, 2)
    assert (bar.base.value, bar.candidate.value) == ("1", "2")
    bar.gain.edited.emit("5")
    assert page.runs.canvas.gain == 5


def test_everything_that_takes_the_focus_has_a_name(page: Page) -> None:
    Compared(page.model, FOUR, EIGHT).play()
    for widget in page.view.findChildren(QWidget):
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisible() and not widget.focusProxy():
            named = widget.accessibleName() or (isinstance(widget, QAbstractButton) and widget.text())
            assert named, type(widget).__name__
