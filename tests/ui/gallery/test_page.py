from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt, QUrl
from PySide6.QtGui import (
    QAccessible,
    QColor,
    QContextMenuEvent,
    QDrag,
    QGuiApplication,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip

from studio.engine.requests.generate import GenerateRequest
from studio.gallery.images import encode
from studio.ui.core.images import to_image
from studio.ui.gallery import picture_actions, text
from studio.ui.gallery.grid import MARGIN, TileLayout
from studio.ui.gallery.model import EntryRole
from studio.ui.jobs.live_tile import LiveTile
from studio.ui.jobs.picture_text import accessible_text, summary
from studio.ui.theme.theme import Theme
from tests.gallery.samples import metadata
from tests.ui.pictures import Gallery, live, make_gallery
from tests.ui.program import PAGES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.ui.gallery.page import GalleryView

Key = Qt.Key
NASTY = '<img src="/dev/zero"><b>bold</b> & "more"'


@pytest.fixture
def gallery(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Gallery]:
    made = make_gallery(tmp_path, getattr(request, "param", [f"picture {number}" for number in range(7)]))
    yield made
    made.close()


@pytest.fixture
def view(gallery: Gallery, qapp: QApplication, qtbot: QtBot) -> GalleryView:
    return show(gallery, qapp, qtbot)


def show(
    gallery: Gallery,
    qapp: QApplication,
    qtbot: QtBot,
    size: tuple[int, int] = (320, 640),
) -> GalleryView:
    theme = Theme(qapp, "dark")
    view = PAGES["gallery"](theme, gallery.models)
    qtbot.addWidget(view)
    view.theme = theme  # kept as long as the view
    view.resize(*size)
    view.show()
    qtbot.waitExposed(view)
    with qtbot.waitSignal(gallery.model.state_changed):
        gallery.model.reload()
    view.grid.setFocus()
    return view


def press(
    view: GalleryView, *keys: Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    for key in keys:
        QTest.keyClick(view.grid, key, modifier)


def rows(view: GalleryView) -> list[int]:
    return view.grid.selected_rows()


def centre(view: GalleryView, row: int) -> QPoint:
    return view.grid.tile_rect(row).center()


def click(
    view: GalleryView, row: int, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    QTest.mouseClick(view.grid.viewport(), Qt.MouseButton.LeftButton, modifier, centre(view, row))


# ----------------------------------------------------------------------------------------------------------- layout
def test_two_columns_fill_the_column_beside_the_canvas_exactly() -> None:
    layout = TileLayout(width=320, count=5)
    assert (layout.columns, layout.side, layout.rows) == (2, 144, 3)
    assert [layout.rect(place).left() for place in range(2)] == [MARGIN, MARGIN + 144 + 8]
    assert layout.rect(1).right() + 1 == 320 - MARGIN
    assert layout.rect(2).top() - layout.rect(0).bottom() - 1 == 8


@given(width=st.integers(200, 4000), count=st.integers(1, 200_000), data=st.data())
def test_tiles_fill_the_width_do_not_overlap_and_are_found_where_they_lie(
    width: int, count: int, data: st.DataObject
) -> None:
    layout = TileLayout(width=width, count=count)
    place = data.draw(st.integers(0, count - 1))
    rect = layout.rect(place)
    assert layout.at(rect.center()) == layout.at(rect.topLeft()) == layout.at(rect.bottomRight()) == place
    assert rect.width() == rect.height()
    assert rect.left() >= MARGIN
    assert rect.right() < width - MARGIN + 1
    assert rect.bottom() < layout.height
    if place + 1 < count:
        assert not rect.intersects(layout.rect(place + 1))
    if width >= 600:
        assert 150 <= layout.side <= 210
    seen = layout.between(rect.top(), rect.bottom())
    assert place in seen
    assert len(seen) <= 3 * layout.columns
    assert not layout.between(layout.height + 100, layout.height + 200)


def test_ten_thousand_tiles_are_laid_out_and_asked_for_only_where_they_are_seen(
    qapp: QApplication, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = make_gallery(tmp_path)
    monkeypatch.setattr("studio.gallery.index.Catalogue.ids", lambda *_: tuple(range(10_000, 0, -1)))
    asked: list[int] = []
    monkeypatch.setattr("studio.gallery.index.Catalogue.entries_of", lambda _, ids: asked.extend(ids) or ())
    view = show(gallery, qapp, qtbot)
    assert view.grid.verticalScrollBar().maximum() > 5000 * 152 - 640
    assert len(asked) <= 60
    gallery.close()


# --------------------------------------------------------------------------------------------------------- painting
def colour(view: GalleryView, point: QPoint) -> QColor:
    return view.grid.viewport().grab().toImage().pixelColor(point)


def near(found: QColor, wanted: QColor | tuple[int, int, int], by: int = 12) -> bool:
    values = wanted if isinstance(wanted, tuple) else wanted.getRgb()[:3]
    return math.dist(found.getRgb()[:3], values) <= by


def plain_picture(gallery: Gallery, rgb: tuple[int, int, int]) -> None:
    entry = gallery.add("a plain colour")
    entry.path.write_bytes(encode(np.full((32, 64, 3), rgb, np.uint8), metadata()))


@pytest.mark.parametrize("gallery", [[]], indirect=True)
def test_a_tile_shows_its_picture_and_a_ring_when_it_is_selected(
    gallery: Gallery, qapp: QApplication, qtbot: QtBot
) -> None:
    plain_picture(gallery, (20, 200, 90))
    view = show(gallery, qapp, qtbot)
    qtbot.waitUntil(lambda: near(colour(view, centre(view, 0)), (20, 200, 90)))
    beside = view.grid.tile_rect(0).topLeft() + QPoint(-3, 70)
    accent = QColor(view.theme.palette.accent)
    view.grid.clearSelection()
    view.search_field.setFocus()
    assert not near(colour(view, beside), accent)
    view.grid.setFocus()
    qtbot.waitUntil(lambda: near(colour(view, beside), accent))


def test_the_live_tile_shows_the_preview_and_progress_in_the_colour_of_the_noise(
    view: GalleryView, gallery: Gallery
) -> None:
    pixels = np.full((8, 8, 3), (200, 30, 30), np.uint8)
    pixels.flags.writeable = False
    gallery.model.set_live(
        LiveTile(job_id="1", prompt="", image=to_image(pixels), step=5, steps=10, level=0.5)
    )
    rect = view.grid.tile_rect(0)
    assert near(colour(view, rect.center()), (200, 30, 30))
    noise = view.theme.noise(0.5)
    assert near(colour(view, QPoint(rect.left() + 40, rect.bottom() - 2)), noise)
    assert not near(colour(view, QPoint(rect.right() - 40, rect.bottom() - 2)), noise)
    assert near(colour(view, rect.topLeft() + QPoint(-2, 70)), QColor(view.theme.palette.accent), by=90)


def test_a_new_preview_repaints_the_live_tile_and_nothing_else(
    view: GalleryView, gallery: Gallery, qtbot: QtBot
) -> None:
    gallery.model.set_live(live(1))
    qtbot.waitUntil(lambda: not view.grid._ask_soon.isActive())
    qtbot.waitUntil(lambda: not gallery.thumbnails._under_way and not gallery.thumbnails._threads)
    QApplication.processEvents()
    painted: list[QRect] = []
    real = view.grid._painter.paint
    view.grid._painter.paint = lambda *what: (painted.append(what[1]), real(*what))[1]  # type: ignore[method-assign]
    gallery.model.set_live(live(2))
    qtbot.waitUntil(lambda: bool(painted))
    assert painted == [view.grid.tile_rect(0)]


@pytest.mark.parametrize("gallery", [["gone"]], indirect=True)
def test_a_picture_whose_file_is_gone_is_a_quiet_tile_with_a_sentence(
    gallery: Gallery, qapp: QApplication, qtbot: QtBot
) -> None:
    path = gallery.store.catalogue.entries()[0].path
    path.unlink()
    view = show(gallery, qapp, qtbot)
    qtbot.waitUntil(lambda: gallery.thumbnails.fault(path) != "")
    raised = QColor(view.theme.palette.raised)
    assert near(colour(view, view.grid.tile_rect(0).topLeft() + QPoint(20, 20)), raised)
    assert "cannot be found" in tooltip(view, 0)


def test_a_hidden_view_asks_for_no_thumbnails(view: GalleryView, gallery: Gallery, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not view.grid._ask_soon.isActive())
    wanted: list[int] = []
    gallery.thumbnails.want = lambda who, keys, radius: wanted.append(len(keys))  # type: ignore[method-assign]
    view.hide()
    gallery.model.add(gallery.add("new"))
    qtbot.waitUntil(lambda: not view.grid._ask_soon.isActive())
    assert set(wanted) == {0}
    view.show()
    qtbot.waitUntil(lambda: wanted[-1] > 0)


# ------------------------------------------------------------------------------------------------- keyboard and mouse
def test_arrows_go_from_tile_to_tile(view: GalleryView) -> None:
    press(view, Key.Key_Home)
    at = []
    for key in (
        Key.Key_Right,
        Key.Key_Down,
        Key.Key_Down,
        Key.Key_Down,
        Key.Key_Down,
        Key.Key_Left,
        Key.Key_Up,
    ):
        press(view, key)
        at.append(view.grid.currentIndex().row())
    assert at == [1, 3, 5, 6, 6, 5, 3]
    press(view, Key.Key_End)
    assert rows(view) == [6]
    press(view, Key.Key_Home, Key.Key_Left, Key.Key_Up)
    assert rows(view) == [0]
    press(view, Key.Key_PageDown)
    assert view.grid.currentIndex().row() == 6


def test_shift_selects_all_between_and_control_single_ones(view: GalleryView) -> None:
    press(view, Key.Key_Home, Key.Key_Right)
    press(view, Key.Key_Down, modifier=Qt.KeyboardModifier.ShiftModifier)
    assert rows(view) == [1, 2, 3]
    click(view, 5, Qt.KeyboardModifier.ControlModifier)
    assert rows(view) == [1, 2, 3, 5]
    click(view, 4)
    click(view, 1, Qt.KeyboardModifier.ShiftModifier)
    assert rows(view) == [1, 2, 3, 4]
    press(view, Key.Key_A, modifier=Qt.KeyboardModifier.ControlModifier)
    assert rows(view) == list(range(7))
    QTest.mouseClick(view.grid.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(160, 100))
    assert rows(view) == [], "between two tiles there is nothing"


def test_the_selection_stays_with_its_picture_when_new_ones_come(view: GalleryView, gallery: Gallery) -> None:
    press(view, Key.Key_Home, Key.Key_Right)
    chosen = view.grid.currentIndex().data()
    gallery.model.set_live(live())
    gallery.model.add(gallery.add("new"))
    assert rows(view) == [3]
    assert view.grid.currentIndex().data() == chosen


def test_enter_and_a_double_click_open_a_picture(view: GalleryView, gallery: Gallery, qtbot: QtBot) -> None:
    press(view, Key.Key_Home, Key.Key_Right)
    with qtbot.waitSignal(view.open_requested) as opened:
        press(view, Key.Key_Return)
    assert opened.args == [gallery.model.entry_at(1)]
    with qtbot.waitSignal(view.open_requested) as opened:
        QTest.mouseDClick(view.grid.viewport(), Qt.MouseButton.LeftButton, pos=centre(view, 2))
    assert opened.args == [gallery.model.entry_at(2)]
    with qtbot.assertNotEmitted(view.open_requested):
        click(view, 3)
        press(view, Key.Key_Return, modifier=Qt.KeyboardModifier.ControlModifier)
    tile = live()
    gallery.model.set_live(tile)
    press(view, Key.Key_Home)
    with qtbot.waitSignal(view.open_requested) as opened:
        press(view, Key.Key_Return)
    assert opened.args == [tile]


def test_delete_throws_away_what_is_selected(
    view: GalleryView, gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    thrown: list[object] = []
    monkeypatch.setattr(gallery.model, "trash", thrown.extend)
    gallery.model.set_live(live())
    press(view, Key.Key_Home)
    press(view, Key.Key_Right, modifier=Qt.KeyboardModifier.ShiftModifier)
    press(view, Key.Key_Delete)
    assert thrown == [gallery.model.entry_at(1)]


def test_letters_do_not_read_through_all_pictures(view: GalleryView) -> None:
    press(view, Key.Key_Home, Key.Key_P, Key.Key_I)
    assert rows(view) == [0]


def test_scrolling_a_notch_moves_one_row(view: GalleryView) -> None:
    bar = view.grid.verticalScrollBar()
    assert 3 * bar.singleStep() == pytest.approx(view.grid.tiles.pitch, abs=3)


def test_going_to_a_tile_brings_it_into_sight(view: GalleryView) -> None:
    view.resize(320, 300)
    press(view, Key.Key_End)
    assert view.grid.viewport().rect().contains(view.grid.tile_rect(6))
    press(view, Key.Key_Home)
    assert view.grid.verticalOffset() == 0


@pytest.mark.layout
def test_the_tiles_stay_where_they_are_when_a_scroll_bar_comes(view: GalleryView) -> None:
    view.resize(320, 900)
    before = view.grid.tile_rect(1)
    assert view.grid.verticalScrollBar().maximum() == 0
    view.resize(320, 300)
    assert view.grid.verticalScrollBar().maximum() > 0
    assert view.grid.tile_rect(1) == before


# --------------------------------------------------------------------------------------------------- menu, copy, drag
@pytest.fixture
def menu_points(view: GalleryView, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, QPoint]]:
    """Where the menu was opened, and for how many pictures, instead of opening it."""
    points: list[tuple[int, QPoint]] = []
    monkeypatch.setattr(view._menu, "popup", lambda where: points.append((0, where)))
    return points


def test_the_menu_opens_at_the_mouse_and_at_the_current_tile(
    view: GalleryView, menu_points: list[tuple[int, QPoint]]
) -> None:
    press(view, Key.Key_Home, Key.Key_Right)
    by_key = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(0, 0), QPoint(0, 0))
    QApplication.sendEvent(view.grid.viewport(), by_key)
    assert menu_points[0][1] == view.grid.viewport().mapToGlobal(
        view.grid.visualRect(view.grid.currentIndex()).center()
    )
    where = centre(view, 2)
    by_mouse = QContextMenuEvent(
        QContextMenuEvent.Reason.Mouse, where, view.grid.viewport().mapToGlobal(where)
    )
    QApplication.sendEvent(view.grid.viewport(), by_mouse)
    assert menu_points[1][1] == view.grid.viewport().mapToGlobal(where)
    texts = [action.text() for action in view._menu.actions() if action.text()]
    assert texts == [
        "Open large\tEnter",
        "Use these settings",
        "Compare with…",
        "Copy\tCtrl+C",
        "Show in folder",
        "Move to the trash\tDel",
    ]


def test_for_several_pictures_the_menu_offers_what_can_be_done_with_several(
    view: GalleryView, menu_points: list[tuple[int, QPoint]]
) -> None:
    press(view, Key.Key_Home)
    press(view, Key.Key_Right, Key.Key_Right, modifier=Qt.KeyboardModifier.ShiftModifier)
    view.grid.menu_requested.emit(QPoint(1, 1))
    usable = [
        action.text().partition("\t")[0]
        for action in view._menu.actions()
        if action.text() and action.isEnabled()
    ]
    assert usable == ["Compare 3 pictures", "Copy", "Move 3 pictures to the trash"]


def test_the_menus_actions_are_about_the_current_picture(
    view: GalleryView, gallery: Gallery, qtbot: QtBot
) -> None:
    press(view, Key.Key_Home, Key.Key_Right)
    actions = {action.text().partition("\t")[0]: action for action in view._menu.actions()}
    with qtbot.waitSignal(view.open_requested) as opened:
        actions["Open large"].trigger()
    entry = gallery.model.entry_at(1)
    assert opened.args == [entry]
    with qtbot.waitSignal(view.settings_requested) as asked:
        actions["Use these settings"].trigger()
    assert asked.args is not None
    request = asked.args[0]
    assert isinstance(request, GenerateRequest)
    assert (request.prompt, request.seed, request.count) == ("picture 5", 5, 1)


def test_settings_that_cannot_be_used_are_a_sentence(
    view: GalleryView, gallery: Gallery, qtbot: QtBot
) -> None:
    kept = metadata("strange", request={"version": 1, "prompt": "strange", "sampler": "of tomorrow"})
    gallery.model.add(gallery.store.add(np.zeros((8, 8, 3), np.uint8), kept))
    press(view, Key.Key_Home)
    with qtbot.assertNotEmitted(view.settings_requested):
        view._menu.settings_requested.emit()
    assert "sampler 'of tomorrow' is not known" in gallery.told[0].sentence


def test_a_copied_picture_is_an_image_a_file_and_a_path(
    view: GalleryView, gallery: Gallery, qtbot: QtBot
) -> None:
    press(view, Key.Key_Home)
    with qtbot.waitSignal(gallery.notices.posted):
        press(view, Key.Key_C, modifier=Qt.KeyboardModifier.ControlModifier)
    assert gallery.told[0].sentence == text.copied(1)
    mime, path = QGuiApplication.clipboard().mimeData(), gallery.model.entry_at(0).path
    assert mime.urls() == [QUrl.fromLocalFile(str(path))]
    assert mime.text() == str(path)
    image = QGuiApplication.clipboard().image()
    assert (image.width(), image.height()) == (19, 16)
    assert bytes(mime.data("x-special/gnome-copied-files").data()).startswith(b"copy\nfile:///")


def test_several_are_copied_as_files(view: GalleryView, gallery: Gallery, qtbot: QtBot) -> None:
    press(view, Key.Key_A, modifier=Qt.KeyboardModifier.ControlModifier)
    with qtbot.waitSignal(gallery.notices.posted):
        press(view, Key.Key_C, modifier=Qt.KeyboardModifier.ControlModifier)
    assert gallery.told[0].sentence == "7 pictures copied."
    assert len(QGuiApplication.clipboard().mimeData().urls()) == 7


def test_a_picture_that_cannot_be_read_is_not_copied(
    view: GalleryView, gallery: Gallery, qtbot: QtBot
) -> None:
    press(view, Key.Key_Home)
    gallery.model.entry_at(0).path.write_bytes(b"rubbish")
    with qtbot.waitSignal(gallery.notices.posted):
        press(view, Key.Key_C, modifier=Qt.KeyboardModifier.ControlModifier)
    assert "is not a PNG picture" in gallery.told[0].sentence


@pytest.fixture
def dragged(monkeypatch: pytest.MonkeyPatch) -> list[QDrag]:
    """The drags that were begun; each is let go at once."""
    drags: list[QDrag] = []

    def exec_(drag: QDrag, *actions: Qt.DropAction) -> Qt.DropAction:
        assert set(actions) == {Qt.DropAction.CopyAction}
        drags.append(drag)
        return Qt.DropAction.IgnoreAction

    monkeypatch.setattr(QDrag, "exec", exec_)
    return drags


def drag(view: GalleryView, row: int) -> None:
    viewport, start = view.grid.viewport(), centre(view, row)
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=start)
    for by in (4, 20, 40):
        there = QPointF(start + QPoint(by, by))
        left = Qt.MouseButton.LeftButton
        none, no_key = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
        moved = QMouseEvent(QEvent.Type.MouseMove, there, viewport.mapToGlobal(there), none, left, no_key)
        QApplication.sendEvent(viewport, moved)
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=start + QPoint(40, 40))


def test_a_picture_is_dragged_out_as_a_file_and_an_image(
    view: GalleryView, gallery: Gallery, dragged: list[QDrag], qtbot: QtBot
) -> None:
    press(view, Key.Key_Home)
    view.grid.startDrag(Qt.DropAction.CopyAction)
    mime, path = dragged[0].mimeData(), gallery.model.entry_at(0).path
    assert mime.urls() == [QUrl.fromLocalFile(str(path))]
    assert mime.hasImage()
    image = mime.imageData()
    assert isinstance(image, QImage)
    assert (image.width(), image.height()) == (19, 16)
    path.unlink()
    assert mime.imageData() is None


def test_a_drag_begins_on_a_tile_and_takes_all_that_is_selected(
    view: GalleryView, gallery: Gallery, dragged: list[QDrag]
) -> None:
    press(view, Key.Key_Home)
    press(view, Key.Key_Right, modifier=Qt.KeyboardModifier.ShiftModifier)
    drag(view, 1)
    assert len(dragged) == 1
    assert len(dragged[0].mimeData().urls()) == 2
    assert not dragged[0].mimeData().hasImage()
    drag(view, 4)
    assert [url.toLocalFile() for url in dragged[1].mimeData().urls()] == [
        str(gallery.model.entry_at(4).path)
    ]


def test_the_live_tile_cannot_be_dragged(view: GalleryView, gallery: Gallery, dragged: list[QDrag]) -> None:
    gallery.model.set_live(live())
    drag(view, 0)
    assert dragged == []


def test_a_file_is_shown_in_its_folder_or_at_least_the_folder_is(
    view: GalleryView, gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    opened: list[QUrl] = []
    answer = True

    def ask(path: Path) -> bool:
        asked.append(path)
        return answer

    monkeypatch.setattr(picture_actions, "ask_file_manager", lambda *_: None)
    monkeypatch.setattr(picture_actions, "select_in_file_manager", ask)
    monkeypatch.setattr(picture_actions.QDesktopServices, "openUrl", lambda url: bool(opened.append(url)))
    press(view, Key.Key_Home)
    path = gallery.model.entry_at(0).path
    view._menu.folder_requested.emit()
    qtbot.waitUntil(lambda: asked == [path])
    answer = False
    with qtbot.waitSignal(gallery.notices.posted):
        view._menu.folder_requested.emit()
    assert opened == [QUrl.fromLocalFile(str(path.parent))]
    assert gallery.told[0].sentence == text.no_file_manager(path.parent)
    path.unlink()
    view._menu.folder_requested.emit()
    assert gallery.told[1].sentence == text.file_missing(path)
    assert asked == [path, path]


# ----------------------------------------------------------------------------------------------------------- search
def test_what_is_typed_is_searched_for_after_a_pause(
    view: GalleryView, gallery: Gallery, qtbot: QtBot
) -> None:
    searched: list[str] = []
    view.search_field.search_requested.connect(searched.append)
    QTest.keyClicks(view.search_field, "picture 3")
    assert searched == []
    qtbot.waitUntil(lambda: gallery.model.rowCount() == 1)
    assert searched == ["picture 3"]
    assert gallery.model.index(0).data() == "picture 3"


def test_enter_searches_at_once_and_goes_to_what_was_found(
    view: GalleryView, gallery: Gallery, qtbot: QtBot
) -> None:
    view.activateWindow()
    view.search_field.setFocus()
    QTest.keyClicks(view.search_field, "3")
    with qtbot.waitSignal(gallery.model.modelReset):
        QTest.keyClick(view.search_field, Key.Key_Return)
    assert view.grid.hasFocus()
    assert gallery.model.text == "3"


def test_esc_clears_the_search_and_only_then_is_it_the_windows(
    view: GalleryView, gallery: Gallery, qtbot: QtBot
) -> None:
    view.search_field.setText("3")
    assert view.search_field._clear.isVisible()
    QTest.keyClick(view.search_field, Key.Key_Escape)
    assert view.search_field.text() == ""
    assert not view.search_field._clear.isVisible()
    override = QKeyEvent(QEvent.Type.ShortcutOverride, Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
    override.ignore()
    QApplication.sendEvent(view.search_field, override)
    assert not override.isAccepted()


def test_two_views_of_the_same_pictures_show_the_same_search(
    view: GalleryView, gallery: Gallery, qapp: QApplication, qtbot: QtBot
) -> None:
    other = show(gallery, qapp, qtbot, (800, 500))
    QTest.keyClicks(view.search_field, "3")
    qtbot.waitUntil(lambda: gallery.model.rowCount() == 1)
    assert other.search_field.text() == "3"


def test_empty_views_say_what_will_appear(view: GalleryView, gallery: Gallery, qtbot: QtBot) -> None:
    assert view._stack.currentIndex() == 0
    gallery.model.search("nothing like it")
    qtbot.waitUntil(lambda: view._stack.currentIndex() == 1)
    assert view._empty.text() == text.not_found()
    assert not view._hint.isVisible()
    gallery.model.set_live(live())
    assert view._stack.currentIndex() == 0
    assert view.grid._note == text.not_found()
    gallery.model.set_live(None)
    gallery.store.catalogue.remove(gallery.store.catalogue.entries())
    gallery.model.search("")
    qtbot.waitUntil(lambda: view._empty.text() == text.empty() and view._hint.isVisible())


def test_before_it_is_read_a_gallery_does_not_say_that_it_is_empty(
    gallery: Gallery, qapp: QApplication, qtbot: QtBot
) -> None:
    theme = Theme(qapp, "dark")
    view = PAGES["gallery"](theme, gallery.models)
    qtbot.addWidget(view)
    assert view._stack.currentIndex() == 0


def test_a_wide_view_says_how_many_there_are(gallery: Gallery, qapp: QApplication, qtbot: QtBot) -> None:
    view = show(gallery, qapp, qtbot, (900, 500))
    assert view._count.isVisible()
    assert view._count.text() == "7 pictures"
    assert view.grid.tiles.columns == 5
    view.resize(320, 500)
    assert not view._count.isVisible()


# ------------------------------------------------------------------------------------------- plain text, accessibility
def tooltip(view: GalleryView, row: int) -> str:
    shown: list[str] = []
    real = QToolTip.showText
    QToolTip.showText = lambda _, text, *rest: shown.append(text)  # type: ignore[method-assign]
    try:
        where = centre(view, row)
        event = QHelpEvent(QEvent.Type.ToolTip, where, view.grid.viewport().mapToGlobal(where))
        QApplication.sendEvent(view.grid.viewport(), event)
    finally:
        QToolTip.showText = real  # type: ignore[method-assign]
    return shown[0]


@pytest.mark.parametrize("gallery", [[NASTY]], indirect=True)
def test_a_nasty_prompt_is_only_text(view: GalleryView, gallery: Gallery) -> None:
    tip = tooltip(view, 0)
    assert "&lt;img src=" in tip
    assert "<img" not in tip
    assert summary(gallery.model.entry_at(0).metadata) in tip


def test_every_tile_tells_a_screen_reader_what_it_is(view: GalleryView, gallery: Gallery) -> None:
    gallery.model.set_live(live())
    found = QAccessible.queryAccessibleInterface(view.grid)
    assert found.role() == QAccessible.Role.List
    assert found.text(QAccessible.Text.Name) == "Pictures"
    assert found.childCount() == 8
    names = [found.child(row).text(QAccessible.Text.Name) for row in range(2)]
    assert names == [text.live_tile(live(3)), accessible_text(gallery.model.entry_at(1))]
    assert found.child(1).role() == QAccessible.Role.ListItem
    assert (
        QAccessible.queryAccessibleInterface(view.search_field).text(QAccessible.Text.Name)
        == "Search pictures"
    )


def test_tab_goes_from_the_search_to_the_tiles(view: GalleryView) -> None:
    view.activateWindow()
    view.search_field.setFocus()
    QTest.keyClick(view.search_field, Key.Key_Tab)
    assert view.grid.hasFocus()
    assert view.grid.currentIndex().row() == 0


def test_the_mouse_over_a_tile_is_shown(view: GalleryView) -> None:
    QTest.mouseMove(view.grid.viewport(), centre(view, 2))
    assert view.grid._hovered.row() == 2
    QApplication.sendEvent(view.grid.viewport(), QEvent(QEvent.Type.Leave))
    assert view.grid._hovered.row() == -1


def test_going_back_from_a_large_picture_leads_to_its_tile(view: GalleryView, gallery: Gallery) -> None:
    entry = gallery.model.entry_at(5)
    view.select(entry)
    assert view.grid.currentIndex().data(EntryRole) == entry
