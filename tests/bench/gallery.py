"""How quickly the gallery opens, scrolls and takes in a new picture, beside a twin that loads everything first.

The twin is what a list of pictures usually is: Qt's own layout, and every entry and thumbnail read before anything is
shown. It gets fewer pictures: with as many as the gallery it would still be loading.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QAbstractListModel, QCoreApplication, QEvent, QModelIndex, QObject, QSize, Qt
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import QApplication, QListView

from studio.gallery.database import Database
from studio.gallery.images import encode
from studio.gallery.index import Entry, insert
from studio.gallery.store import PictureStore
from studio.ui.core.notices import Notices
from studio.ui.core.thumbnails import Thumbnails
from studio.ui.gallery.model import GalleryModel
from studio.ui.gallery.page import GalleryView
from studio.ui.shell.main_window import USUAL
from studio.ui.theme.theme import Theme
from tests.bench.measure import say
from tests.gallery.samples import metadata, pixels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PySide6.QtWidgets import QAbstractScrollArea

    from studio.ui.gallery.grid import TileLayout

COUNTS = {10_000: 100.0, 100_000: 1000.0}
"""How many pictures, and how long they may take to open."""
FILES = 500
TWIN = 2_000
ROUNDS, OPENINGS = 40, 5
SCROLL_BAR_MS = 16.0
WAIT_S = 60.0


def bench() -> Mapping[str, object]:
    """Open, scroll and grow galleries."""
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    theme = Theme(app, "dark")
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        data = encode(pixels(side=61), metadata())
        (place / "pictures").mkdir()
        for number in range(FILES):
            (place / "pictures" / f"{number:06d}-7.png").write_bytes(data)
        for count, open_bar_ms in COUNTS.items():
            say(f"gallery: {count:,} pictures")
            figures[f"{count} pictures"] = gallery(fill(place, count), theme, open_bar_ms)
        say(f"gallery: {TWIN:,} pictures, all loaded first")
        store = PictureStore(*fill(place, TWIN))
        opened = Opening(store, theme)
        opened.close()
        figures[f"{TWIN} pictures, all loaded first"] = twin(store, opened.view.grid.tiles)
    return figures


def gallery(folders: tuple[Path, Path], theme: Theme, open_bar_ms: float) -> dict[str, object]:
    """Measure the real view: opened several times, each with everything new but the files; the last one is used."""
    openings = []
    for turn in range(OPENINGS):
        opened = Opening(PictureStore(*folders), theme)
        openings.append(opened)
        if turn < OPENINGS - 1:
            opened.close()
    view, model = opened.view, opened.model
    grid, bar = view.grid, view.grid.verticalScrollBar()
    step = grid.viewport().repaint
    scrolled = times(lambda _: (bar.setValue(bar.value() + bar.pageStep()), step()))
    jumped = times(lambda turn: (bar.setValue(bar.maximum() * (turn * 7 % ROUNDS) // ROUNDS), step()))
    bar.setValue(0)
    newest = opened.newest
    added = times(lambda turn: (model.add(replace(newest, id=(newest.id or 0) + 1 + turn)), step()))
    resized = times(lambda turn: (view.resize(USUAL[0] + 5 * turn, USUAL[1]), step()))
    opened.close()
    painted = [opening.painted_ms for opening in openings]
    listed = [opening.listed_ms for opening in openings]
    return {
        "unit": "milliseconds",
        "open to first paint": spread(painted),
        "open to the list painted": spread(listed),
        "bar of both": open_bar_ms,
        "open to all thumbnails in sight": spread([opening.tiles_ms for opening in openings]),
        "scroll a page": spread(scrolled),
        "bar of scrolling": SCROLL_BAR_MS,
        "jump anywhere": spread(jumped),
        "insert a picture": spread(added),
        "resize": spread(resized),
        "holds": statistics.median(listed) <= open_bar_ms and statistics.median(scrolled) <= SCROLL_BAR_MS,
    }


class Opening:
    """A gallery that was opened, and how long that took.

    Attributes:
        painted_ms: to the first paint.
        listed_ms: to the first paint with the list read and laid out.
        tiles_ms: to the thumbnails of all tiles in sight.
        newest: the newest picture.
    """

    def __init__(self, store: PictureStore, theme: Theme) -> None:
        start = time.perf_counter()
        self.thumbnails = Thumbnails()
        self.model = GalleryModel(store, self.thumbnails, Notices())
        self.view = GalleryView(theme, self.model)
        painted = Painted(self.view.grid)
        self.view.resize(*USUAL)
        self.view.show()
        self.model.reload()
        until(lambda: painted.count > 0)
        self.painted_ms = since(start)
        until(lambda: self.model.loaded)
        painted.count = 0
        until(lambda: painted.count > 0)
        self.listed_ms = since(start)
        until(self.is_made)
        self.tiles_ms = since(start)
        newest = self.model.entry_at(0)
        assert newest is not None
        self.newest = newest

    def is_made(self) -> bool:
        """Return whether the thumbnails of all tiles in sight are there."""
        grid = self.view.grid
        entries = [self.model.entry_at(row) for row in grid.rows_in(0, grid.viewport().height())]
        return all(entry and self.thumbnails.has(entry.path, grid.tiles.side) for entry in entries)

    def close(self) -> None:
        self.view.close()
        self.model.close()
        self.thumbnails.close()
        self.view.deleteLater()


def twin(store: PictureStore, tiles: TileLayout) -> dict[str, object]:
    """Measure a list that reads all entries and thumbnails first, and has Qt lay them out with tiles as large."""
    start = time.perf_counter()
    model = Eager(store.catalogue.entries(limit=store.catalogue.count()), tiles.side)
    view = QListView()
    view.setViewMode(QListView.ViewMode.IconMode)
    view.setResizeMode(QListView.ResizeMode.Adjust)
    view.setUniformItemSizes(True)
    view.setGridSize(QSize(tiles.pitch, tiles.pitch))
    view.setIconSize(QSize(tiles.side, tiles.side))
    view.setModel(model)
    painted = Painted(view)
    view.resize(*USUAL)
    view.show()
    until(lambda: painted.count > 0)
    first_ms = since(start)
    bar = view.verticalScrollBar()
    step = view.viewport().repaint
    scrolled = times(lambda _: (bar.setValue(bar.value() + bar.pageStep()), step()))
    added = times(lambda _: (model.insert(), view.doItemsLayout(), step()))
    view.close()
    view.deleteLater()
    return {
        "unit": "milliseconds",
        "open to first paint": round(first_ms, 1),
        "scroll a page": spread(scrolled),
        "insert a picture": spread(added),
    }


class Eager(QAbstractListModel):
    """Every picture in memory, read before the first is shown."""

    def __init__(self, entries: tuple[Entry, ...], side: int) -> None:
        super().__init__()
        self.icons = [QIcon(QPixmap(str(entry.path)).scaled(side, side)) for entry in entries]

    def insert(self) -> None:
        self.beginInsertRows(QModelIndex(), 0, 0)
        self.icons.insert(0, self.icons[0])
        self.endInsertRows()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self.icons)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        return self.icons[index.row()] if role == Qt.ItemDataRole.DecorationRole else None


class Painted(QObject):
    """Counts how often the items of a view are painted."""

    def __init__(self, view: QAbstractScrollArea) -> None:
        super().__init__(view)
        self.count = 0
        view.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.Paint
        return False


def fill(place: Path, count: int) -> tuple[Path, Path]:
    """Make a catalogue of ``count`` pictures (a few files, each by many paths); return the folders of a store."""
    folder = place / f"catalogue-{count}"
    kept = [metadata(f"a {thing} on a blue background") for thing in ("fox", "tiger", "apple", "rocket")]
    for number in range(-(-count // FILES)):
        (place / "pictures" / str(number)).mkdir(exist_ok=True)
    with Database(folder / "pictures.sqlite3").transaction(write=True) as connection:
        for number in range(count):
            path = place / "pictures" / str(number // FILES) / ".." / f"{number % FILES:06d}-7.png"
            insert(connection, Entry(path=path, width=64, height=61, metadata=kept[number % len(kept)]))
    return place / "pictures", folder


def times(turn: Callable[[int], object]) -> list[float]:
    """Return the milliseconds of each turn; between them the background goes on."""
    taken = []
    for number in range(ROUNDS):
        begin = time.perf_counter()
        turn(number)
        taken.append(since(begin))
        rest(0.02)
    return taken


def rest(seconds: float) -> None:
    """Let Qt work for a while."""
    end = time.perf_counter() + seconds
    until(lambda: time.perf_counter() > end)


def spread(taken: list[float]) -> dict[str, float]:
    """Return the median and the longest."""
    return {"median": round(statistics.median(taken), 2), "longest": round(max(taken), 2)}


def since(start: float) -> float:
    """Return the milliseconds since a moment."""
    return (time.perf_counter() - start) * 1e3


def until(holds: Callable[[], bool]) -> None:
    """Let Qt work until something holds.

    Raises:
        RuntimeError: it does not hold in time.
    """
    end = time.perf_counter() + WAIT_S
    while not holds():
        QCoreApplication.processEvents()
        time.sleep(0.0005)  # else this loop would hold the other threads up
        if time.perf_counter() > end:
            raise RuntimeError("the gallery does not come to rest")
