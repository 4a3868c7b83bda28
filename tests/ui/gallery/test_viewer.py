from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAccessible, QDrag, QGuiApplication, QImage, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QScrollArea, QWidget

from studio.gallery import images as pixels
from studio.gallery.index import Entry
from studio.gallery.metadata import Origin
from studio.ui.gallery import text
from studio.ui.gallery.viewer_panel import long_facts, short_facts
from studio.ui.jobs.picture_menu import PictureMenu, SaveMenu
from studio.ui.jobs.text import no_prompt, spacing_title
from tests.gallery.samples import metadata
from tests.ui.cards import STARTER, installed, show_models
from tests.ui.pictures import Gallery, live, make_gallery, read, show_page

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from studio.ui.gallery.viewer import Viewer
    from tests.ui.program import MakeModels, OpenPage

Key = Qt.Key
NASTY = '<img src="/dev/zero"><h1>huge</h1> & more'


@pytest.fixture
def gallery(
    make_models: MakeModels,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Gallery:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    made = make_gallery(make_models(home=tmp_path), getattr(request, "param", ["one", "two", "three"]))
    read(made, qtbot)
    return made


@pytest.fixture
def page(gallery: Gallery, qtbot: QtBot) -> OpenPage:
    return show_page(gallery, "large", qtbot, (900, 700))


@pytest.fixture
def view(page: OpenPage) -> Viewer:
    return page.widget


def shown(view: Viewer) -> list[str]:
    """Every text beside the picture and above it."""
    return [label.text() for label in view.findChildren(QLabel) if label.isVisible()]


def panel(view: Viewer) -> QScrollArea:
    """The settings beside the picture."""
    return view.findChild(QScrollArea)


def left_and_top(widget: QWidget, view: Viewer) -> tuple[int, int]:
    point = widget.mapTo(view, QPoint())
    return point.x(), point.y()


def model_title(gallery: Gallery) -> str:
    card = gallery.models.catalog.card("starter")
    return "starter" if card is None else card.title


def open_row(view: Viewer, gallery: Gallery, qtbot: QtBot, row: int) -> None:
    view.show_entry(gallery.model.entry_at(row))
    qtbot.waitUntil(lambda: view.picture.image is not None)


def prompt(view: Viewer) -> object:
    return view.entry.metadata.request["prompt"] if view.entry is not None else None


# ---------------------------------------------------------------------------------------------------------- showing
def test_a_picture_is_shown_whole_beside_how_it_was_made(
    view: Viewer, gallery: Gallery, qtbot: QtBot
) -> None:
    open_row(view, gallery, qtbot, 1)
    assert view.picture.image is not None
    assert (view.picture.image.width(), view.picture.image.height()) == (19, 16)
    assert text.position(1, 3) in (texts := shown(view))
    told = [
        *(
            "two",
            "blur, noise",
            model_title(gallery),
            "DDIM",
            "0.25",
            "30",
            spacing_title("trailing"),
            "4",
            "1",
            "19 × 16",
            "60",
            "1.2 s",
        ),
        *("cpu, float32", "000002-1-two.png"),
    ]
    assert [fact for fact in told if fact not in texts] == []
    assert view.accessibleName() == text.viewer_name("two")


def test_any_metadata_of_a_file_are_shown_or_left_out() -> None:
    strange = {
        "prompt": 7,
        "negative": None,
        "sampler": "of tomorrow",
        "steps": "many",
        "options": {"flux": True, "k": 2},
    }
    entry = Entry(path=Path("/x.png"), width=8, height=8, metadata=metadata(request=strange))
    assert [fact.value for fact in long_facts(entry)] == [no_prompt()]
    facts = {fact.label: fact.value for fact in short_facts(entry)}
    assert facts["Sampler"] == "of tomorrow"
    assert facts["k"] == "2"
    assert not {"Steps", "Guidance", "Spacing"} & facts.keys()


@pytest.mark.parametrize("kind", ["step", "fork"])
def test_a_picture_of_a_step_and_a_fork_say_which_run_they_come_from(
    view: Viewer, gallery: Gallery, qtbot: QtBot, kind: Literal["step", "fork"]
) -> None:
    run = "20261101-120000-abcdef"
    origin = Origin(run=run, step=14, of=30, kind=kind)
    gallery.store.add(np.zeros((8, 8, 3), np.uint8), replace(metadata("kept"), origin=origin))
    read(gallery, qtbot)
    open_row(view, gallery, qtbot, 0)
    assert text.origin(origin) in shown(view)
    assert run in shown(view)


def test_a_picture_of_a_whole_run_names_no_other_run(view: Viewer, gallery: Gallery, qtbot: QtBot) -> None:
    open_row(view, gallery, qtbot, 0)
    assert "Origin" not in shown(view)


def test_the_model_has_the_title_that_the_form_shows(
    view: Viewer, gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = gallery.models.catalog
    show_models(monkeypatch)
    catalog.reload()
    qtbot.waitUntil(lambda: not catalog.models)
    open_row(view, gallery, qtbot, 0)
    assert view.entry is not None
    assert view.entry.metadata.model in shown(view)  # no such model is installed
    card = replace(STARTER, name=view.entry.metadata.model, title="Pictograms, U-Net")
    show_models(monkeypatch, installed(card))
    catalog.reload()
    qtbot.waitUntil(lambda: "Pictograms, U-Net" in shown(view))
    assert view.entry.metadata.model not in shown(view)


@pytest.mark.parametrize("gallery", [[NASTY]], indirect=True)
def test_html_in_a_prompt_is_shown_as_text(view: Viewer, gallery: Gallery, qtbot: QtBot) -> None:
    open_row(view, gallery, qtbot, 0)
    assert NASTY in shown(view)
    for label in view.findChildren(QLabel):
        assert label.textFormat() == Qt.TextFormat.PlainText
    for child in view.findChildren(QWidget):
        assert "<img" not in child.toolTip()


@pytest.mark.layout
@pytest.mark.parametrize("gallery", [["x" * 2000]], indirect=True)
def test_a_very_long_word_does_not_widen_the_panel(view: Viewer, gallery: Gallery, qtbot: QtBot) -> None:
    open_row(view, gallery, qtbot, 0)
    wide = panel(view).width()
    assert panel(view).horizontalScrollBar().maximum() == 0
    assert panel(view).widget().width() <= wide
    gallery.store.add(pixels.read_pixels(gallery.model.entry_at(0).path), metadata("short"))
    read(gallery, qtbot)
    open_row(view, gallery, qtbot, 0)
    assert panel(view).width() == wide


def test_a_picture_whose_file_was_removed_is_reported_in_one_sentence(
    view: Viewer, gallery: Gallery, qtbot: QtBot
) -> None:
    open_row(view, gallery, qtbot, 0)
    gallery.model.entry_at(1).path.unlink()
    view.show_entry(gallery.model.entry_at(1))
    qtbot.waitUntil(lambda: view.picture.image is None)
    path = gallery.model.entry_at(1).path
    assert any(str(path) in said for said in shown(view))
    open_row(view, gallery, qtbot, 0)
    assert not any(str(path) in said for said in shown(view))


def test_a_picture_that_was_read_too_late_is_not_shown(view: Viewer, gallery: Gallery, qtbot: QtBot) -> None:
    gallery.store.add(np.zeros((8, 40, 3), np.uint8), metadata("wide"))
    read(gallery, qtbot)
    second = gallery.model.entry_at(1)
    assert second is not None
    view.show_entry(gallery.model.entry_at(0))
    view.show_entry(gallery.model.entry_at(1))
    qtbot.waitUntil(lambda: view.picture.image is not None)
    done: list[int] = []
    gallery.model.background_reads.do(lambda: 1, done.append, done.append)
    qtbot.waitUntil(lambda: done == [1])
    assert view.picture.image is not None
    assert view.picture.image.width() == second.width < 40


# -------------------------------------------------------------------------------------------------------- neighbours
def test_left_and_right_go_to_the_neighbours_and_stop_at_the_ends(
    view: Viewer, page: OpenPage, gallery: Gallery, qtbot: QtBot
) -> None:
    gallery.model.set_live(live())
    open_row(view, gallery, qtbot, 1)
    assert prompt(view) == "three"
    seen = []
    for key in (Key.Key_Left, Key.Key_Right, Key.Key_Right, Key.Key_Right, Key.Key_Left):
        QTest.keyClick(view, key)
        (place,) = (place for place in range(3) if text.position(place, 3) in shown(view))
        seen.append((prompt(view), place))
    assert seen == [("three", 0), ("two", 1), ("one", 2), ("one", 2), ("two", 1)]
    assert page.control("Newer picture").isEnabled()
    page.click("Newer picture")
    assert prompt(view) == "three"
    assert not page.control("Newer picture").isEnabled()


def test_a_neighbour_that_was_not_read_yet_is_waited_for(
    view: Viewer, gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.ui.gallery.reading.FIRST_ENTRIES", 1)
    gallery.add("four")
    gallery.add("five")
    with qtbot.waitSignal(gallery.model.state_changed):
        gallery.model.reload()
    open_row(view, gallery, qtbot, 0)
    QTest.keyClick(view, Key.Key_Right)
    assert prompt(view) == "five"
    qtbot.waitUntil(lambda: prompt(view) == "four")


def test_new_pictures_do_not_change_the_one_that_is_shown(
    view: Viewer, gallery: Gallery, qtbot: QtBot
) -> None:
    open_row(view, gallery, qtbot, 0)
    gallery.model.set_live(live())
    gallery.model.add(gallery.add("four"))
    assert prompt(view) == "three"
    assert text.position(1, 4) in shown(view)


def test_the_views_around_are_notified_of_the_shown_picture(
    view: Viewer, gallery: Gallery, qtbot: QtBot
) -> None:
    open_row(view, gallery, qtbot, 0)
    with qtbot.waitSignal(view.shown) as told:
        QTest.keyClick(view, Key.Key_Right)
    assert told.args == [gallery.model.entry_at(1)]


# ------------------------------------------------------------------------------------------------------------ trash
def test_after_a_picture_is_deleted_the_next_is_shown_and_after_the_last_none(
    view: Viewer, page: OpenPage, gallery: Gallery, qtbot: QtBot
) -> None:
    open_row(view, gallery, qtbot, 1)
    QTest.keyClick(view, Key.Key_Delete)
    qtbot.waitUntil(lambda: prompt(view) == "one")
    assert text.position(1, 2) in shown(view)
    page.click("Move to the trash")
    qtbot.waitUntil(lambda: prompt(view) == "three")
    with qtbot.waitSignal(view.closed):
        QTest.keyClick(view, Key.Key_Delete)
    assert view.entry is None
    QTest.keyClick(view, Key.Key_Delete)
    QTest.keyClick(view, Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert len(gallery.told) == 3


def test_a_picture_that_a_search_leaves_out_stays_until_it_is_left(
    view: Viewer, gallery: Gallery, qtbot: QtBot
) -> None:
    open_row(view, gallery, qtbot, 0)
    with qtbot.waitSignal(gallery.model.modelReset):
        gallery.model.search("one")
    assert prompt(view) == "three"
    assert not [place for place in range(3) if text.position(place, 3) in shown(view)]
    with qtbot.waitSignal(gallery.model.modelReset):
        gallery.model.search("")
    assert text.position(0, 3) in shown(view)
    with qtbot.waitSignal(gallery.model.modelReset):
        gallery.model.search("one")
    with qtbot.waitSignal(view.closed):
        QTest.keyClick(view, Key.Key_Delete)
    assert [entry.metadata.request["prompt"] for entry in gallery.store.catalogue.entries()] == ["two", "one"]


def test_a_picture_removed_by_another_program_is_replaced_by_the_next(
    view: Viewer, gallery: Gallery, qtbot: QtBot
) -> None:
    open_row(view, gallery, qtbot, 0)
    gallery.store.catalogue.remove([gallery.model.entry_at(0)])
    gallery.model.reload()
    qtbot.waitUntil(lambda: prompt(view) == "two")


# ---------------------------------------------------------------------------------------------------------- actions
def test_one_button_gives_the_settings_back(
    view: Viewer, page: OpenPage, gallery: Gallery, qtbot: QtBot
) -> None:
    open_row(view, gallery, qtbot, 1)
    with qtbot.waitSignal(gallery.intents.use_settings) as asked:
        page.click("Use these settings")
    assert asked.args is not None
    request = asked.args[0]
    assert (request.prompt, request.seed, request.count, request.sampler) == ("two", 1, 1, "ddim")
    assert (request.width, request.height, dict(request.options)) == (64, 64, {"eta": 0.25})


def test_the_settings_of_a_later_picture_have_its_own_seed(
    view: Viewer, page: OpenPage, gallery: Gallery, qtbot: QtBot
) -> None:
    kept = metadata("of many", seed=40)
    request = {**kept.request, "count": 4}
    gallery.store.add(np.zeros((8, 8, 3), np.uint8), metadata(request=request, seed=42, image=2))
    read(gallery, qtbot)
    open_row(view, gallery, qtbot, 0)
    with qtbot.waitSignal(gallery.intents.use_settings) as asked:
        page.click("Use these settings")
    assert asked.args is not None
    assert (asked.args[0].seed, asked.args[0].count) == (42, 1)


def test_it_is_copied_by_key_and_by_button(
    view: Viewer, page: OpenPage, gallery: Gallery, qtbot: QtBot
) -> None:
    open_row(view, gallery, qtbot, 0)
    for copy in (
        lambda: QTest.keyClick(view, Key.Key_C, Qt.KeyboardModifier.ControlModifier),
        lambda: page.click("Copy"),
    ):
        QGuiApplication.clipboard().clear()
        with qtbot.waitSignal(gallery.notices.posted):
            copy()
        assert QGuiApplication.clipboard().mimeData().urls() == [
            QUrl.fromLocalFile(str(gallery.model.entry_at(0).path))
        ]


def test_the_picture_is_dragged_out_as_a_file(
    view: Viewer, gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    drags: list[QDrag] = []
    monkeypatch.setattr(QDrag, "exec", lambda drag, *_: drags.append(drag) or Qt.DropAction.IgnoreAction)
    open_row(view, gallery, qtbot, 0)
    start = view.picture.picture_rect().center().toPoint()
    QTest.mousePress(view.picture, Qt.MouseButton.LeftButton, pos=start)
    move(view, start + QPoint(2, 2))
    assert drags == []
    move(view, start + QPoint(40, 0))
    assert drags[0].mimeData().urls() == [QUrl.fromLocalFile(str(gallery.model.entry_at(0).path))]
    QTest.mousePress(view.picture, Qt.MouseButton.LeftButton, pos=QPoint(1, 1))
    move(view, QPoint(60, 1))
    assert len(drags) == 1, "beside the picture there is nothing to drag"


def move(view: Viewer, to: QPoint) -> None:
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    where = QPointF(to)
    moved = QMouseEvent(
        QEvent.Type.MouseMove, where, view.picture.mapToGlobal(where), Qt.MouseButton.NoButton, left, none
    )
    QApplication.sendEvent(view.picture, moved)


def test_esc_a_double_click_and_the_button_leave_it(
    view: Viewer, page: OpenPage, gallery: Gallery, qtbot: QtBot
) -> None:
    open_row(view, gallery, qtbot, 0)
    for leave in (
        lambda: QTest.keyClick(view, Key.Key_Escape),
        lambda: QTest.mouseDClick(view.picture, Qt.MouseButton.LeftButton),
        lambda: page.click("Close"),
    ):
        with qtbot.waitSignal(view.closed):
            leave()


def test_its_menu_does_not_offer_to_open_it(
    view: Viewer, gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[PictureMenu, QPoint]] = []
    monkeypatch.setattr(PictureMenu, "popup", lambda menu, where: opened.append((menu, where)))
    view.picture.menu_requested.emit(QPoint(5, 5))
    assert opened == []
    open_row(view, gallery, qtbot, 0)
    view.picture.menu_requested.emit(QPoint(5, 5))
    ((menu, where),) = opened
    assert where == QPoint(5, 5)
    names = {action.text().partition("\t")[0] for action in menu.actions()}
    assert "Use these settings" in names
    assert "Open large" not in names


def test_every_focusable_control_has_a_name(view: Viewer, gallery: Gallery, qtbot: QtBot) -> None:
    open_row(view, gallery, qtbot, 1)
    for child in view.findChildren(QWidget):
        if child.focusPolicy() & Qt.FocusPolicy.TabFocus and child.isVisible():
            name = QAccessible.queryAccessibleInterface(child).text(QAccessible.Text.Name)
            assert name, child


@pytest.mark.layout
def test_in_a_narrow_place_the_settings_are_beneath_the_picture(
    view: Viewer, gallery: Gallery, qtbot: QtBot
) -> None:
    open_row(view, gallery, qtbot, 1)

    def is_beside() -> bool:
        return (
            left_and_top(panel(view), view)[0] >= left_and_top(view.picture, view)[0] + view.picture.width()
        )

    def is_below() -> bool:
        return (
            left_and_top(panel(view), view)[1] >= left_and_top(view.picture, view)[1] + view.picture.height()
        )

    assert is_beside()
    beside = panel(view).width()
    view.resize(404, 640)
    qtbot.waitUntil(is_below)
    assert panel(view).width() > beside
    assert view.minimumSizeHint().width() <= view.width()
    view.resize(900, 700)
    qtbot.waitUntil(is_beside)
    assert panel(view).width() == beside


@pytest.mark.layout
def test_keys_scroll_the_settings(view: Viewer, gallery: Gallery, qtbot: QtBot) -> None:
    view.resize(404, 500)
    open_row(view, gallery, qtbot, 1)
    bar = panel(view).verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    QTest.keyClick(view, Key.Key_PageDown)
    assert bar.value() > 0
    QTest.keyClick(view, Key.Key_PageUp)
    assert bar.value() == 0
    QTest.keyClick(view, Key.Key_Down)
    assert bar.value() > 0


def test_the_focus_ring_appears_with_tab_and_not_on_opening(
    view: Viewer, page: OpenPage, gallery: Gallery, qtbot: QtBot
) -> None:
    def around_the_picture() -> QImage:
        around = view.picture.picture_rect().toAlignedRect().adjusted(-8, -8, 8, 8)
        return view.grab(around.translated(*left_and_top(view.picture, view))).toImage()

    open_row(view, gallery, qtbot, 1)
    close = page.control("Close")
    close.setFocus()
    bare = around_the_picture()
    view.setFocus()
    assert around_the_picture() == bare
    close.setFocus()
    view.setFocus(Qt.FocusReason.BacktabFocusReason)
    assert around_the_picture() != bare
    close.setFocus()
    assert around_the_picture() == bare


def test_it_is_never_read_in_the_windows_thread(
    view: Viewer, gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    real = pixels.read_pixels
    monkeypatch.setattr(
        pixels, "read_pixels", lambda path: (threads.append(threading.current_thread()), real(path))[1]
    )
    open_row(view, gallery, qtbot, 0)
    assert threads
    assert threading.main_thread() not in threads


def test_a_button_and_a_key_ask_for_the_run_it_came_from(
    view: Viewer, page: OpenPage, gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Entry] = []
    monkeypatch.setattr(gallery.models.runs, "open_picture", asked.append)
    open_row(view, gallery, qtbot, 0)
    page.click("Watch it form")
    assert asked == [view.entry]
    QTest.keyClick(view, Key.Key_W)
    assert asked == [view.entry, view.entry]


def test_it_is_saved_elsewhere_enlarged(
    view: Viewer, gallery: Gallery, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(_parent: object, _title: str, suggested: str, _kinds: str) -> tuple[str, str]:
        asked.append(Path(suggested).name)
        return ("", "") if len(asked) == 1 else (str(tmp_path / "large"), "")

    monkeypatch.setattr("studio.ui.jobs.picture_menu.QFileDialog.getSaveFileName", answer)
    open_row(view, gallery, qtbot, 0)
    menu = view.findChild(SaveMenu)
    four_times_hard = next(action for action, way in menu.ways.items() if way == (4, False))
    four_times_hard.trigger()
    assert gallery.told == []
    with qtbot.waitSignal(gallery.notices.posted):
        four_times_hard.trigger()
    entry = gallery.model.entry_at(0)
    assert asked == [f"{entry.path.stem}-4x.png"] * 2
    assert gallery.told[-1].sentence == text.saved(tmp_path / "large.png")
    saved = pixels.read_pixels(tmp_path / "large.png")
    assert saved.shape == (4 * entry.height, 4 * entry.width, 3)
