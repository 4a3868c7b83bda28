from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt, QUrl
from PySide6.QtGui import (
    QAccessible,
    QAction,
    QContextMenuEvent,
    QDrag,
    QGuiApplication,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip

from studio.engine.requests.generate import GenerateRequest
from studio.gallery.metadata import Origin
from studio.ui.gallery import picture_actions, text
from studio.ui.gallery.grid import MARGIN, TileLayout
from studio.ui.gallery.model import EntryRole
from studio.ui.gallery.tile_painter import TilePainter, TileState
from studio.ui.jobs.picture_menu import PictureMenu
from studio.ui.jobs.text import accessible_text, summary
from studio.ui.theme.metrics import GAP
from studio.ui.widgets.labels import plain_tip
from tests.gallery.samples import metadata, pixels
from tests.ui.pictures import Gallery, live, make_gallery, show_page

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.ui.gallery.page import GalleryView
    from tests.ui.program import MakeModels, OpenPage

Key = Qt.Key
NASTY = '<img src="/dev/zero"><b>bold</b> & "more"'


@pytest.fixture
def gallery(make_models: MakeModels, tmp_path: Path, request: pytest.FixtureRequest) -> Gallery:
    prompts = getattr(request, "param", [f"picture {number}" for number in range(7)])
    return make_gallery(make_models(home=tmp_path), prompts)


@pytest.fixture
def page(gallery: Gallery, qtbot: QtBot) -> OpenPage:
    return show(gallery, qtbot)


@pytest.fixture
def view(page: OpenPage) -> GalleryView:
    return page.widget


def show(gallery: Gallery, qtbot: QtBot, size: tuple[int, int] = (320, 640)) -> OpenPage:
    """Return a page with the pictures listed, and the keyboard at them."""
    page = show_page(gallery, "gallery", qtbot, size)
    with qtbot.waitSignal(gallery.model.state_changed):
        gallery.model.reload()
    page.widget.grid.setFocus()
    return page


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
    assert (layout.columns, layout.rows) == (2, 3)
    assert 2 * layout.side + GAP == 320 - 2 * MARGIN
    assert [layout.rect(place).left() for place in range(2)] == [MARGIN, MARGIN + layout.side + GAP]
    assert layout.rect(1).right() + 1 == 320 - MARGIN
    assert layout.rect(2).top() - layout.rect(0).bottom() - 1 == GAP


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
    make_models: MakeModels, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = make_gallery(make_models())
    monkeypatch.setattr("studio.gallery.index.Catalogue.ids", lambda *_: tuple(range(10_000, 0, -1)))
    asked: list[int] = []
    monkeypatch.setattr("studio.gallery.index.Catalogue.entries_of", lambda _, ids: asked.extend(ids) or ())
    page = show(gallery, qtbot)
    tiles, height = page.widget.grid.tiles, page.widget.grid.viewport().height()
    assert tiles.count == 10_000
    assert page.widget.grid.verticalScrollBar().maximum() == tiles.height - height
    assert len(asked) <= 60


# --------------------------------------------------------------------------------------------------------- painting
class Painted:
    """What was painted: the state of each tile, by its rectangle."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tiles: list[tuple[QRect, TileState]] = []
        self._paint = TilePainter.paint
        monkeypatch.setattr(TilePainter, "paint", lambda *arguments: self.paint(*arguments))

    def paint(
        self, tiles: TilePainter, painter: QPainter, rect: QRect, ratio: float, state: TileState
    ) -> None:
        self.tiles.append((rect, state))
        self._paint(tiles, painter, rect, ratio, state)

    def states(self, view: GalleryView) -> list[TileState]:
        """Return the states of all tiles in sight, from the first."""
        self.tiles.clear()
        view.grid.viewport().grab()
        return [state for _, state in self.tiles]


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> Painted:
    return Painted(monkeypatch)


@pytest.mark.parametrize("gallery", [["one"]], indirect=True)
def test_a_tile_shows_its_picture_and_a_ring_when_it_is_selected(
    painted: Painted, view: GalleryView, gallery: Gallery, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: painted.states(view)[0].image is not None)
    side = view.grid.tiles.side
    assert painted.states(view)[0].image == gallery.thumbnails.image(gallery.model.entry_at(0).path, side)
    view.grid.clearSelection()
    view.search_field.setFocus()
    assert not painted.states(view)[0].selected
    press(view, Key.Key_Home)
    view.grid.setFocus()
    (state,) = painted.states(view)
    assert (state.selected, state.focused) == (True, True)


@pytest.mark.parametrize("gallery", [["one"]], indirect=True)
def test_a_fork_and_a_kept_step_have_a_badge(painted: Painted, view: GalleryView, gallery: Gallery) -> None:
    for kind in ("fork", "step"):
        origin = Origin(run="", step=3, of=4, kind=kind)
        gallery.model.add(gallery.store.add(pixels(), metadata(kind, origin=origin)))
    assert [state.origin for state in painted.states(view)] == ["step", "fork", None]
    assert tooltip(view, 0) == plain_tip(text.tile_tooltip(gallery.model.entry_at(0), ""))


def test_the_live_tile_shows_the_preview_and_progress_in_the_colour_of_the_noise(
    painted: Painted, view: GalleryView, gallery: Gallery
) -> None:
    tile = live()
    gallery.model.set_live(tile)
    first, *others = painted.states(view)
    assert first.live is tile
    assert [state for state in others if state.live is not None] == []


def test_a_new_preview_repaints_the_live_tile_and_nothing_else(
    painted: Painted, view: GalleryView, gallery: Gallery, qtbot: QtBot
) -> None:
    gallery.model.set_live(live(1))
    side = view.grid.tiles.side
    paths = [gallery.model.entry_at(row).path for row in range(1, 8)]
    qtbot.waitUntil(lambda: all(gallery.thumbnails.has(path, side) for path in paths))
    painted.states(view)
    QApplication.processEvents()
    painted.tiles.clear()
    gallery.model.set_live(live(2))
    qtbot.waitUntil(lambda: bool(painted.tiles))
    assert [rect for rect, _ in painted.tiles] == [view.grid.tile_rect(0)]


@pytest.mark.parametrize("gallery", [["gone"]], indirect=True)
def test_a_picture_whose_file_was_removed_is_a_dim_tile_with_a_sentence(
    painted: Painted, gallery: Gallery, qtbot: QtBot
) -> None:
    path = gallery.store.catalogue.entries()[0].path
    path.unlink()
    page = show(gallery, qtbot)
    qtbot.waitUntil(lambda: gallery.thumbnails.fault(path) != "")
    assert painted.states(page.widget)[0].broken
    assert html.escape(str(path)) in tooltip(page.widget, 0)


def test_a_hidden_view_asks_for_no_thumbnails(
    view: GalleryView, gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    QApplication.processEvents()
    wanted: list[int] = []
    monkeypatch.setattr(gallery.thumbnails, "want", lambda who, keys, radius: wanted.append(len(keys)))
    view.hide()
    gallery.model.add(gallery.add("new"))
    qtbot.waitUntil(lambda: bool(wanted))
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
    first = view.grid.tile_rect(0)
    between = QPoint(first.right() + GAP // 2, first.center().y())
    QTest.mouseClick(view.grid.viewport(), Qt.MouseButton.LeftButton, pos=between)
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
    with qtbot.waitSignal(gallery.intents.open_picture) as opened:
        press(view, Key.Key_Return)
    assert opened.args == [gallery.model.entry_at(1)]
    with qtbot.waitSignal(gallery.intents.open_picture) as opened:
        QTest.mouseDClick(view.grid.viewport(), Qt.MouseButton.LeftButton, pos=centre(view, 2))
    assert opened.args == [gallery.model.entry_at(2)]
    with qtbot.assertNotEmitted(gallery.intents.open_picture):
        click(view, 3)
        press(view, Key.Key_Return, modifier=Qt.KeyboardModifier.ControlModifier)
    gallery.model.set_live(live())
    press(view, Key.Key_Home)
    with qtbot.waitSignal(gallery.intents.go_live):
        press(view, Key.Key_Return)


def test_delete_moves_the_selection_to_the_trash(
    view: GalleryView, gallery: Gallery, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    trashed: list[object] = []
    monkeypatch.setattr(gallery.model, "trash", trashed.extend)
    gallery.model.set_live(live())
    press(view, Key.Key_Home)
    press(view, Key.Key_Right, modifier=Qt.KeyboardModifier.ShiftModifier)
    press(view, Key.Key_Delete)
    assert trashed == [gallery.model.entry_at(1)]


def test_typing_letters_does_not_read_all_pictures(view: GalleryView) -> None:
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
def opened_menus(monkeypatch: pytest.MonkeyPatch) -> list[tuple[PictureMenu, QPoint]]:
    """The menus that were opened, and where, instead of opening them."""
    points: list[tuple[PictureMenu, QPoint]] = []
    monkeypatch.setattr(PictureMenu, "popup", lambda menu, where: points.append((menu, where)))
    return points


def choose(view: GalleryView, opened: list[tuple[PictureMenu, QPoint]], name: str) -> None:
    """Open the menu, and choose the action of this name."""
    view.grid.menu_requested.emit(QPoint(1, 1))
    actions_of(opened[-1][0])[name].trigger()


def actions_of(menu: PictureMenu) -> dict[str, QAction]:
    """Return the actions that can be chosen, by their names."""
    usable = (action for action in menu.actions() if action.isEnabled() and action.text())
    return {action.text().partition("\t")[0]: action for action in usable}


def test_the_menu_opens_at_the_mouse_and_at_the_current_tile(
    view: GalleryView, opened_menus: list[tuple[PictureMenu, QPoint]]
) -> None:
    press(view, Key.Key_Home, Key.Key_Right)
    by_key = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(0, 0), QPoint(0, 0))
    QApplication.sendEvent(view.grid.viewport(), by_key)
    assert opened_menus[0][1] == view.grid.viewport().mapToGlobal(
        view.grid.visualRect(view.grid.currentIndex()).center()
    )
    where = centre(view, 2)
    by_mouse = QContextMenuEvent(
        QContextMenuEvent.Reason.Mouse, where, view.grid.viewport().mapToGlobal(where)
    )
    QApplication.sendEvent(view.grid.viewport(), by_mouse)
    assert opened_menus[1][1] == view.grid.viewport().mapToGlobal(where)
    keys = {action.text().partition("\t")[2] for action in opened_menus[1][0].actions()}
    assert {"Enter", "Ctrl+C", "Del"} <= keys
    assert {"Open large", "Use these settings", "Compare with…"} < actions_of(opened_menus[1][0]).keys()


def test_for_several_pictures_the_menu_offers_what_can_be_done_with_several(
    view: GalleryView, opened_menus: list[tuple[PictureMenu, QPoint]]
) -> None:
    press(view, Key.Key_Home)
    press(view, Key.Key_Right, Key.Key_Right, modifier=Qt.KeyboardModifier.ShiftModifier)
    view.grid.menu_requested.emit(QPoint(1, 1))
    usable = actions_of(opened_menus[0][0]).keys()
    assert len(usable) == 3
    assert not usable & {"Open large", "Use these settings", "Show in folder"}
    assert len([name for name in usable if "3" in name]) == 2, "they say how many"


def test_the_actions_of_the_menu_apply_to_the_current_picture(
    view: GalleryView,
    gallery: Gallery,
    qtbot: QtBot,
    opened_menus: list[tuple[PictureMenu, QPoint]],
) -> None:
    press(view, Key.Key_Home, Key.Key_Right)
    with qtbot.waitSignal(gallery.intents.open_picture) as opened:
        choose(view, opened_menus, "Open large")
    entry = gallery.model.entry_at(1)
    assert opened.args == [entry]
    with qtbot.waitSignal(gallery.intents.use_settings) as asked:
        choose(view, opened_menus, "Use these settings")
    assert asked.args is not None
    request = asked.args[0]
    assert isinstance(request, GenerateRequest)
    assert (request.prompt, request.seed, request.count) == ("picture 5", 5, 1)


def test_settings_that_cannot_be_used_are_a_sentence(
    view: GalleryView,
    gallery: Gallery,
    qtbot: QtBot,
    opened_menus: list[tuple[PictureMenu, QPoint]],
) -> None:
    kept = metadata("strange", request={"version": 1, "prompt": "strange", "sampler": "of tomorrow"})
    gallery.model.add(gallery.store.add(np.zeros((8, 8, 3), np.uint8), kept))
    press(view, Key.Key_Home)
    with qtbot.assertNotEmitted(gallery.intents.use_settings):
        choose(view, opened_menus, "Use these settings")
    assert "of tomorrow" in gallery.told[0].sentence


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
    assert gallery.told[0].sentence == text.copied(7)
    assert len(QGuiApplication.clipboard().mimeData().urls()) == 7


def test_a_picture_that_cannot_be_read_is_not_copied(
    view: GalleryView, gallery: Gallery, qtbot: QtBot
) -> None:
    press(view, Key.Key_Home)
    path = gallery.model.entry_at(0).path
    path.write_bytes(b"rubbish")
    with qtbot.waitSignal(gallery.notices.posted):
        press(view, Key.Key_C, modifier=Qt.KeyboardModifier.ControlModifier)
    assert (gallery.told[0].kind, str(path) in gallery.told[0].sentence) == ("error", True)


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
    assert mime.imageData() is None, "it is not read in the thread of the window"
    qtbot.waitUntil(lambda: mime.imageData() is not None)
    image = mime.imageData()
    assert isinstance(image, QImage)
    assert (image.width(), image.height()) == (19, 16)


def test_a_picture_that_cannot_be_read_is_dragged_out_as_a_file(
    view: GalleryView, gallery: Gallery, dragged: list[QDrag], qtbot: QtBot
) -> None:
    press(view, Key.Key_Home)
    path = gallery.model.entry_at(0).path
    path.unlink()
    view.grid.startDrag(Qt.DropAction.CopyAction)
    mime = dragged[0].mimeData()
    qtbot.wait(100)
    assert mime.urls() == [QUrl.fromLocalFile(str(path))]
    assert mime.imageData() is None


def test_a_drag_that_begins_on_a_tile_takes_the_whole_selection(
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
    view: GalleryView,
    gallery: Gallery,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    opened_menus: list[tuple[PictureMenu, QPoint]],
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
    choose(view, opened_menus, "Show in folder")
    qtbot.waitUntil(lambda: asked == [path])
    answer = False
    with qtbot.waitSignal(gallery.notices.posted):
        choose(view, opened_menus, "Show in folder")
    assert opened == [QUrl.fromLocalFile(str(path.parent))]
    assert gallery.told[0].sentence == text.no_file_manager(path.parent)
    path.unlink()
    with qtbot.waitSignal(gallery.notices.posted):
        choose(view, opened_menus, "Show in folder")
    assert gallery.told[1].sentence == text.file_missing(path)
    assert asked == [path, path]


# ----------------------------------------------------------------------------------------------------------- search
def test_typed_text_is_searched_for_after_a_pause(view: GalleryView, gallery: Gallery, qtbot: QtBot) -> None:
    searched: list[str] = []
    view.search_field.search_requested.connect(searched.append)
    QTest.keyClicks(view.search_field, "picture 3")
    assert searched == []
    qtbot.waitUntil(lambda: gallery.model.rowCount() == 1)
    assert searched == ["picture 3"]
    assert gallery.model.index(0).data() == "picture 3"


def test_enter_searches_at_once_and_focuses_the_results(
    view: GalleryView, gallery: Gallery, qtbot: QtBot
) -> None:
    view.activateWindow()
    view.search_field.setFocus()
    QTest.keyClicks(view.search_field, "3")
    with qtbot.waitSignal(gallery.model.modelReset):
        QTest.keyClick(view.search_field, Key.Key_Return)
    assert view.grid.hasFocus()
    assert gallery.model.text == "3"


def test_esc_first_clears_the_search_and_then_reaches_the_window(
    view: GalleryView, gallery: Gallery, qtbot: QtBot
) -> None:
    view.search_field.setText("3")
    (clear,) = (action for action in view.search_field.actions() if action.text() == "Clear the search")
    assert clear.isVisible()
    QTest.keyClick(view.search_field, Key.Key_Escape)
    assert view.search_field.text() == ""
    assert not clear.isVisible()
    override = QKeyEvent(QEvent.Type.ShortcutOverride, Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
    override.ignore()
    QApplication.sendEvent(view.search_field, override)
    assert not override.isAccepted()


def test_two_views_of_the_same_pictures_show_the_same_search(
    view: GalleryView, gallery: Gallery, qtbot: QtBot
) -> None:
    page = show(gallery, qtbot, (800, 500))
    other = page.widget
    QTest.keyClicks(view.search_field, "3")
    qtbot.waitUntil(lambda: gallery.model.rowCount() == 1)
    assert other.search_field.text() == "3"


def test_empty_views_say_what_will_appear(
    view: GalleryView, page: OpenPage, gallery: Gallery, qtbot: QtBot
) -> None:
    assert view.grid.isVisible()
    gallery.model.search("nothing like it")
    qtbot.waitUntil(lambda: not view.grid.isVisible())
    assert text.not_found() in page.texts
    assert text.empty_hint() not in page.texts
    gallery.model.set_live(live())
    assert view.grid.isVisible()
    assert view.grid.accessibleDescription() == text.not_found()
    gallery.model.set_live(None)
    for entry in (entries := gallery.store.catalogue.entries()):
        entry.path.unlink()
    gallery.store.catalogue.remove(entries)
    gallery.model.search("")
    qtbot.waitUntil(lambda: {text.empty(), text.empty_hint()} <= set(page.texts))


def test_before_it_is_read_a_gallery_does_not_say_that_it_is_empty(gallery: Gallery, qtbot: QtBot) -> None:
    page = show_page(gallery, "gallery", qtbot, (320, 640))
    assert page.widget.grid.isVisible()
    assert text.empty() not in page.texts


def test_a_wide_view_says_how_many_there_are(gallery: Gallery, qtbot: QtBot) -> None:
    page = show(gallery, qtbot, (900, 500))
    assert text.pictures(7) in page.texts
    columns = page.widget.grid.tiles.columns
    page.widget.resize(320, 500)
    assert text.pictures(7) not in page.texts
    assert page.widget.grid.tiles.columns < columns


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
def test_html_in_a_prompt_is_shown_as_text(view: GalleryView, gallery: Gallery) -> None:
    tip = tooltip(view, 0)
    assert "&lt;img src=" in tip
    assert "<img" not in tip
    assert summary(gallery.model.entry_at(0).metadata) in tip


def test_every_tile_tells_a_screen_reader_what_it_is(view: GalleryView, gallery: Gallery) -> None:
    gallery.model.set_live(live())
    found = QAccessible.queryAccessibleInterface(view.grid)
    assert found.role() == QAccessible.Role.List
    assert found.text(QAccessible.Text.Name)
    assert found.childCount() == 8
    names = [found.child(row).text(QAccessible.Text.Name) for row in range(2)]
    assert names == [text.live_tile(live(3)), accessible_text(gallery.model.entry_at(1))]
    assert found.child(1).role() == QAccessible.Role.ListItem
    assert QAccessible.queryAccessibleInterface(view.search_field).text(QAccessible.Text.Name)


def test_tab_goes_from_the_search_to_the_tiles(view: GalleryView) -> None:
    view.activateWindow()
    view.search_field.setFocus()
    QTest.keyClick(view.search_field, Key.Key_Tab)
    assert view.grid.hasFocus()
    assert view.grid.currentIndex().row() == 0


def test_the_mouse_over_a_tile_is_shown(painted: Painted, view: GalleryView) -> None:
    def hovered() -> list[int]:
        return [row for row, state in enumerate(painted.states(view)) if state.hovered]

    QTest.mouseMove(view.grid.viewport(), centre(view, 2))
    assert hovered() == [2]
    QApplication.sendEvent(view.grid.viewport(), QEvent(QEvent.Type.Leave))
    assert hovered() == []


def test_going_back_from_a_large_picture_leads_to_its_tile(view: GalleryView, gallery: Gallery) -> None:
    entry = gallery.model.entry_at(5)
    view.select(entry)
    assert view.grid.currentIndex().data(EntryRole) == entry
