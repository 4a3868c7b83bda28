"""The page of trainings in the whole window, around a scripted engine: what an artist does, and what comes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget

from studio.engine.training.resumable import TrainingNote, folder_of
from studio.ui.shell.main_window import SMALLEST
from studio.ui.train import text
from studio.ui.train.data import FoundRole
from studio.ui.train.page import TrainPage
from tests.ui.cards import STARTER, installed, show_models
from tests.ui.fakes import Forming, Gate, Lockstep, drop
from tests.ui.teaching import Teaching, to_train

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.ui.program import MakeProgram, OpenProgram


class Hand:
    """An open program at the page of trainings.

    Attributes:
        sentences: the notices that were posted.
    """

    def __init__(self, program: OpenProgram) -> None:
        self._program, self.engine = program, program.engine
        self.program, self.window, self.models = program.program, program.window, program.models
        self.press(Qt.Key.Key_5, Qt.KeyboardModifier.ControlModifier)
        page = self.window.pages.currentWidget()
        assert isinstance(page, TrainPage)
        self.page = page
        self.models.train.form.edit(steps=6)

    @property
    def sentences(self) -> list[str]:
        return [notice.sentence for notice in self._program.notices]

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        self._program.press(key, modifier)

    def click(self, widget: QWidget) -> None:
        assert widget.isVisible()
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)

    def wait(self, true: Callable[[], object]) -> None:
        self._program.wait(true)

    def wait_read(self) -> None:
        self.wait(lambda: not self.models.train.folder.reading)

    def wait_over(self) -> None:
        self.wait(lambda: self.models.train.run.training is not None and self.models.train.run.over)


@pytest.fixture
def hand(make_program: MakeProgram, tmp_path: Path) -> Hand:
    return Hand(make_program(home=tmp_path / "home"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "Foxes"
    folder.mkdir()
    for number, colour in enumerate(("red", "orange", "brown", "white", "grey")):
        Image.new("RGB", (32, 24), colour).save(folder / f"a {colour} fox.png")
        (folder / f"broken {number}.jpg").write_bytes(b"nothing")
    return folder


@pytest.fixture
def chosen(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Answer the question for a folder."""
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(pictures))
    return pictures


# ----------------------------------------------------------------------------------------------------------- two clicks
def test_two_clicks_lead_from_a_folder_to_training(hand: Hand, chosen: Path) -> None:
    page = hand.page
    assert not page.form.train.isEnabled()
    hand.click(page.choose)
    hand.wait_read()
    assert page.pictures.isVisible()
    assert hand.models.train.folder.count == 5
    hand.click(page.form.train)
    hand.wait_over()
    (lesson,) = hand.engine.lessons
    assert (lesson.request.source, lesson.request.name) == (str(chosen), "foxes")
    assert page.progress.isVisible()
    run = hand.models.train.run
    assert run.phase == "done"
    assert page.progress.title.text() == text.running_title(run)
    assert run.started is not None
    assert page.progress.facts.text() == text.data(run.started)


def test_a_double_click_starts_one_training(hand: Hand, chosen: Path) -> None:
    hand.click(hand.page.choose)
    hand.wait_read()
    for _ in range(2):
        hand.click(hand.page.form.train)
    hand.wait_over()
    assert len(hand.engine.lessons) == 1


def test_the_keyboard_does_it_as_well(hand: Hand, chosen: Path) -> None:
    focus = QApplication.focusWidget()
    assert focus is hand.page.form.choose
    hand.press(Qt.Key.Key_Space)
    hand.wait_read()
    hand.press(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    hand.wait_over()
    assert hand.engine.lessons[0].request.source == str(chosen)


def test_a_folder_that_is_dropped_is_chosen_and_a_picture_dissolves(hand: Hand, pictures: Path) -> None:
    drop(hand.page, pictures)
    hand.wait(lambda: hand.models.train.form.from_folder == pictures)
    hand.wait_read()
    drop(hand.page, pictures / "a red fox.png")
    hand.wait(hand.page.noise.isVisible)
    hand.wait(lambda: hand.models.train.forward.size)
    assert hand.models.train.forward.path == pictures / "a red fox.png"


# ------------------------------------------------------------------------------------------------------- the pictures
def test_pictures_are_shown_with_captions_and_unusable_files_with_reasons(hand: Hand, pictures: Path) -> None:
    hand.page.learn_from(pictures)
    hand.wait_read()
    view = hand.page.pictures
    assert view.grid.model().index(0, 0).data() == "a brown fox"
    assert view.more.header.text() == text.refused(5)
    assert view.refused.model().rowCount() == 5
    assert hand.page.form.found.text() == text.pictures_found(hand.models.train.folder)
    side = round(view.grid.side() * view.grid.devicePixelRatioF())
    path = view.grid.model().index(0, 0).data(FoundRole).path
    hand.wait(lambda: hand.models.train.tiles.has(path, side))


def test_a_folder_without_pictures_says_so_at_the_source_and_cannot_be_trained(
    hand: Hand, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    hand.page.learn_from(tmp_path / "empty")
    hand.wait_read()
    assert hand.page.form.source_fault.text() == text.no_usable_picture()
    assert hand.page.empty.isVisible()  # the button to choose another is at hand
    assert not hand.page.form.train.isEnabled()
    hand.page.start()
    assert hand.engine.lessons == []
    assert len(hand.sentences) == 1


def test_only_the_visible_thumbnails_of_very_many_are_made(
    hand: Hand, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.training.data import inspect  # noqa: PLC0415

    (found,) = [one for one in inspect.inspect_folder(pictures) if one.path.name == "a red fox.png"]
    monkeypatch.setattr(inspect, "inspect_folder", lambda *_: iter([found] * 20_000))
    hand.page.learn_from(pictures)
    hand.wait_read()
    grid = hand.page.pictures.grid
    assert grid.model().rowCount() == 20_000
    assert 0 < len(grid.in_sight()) < 200
    grid.scrollToBottom()
    assert 0 < len(grid.in_sight()) < 200


@pytest.mark.layout
def test_the_tiles_fill_the_width_of_the_page(
    hand: Hand, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.training.data import inspect  # noqa: PLC0415

    found = list(inspect.inspect_folder(pictures))
    monkeypatch.setattr(inspect, "inspect_folder", lambda *_: iter(found[:1] * 40))
    hand.page.learn_from(pictures)
    hand.wait_read()
    grid = hand.page.pictures.grid
    for width in range(980, 1100, 20):
        hand.window.resize(width, 700)
        QApplication.processEvents()
        hand.wait(lambda: grid.visualRect(grid.model().index(39, 0)).isValid())
        right = max(grid.visualRect(grid.model().index(row, 0)).right() for row in range(40))
        assert grid.viewport().width() - right < grid.gridSize().width() / 2


# ------------------------------------------------------------------------------------------------------------ the form
def test_an_error_is_shown_at_its_field(hand: Hand, pictures: Path) -> None:
    hand.page.learn_from(pictures)
    hand.wait_read()
    rows = hand.page.form.rows
    rows.name.line.setFocus()
    rows.name.line.selectAll()
    QTest.keyClicks(rows.name.line, "My Foxes!")
    assert rows.faults["name"].isVisible()
    assert rows.faults["name"].text() == hand.models.train.form.faults["name"]
    assert not hand.page.form.train.isEnabled()


def test_undo_reverts_edits_of_this_form(hand: Hand, pictures: Path) -> None:
    hand.page.learn_from(pictures)
    hand.wait_read()
    prompt = hand.models.form.values.prompt
    hand.page.form.rows.steps.edited.emit(500.0)
    assert hand.models.train.form.values.steps == 500
    hand.page.form.train.setFocus()
    hand.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert hand.models.train.form.values.steps == 6
    hand.press(Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    assert hand.models.train.form.values.steps == 500
    assert hand.models.form.values.prompt == prompt


def test_what_eps_cannot_start_from_is_said_beside_the_choice(hand: Hand) -> None:
    rows = hand.page.form.rows
    rows.schedule.edited.emit("cosine")
    rows.latents.edited.emit("latents")
    for prediction, said in (("eps", True), ("v", False), ("eps", True)):
        rows.prediction.edited.emit(prediction)
        assert bool(rows.prediction_note.text()) == said
        assert rows.prediction_note.isHidden() != said
    rows.schedule.edited.emit("linear")
    assert not rows.prediction_note.text()


def test_every_setting_can_be_edited(hand: Hand) -> None:
    rows, form = hand.page.form.rows, hand.models.train.form
    rows.size_field.edited.emit("96")
    rows.backbone.edited.emit("dit")
    rows.scale.edited.emit("large")
    rows.schedule.edited.emit("linear")
    rows.prediction.edited.emit("eps")
    rows.latents.edited.emit("pixels")
    rows.min_snr.edited.emit("5")
    rows.batch.edited.emit(16.0)
    rows.learning_rate.edited.emit(0.0005)
    rows.dropout.edited.emit(20.0)
    request = form.values
    assert (request.size, request.backbone, request.scale) == (96, "dit", "large")
    assert (request.schedule, request.prediction, request.latents) == ("linear", "eps", False)
    assert (request.min_snr, request.batch, request.learning_rate, request.dropout) == (5.0, 16, 0.0005, 0.2)
    assert rows.min_snr.value == "5"
    rows.base.edited.emit("starter")
    assert form.values.base == "starter"
    assert not rows.backbone.isEnabled()
    rows.base.edited.emit("new")
    assert rows.backbone.isEnabled()


def test_costs_are_estimated_while_the_device_is_idle(hand: Hand, pictures: Path) -> None:
    hand.page.learn_from(pictures)
    hand.wait_read()
    hand.wait(lambda: hand.engine.rehearsed)
    assert hand.engine.rehearsed[0].name == "foxes"
    form = hand.models.train.form
    assert hand.page.form.cost.text() == text.cost(form.estimate(), measuring=True)


def test_the_pictograms_need_no_folder(hand: Hand) -> None:
    hand.click(hand.page.form.pictograms)
    assert hand.page.drawn.isVisible()
    hand.click(hand.page.form.train)
    hand.wait_over()
    assert hand.engine.lessons[0].request.source == "pictograms"


# ------------------------------------------------------------------------------------------------------- the training
def begun(hand: Hand, pictures: Path, **at: Gate) -> None:
    hand.engine.teaching = (Teaching(at={int(name[1:]): gate for name, gate in at.items()}),)
    hand.page.learn_from(pictures)
    hand.wait_read()
    hand.click(hand.page.form.train)


def test_it_is_paused_and_resumed_and_says_so(hand: Hand, pictures: Path) -> None:
    gate = Gate()
    begun(hand, pictures, _3=gate)
    progress = hand.page.progress
    hand.wait(gate.reached.is_set)
    run = hand.models.train.run
    hand.wait(lambda: run.newest is not None and progress.title.text() == text.running_title(run))
    hand.click(progress.pause)
    assert run.paused
    assert progress.title.text() == text.running_title(run)
    assert progress.pause.text() == text.pause_button(paused=True)
    gate.open()
    hand.press(Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    assert progress.pause.text() == text.pause_button(paused=False)
    hand.wait_over()


def test_a_picture_is_made_in_the_middle_and_the_page_says_so(hand: Hand, pictures: Path) -> None:
    gate, picture = Gate(), Gate()
    hand.engine.scripts = (Forming(at={(0, 2): picture}),)
    begun(hand, pictures, _3=gate)
    hand.wait(gate.reached.is_set)
    hand.press(Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    hand.press(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    gate.open()
    hand.wait(picture.reached.is_set)
    hand.wait(lambda: hand.models.train.run.suspended)
    title = text.running_title(hand.models.train.run)
    assert hand.page.progress.title.text() == title
    assert title in hand.window.status.training.text()
    hand.click(hand.window.status.training)
    assert hand.page.progress.isVisible()
    picture.open()
    hand.wait_over()
    hand.wait(lambda: hand.models.queue.rowCount() == 0)
    assert not hand.window.status.training.isVisible()


def test_escape_stops_the_picture_and_never_the_training(hand: Hand, pictures: Path) -> None:
    gate, picture = Gate(), Gate()
    hand.engine.scripts = (Forming(at={(0, 2): picture}),)
    begun(hand, pictures, _3=gate)
    hand.wait(gate.reached.is_set)
    hand.press(Qt.Key.Key_Escape)
    hand.window.pages.open("create")
    hand.window.generate()
    hand.window.pages.open("train")
    gate.open()
    hand.wait(picture.reached.is_set)
    hand.press(Qt.Key.Key_Escape)
    picture.open()
    hand.wait_over()
    assert hand.engine.takes[0].cancelled.is_set()
    assert hand.models.train.run.phase == "done"


def test_a_second_training_is_queued_and_can_be_removed(hand: Hand, pictures: Path) -> None:
    gate = Gate()
    begun(hand, pictures, _3=gate)
    hand.wait(gate.reached.is_set)
    assert hand.page.form.train.text() == text.train_button(waits=True)
    hand.click(hand.page.form.pictograms)
    hand.click(hand.page.form.train)
    waiting = hand.page.progress.waiting
    assert waiting.isVisible()
    hand.wait(waiting.rows[0].remove.isVisible)
    hand.click(waiting.rows[0].remove)
    assert not waiting.isVisible()
    gate.open()
    hand.wait_over()
    assert len(hand.engine.lessons) == 1


def test_a_stopped_training_is_resumed_from_the_page(hand: Hand, pictures: Path) -> None:
    gate = Gate()
    begun(hand, pictures, _3=gate)
    hand.wait(gate.reached.is_set)
    hand.wait(hand.page.progress.stop.isEnabled)
    hand.click(hand.page.progress.stop)
    run = hand.models.train.run
    assert run.phase == "stopping"
    assert hand.page.progress.title.text() == text.running_title(run)
    gate.open()
    hand.wait_over()
    assert run.phase == "stopped"
    assert hand.page.progress.title.text() == text.running_title(run)
    hand.page.progress.resume.setFocus()
    hand.press(Qt.Key.Key_Space)
    focus = QApplication.focusWidget()
    assert focus is not None
    assert hand.page.progress.isAncestorOf(focus), "the focus left the page when Resume disappeared"
    hand.wait(lambda: hand.models.train.run.phase == "done")
    first, second = hand.engine.lessons
    assert first.request == second.request


def test_an_unfinished_training_of_another_day_is_listed_with_resume(
    hand: Hand,
) -> None:
    request = to_train(name="hens", title="Hens")
    note = TrainingNote(request=request, stage="backbone", step=1200, steps=4000, when=1e9)
    note.write(folder_of("hens", hand.models.folders))
    hand.window.pages.open("create")
    hand.window.pages.open("train")
    hand.wait(lambda: hand.page.form.resumables.rows)
    (row,) = hand.page.form.resumables.rows
    hand.wait(row.resume.isVisible)
    assert row.resume.accessibleName() == text.resume_name("hens")
    row.resume.setFocus()
    hand.press(Qt.Key.Key_Space)
    focus = QApplication.focusWidget()
    assert focus is not None
    assert hand.page.progress.isAncestorOf(focus), "the focus left the page when Resume disappeared"
    hand.wait_over()
    assert hand.engine.lessons[0].request == request


# --------------------------------------------------------------------------------------------- samples and checkpoints
def caption(hand: Hand, column: int, row: int) -> str:
    return text.sample_caption(hand.models.train.run.samples[column], row)


def test_the_samples_are_a_strip_and_one_opens_large_with_its_neighbours(hand: Hand, pictures: Path) -> None:
    begun(hand, pictures)
    hand.wait_over()
    progress = hand.page.progress
    strip = progress.strip
    place = strip.rect_of(1, 2).center()
    QTest.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert progress.is_large
    assert progress.large.title.text() == "two foxes"
    assert progress.large.caption.text() == caption(hand, 1, 2)
    hand.press(Qt.Key.Key_Right)
    hand.press(Qt.Key.Key_Up)
    assert progress.large.title.text() == "a hen"
    assert progress.large.caption.text() == caption(hand, 2, 1)
    for _ in range(5):
        hand.press(Qt.Key.Key_Left)
    assert progress.large.caption.text() == caption(hand, 0, 1)
    assert progress.large.original.isVisible()
    hand.press(Qt.Key.Key_Escape)
    assert not progress.is_large
    assert QApplication.focusWidget() is strip
    hand.press(Qt.Key.Key_End)
    hand.press(Qt.Key.Key_Return)
    assert progress.large.caption.text() == caption(hand, len(hand.models.train.run.samples) - 1, 1)


def test_the_curves_follow_the_losses(hand: Hand, pictures: Path) -> None:
    begun(hand, pictures)
    hand.wait_over()
    losses = hand.page.progress.losses
    hand.wait(lambda: len(losses.loss.lines) == 2)
    assert losses.loss.accessibleName() == text.loss_title("backbone")
    assert [line.name for line in losses.bands.lines] == list(reversed(text.noise_bands()))
    assert len(losses.loss.lines[1].points) == 6


def test_an_impossible_training_is_reported_on_the_page(hand: Hand, pictures: Path) -> None:
    from studio.errors import StorageError  # noqa: PLC0415

    hand.engine.teaching = (Teaching(at={2: StorageError("/states", "cannot be written")}),)
    hand.page.learn_from(pictures)
    hand.wait_read()
    hand.click(hand.page.form.train)
    hand.wait_over()
    assert hand.models.train.run.phase == "failed"
    assert hand.page.progress.title.text() == text.running_title(hand.models.train.run)
    assert hand.page.progress.caption.text() == text.running_caption(hand.models.train.run)
    assert hand.page.progress.resume.isVisible()


def trained(hand: Hand, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train, with checkpoints that the list of models knows."""
    cards = [replace(STARTER, name=f"foxes-{step}") for step in (2, 4, 6)]
    show_models(monkeypatch, *map(installed, (STARTER, *cards)))
    begun(hand, pictures)
    hand.wait_over()
    hand.wait(hand.page.progress.use.isEnabled)  # once the list of models was read again


def test_checkpoints_are_compared_on_the_page_of_comparisons(
    hand: Hand, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(hand, pictures, monkeypatch)
    hand.engine.scripts = (Lockstep(),)
    assert hand.page.progress.saved_models == ("foxes-2", "foxes-4", "foxes-6")
    hand.click(hand.page.progress.compare)
    assert hand.window.pages.is_comparing
    hand.wait(lambda: hand.models.queue.rowCount() == 0)
    take = hand.engine.takes[0]  # others may follow, that say how far batching took it
    assert [run.model for run in take.runs] == ["foxes-2", "foxes-4", "foxes-6"]
    assert {run.prompt for run in take.runs} == {"a fox"}


def test_a_sheet_of_checkpoints_is_saved(
    hand: Hand, pictures: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trained(hand, pictures, monkeypatch)
    hand.engine.scripts = (Lockstep(),)
    path = tmp_path / "sheet.png"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    hand.click(hand.page.progress.sheet)
    hand.wait(path.exists)
    hand.wait(lambda: any(str(path) in sentence for sentence in hand.sentences))
    assert hand.page.progress.isVisible()


def test_the_newest_checkpoint_is_offered_to_the_form_of_pictures(
    hand: Hand, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(hand, pictures, monkeypatch)
    names = [model.name for model in hand.models.catalog.models]
    assert names == ["starter", "foxes-2", "foxes-4", "foxes-6"]
    hand.click(hand.page.progress.use)
    assert hand.window.pages.currentWidget() is hand.window.pages.create_page
    assert hand.models.form.values.model == "foxes-6"


# ---------------------------------------------------------------------------------------------------- the forward side
def test_a_picture_of_the_folder_dissolves_as_the_slider_moves(hand: Hand, pictures: Path) -> None:
    hand.page.learn_from(pictures)
    hand.wait_read()
    hand.page.parts.segments["noise"].click()
    noise, model = hand.page.noise, hand.models.train.forward
    hand.wait(lambda: model.size)
    assert noise.title.text() == "a brown fox.png"
    noise.slider.edited.emit(900.0)
    assert model.t == 900
    assert noise.panes["linear"].figures.text()
    assert noise.panes["linear"].figures.text() != noise.panes["cosine"].figures.text()
    before = noise.panes["cosine"].picture.image
    hand.click(noise.roll)
    assert noise.panes["cosine"].picture.image != before
    times = []
    for share in (0.3, 0.5, 0.7):
        place = QPoint(round(share * noise.shares.width()), noise.shares.height() // 2)
        QTest.mouseClick(noise.shares, Qt.MouseButton.LeftButton, pos=place)
        times.append(model.t)
    assert times == sorted(set(times))
    assert 300 < times[1] < 700


@pytest.mark.layout
def test_the_figures_and_hints_are_whole_in_the_smallest_window(hand: Hand, pictures: Path) -> None:
    hand.window.setMinimumSize(*SMALLEST)
    hand.window.resize(*SMALLEST)
    hand.page.learn_from(pictures)
    hand.wait_read()
    hand.page.parts.segments["noise"].click()
    hand.wait(lambda: hand.models.train.forward.size)
    figures = [pane.figures for pane in hand.page.noise.panes.values()]
    assert all(label.text() for label in figures)
    begun(hand, pictures)
    hand.wait_over()
    for label in (*figures, hand.page.progress.checkpoints):
        assert label.heightForWidth(label.width()) <= label.height()


def test_every_control_of_the_page_is_reached_by_tab_and_has_a_name(hand: Hand, pictures: Path) -> None:
    hand.page.learn_from(pictures)
    hand.wait_read()
    hand.page.form.rows.more.set_open(True)
    reached: list[QWidget] = []
    for _ in range(80):
        focus = QApplication.focusWidget()
        assert focus is not None
        if focus in reached:
            break
        reached.append(focus)
        hand.press(Qt.Key.Key_Tab)
    rows, page = hand.page.form.rows, hand.page
    wanted = [page.form.choose, page.form.pictograms, rows.name.line, rows.base.box, rows.learning_rate.field]
    assert all(widget in reached for widget in [*wanted, page.form.train, page.pictures.grid])
    assert all(widget.accessibleName() or getattr(widget, "text", str)() for widget in reached)
