from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtGui import QImage

from studio.errors import StorageError
from studio.gallery import images as tiles
from studio.gallery.images import encode
from studio.ui.core.thumbnails import THREADS, Thumbnails
from tests.gallery.samples import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot


class Reader:
    """Replaces the reading of thumbnails: records what is read in which thread, and can be made to wait.

    Attributes:
        read: the names of the files, in order.
        threads: the threads that have read.
        most: the most files that were read at the same time.
    """

    def __init__(self) -> None:
        self.read: list[str] = []
        self.most = self._reading = 0
        self._lock = threading.Lock()
        self.threads: set[threading.Thread] = set()
        self.begun, self.go_on = threading.Semaphore(0), threading.Event()
        self.go_on.set()

    def __call__(self, path: Path, side: int, radius: float, cache: Path | None) -> NDArray[np.uint8]:
        self.read.append(path.name)
        self.threads.add(threading.current_thread())
        with self._lock:
            self._reading += 1
            self.most = max(self.most, self._reading)
        self.begun.release()
        assert self.go_on.wait(10)
        with self._lock:
            self._reading -= 1
        if path.name.startswith("broken"):
            raise StorageError(path, "is a damaged PNG")
        return np.full((side, side, 4), 255, np.uint8)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    made = Reader()
    monkeypatch.setattr(tiles, "read_tile", made)
    return made


@pytest.fixture
def thumbnails(request: pytest.FixtureRequest) -> Iterator[Thumbnails]:
    made = Thumbnails(**getattr(request, "param", {}))
    yield made
    made.close()


def keys(*names: str | int, side: int = 16) -> list[tuple[Path, int]]:
    return [(Path(str(name)), side) for name in names]


def has_all(thumbnails: Thumbnails, *names: str | int, side: int = 16) -> bool:
    return all(thumbnails.has(path, side) for path, side in keys(*names, side=side))


def test_a_tile_is_made_in_the_background_and_kept(
    thumbnails: Thumbnails, reader: Reader, qtbot: QtBot
) -> None:
    assert thumbnails.image(Path("a"), 16) is None
    with qtbot.waitSignal(thumbnails.made) as made:
        thumbnails.want("view", keys("a"), 2)
    assert made.args == [Path("a")]
    image = thumbnails.image(Path("a"), 16)
    assert image is not None
    assert (image.width(), image.height(), image.format()) == (
        16,
        16,
        QImage.Format.Format_ARGB32_Premultiplied,
    )
    thumbnails.want("view", keys("a"), 2)
    assert reader.read == ["a"]
    assert threading.main_thread() not in reader.threads


def test_the_latest_requests_are_made_first_and_those_out_of_sight_not_at_all(
    thumbnails: Thumbnails, reader: Reader, qtbot: QtBot
) -> None:
    reader.go_on.clear()
    thumbnails.want("view", keys(*range(10)), 2)
    for _ in range(THREADS):
        assert reader.begun.acquire(timeout=10)
    thumbnails.want("view", keys(*range(50, 56)), 2)
    thumbnails.want("other view", keys(90, 91), 2)
    reader.go_on.set()
    qtbot.waitUntil(lambda: has_all(thumbnails, 50, 51, 52, 53, 54, 55, 90, 91))
    assert set(reader.read[:THREADS]) == {"0", "1"}
    assert set(reader.read[THREADS:]) == {"90", "91", "50", "51", "52", "53", "54", "55"}
    assert set(reader.read[THREADS : THREADS + 2]) == {"90", "91"}
    assert not has_all(thumbnails, 5)


def test_the_same_tile_is_not_made_twice_at_a_time(
    thumbnails: Thumbnails, reader: Reader, qtbot: QtBot
) -> None:
    reader.go_on.clear()
    for _ in range(5):
        thumbnails.want("view", keys("a", "b", "c"), 2)
        thumbnails.want("other view", keys("a", "b", "c"), 2)
    reader.go_on.set()
    qtbot.waitUntil(lambda: has_all(thumbnails, "a", "b", "c"))
    assert sorted(reader.read) == ["a", "b", "c"]


def test_threads_that_ended_are_restarted(thumbnails: Thumbnails, reader: Reader, qtbot: QtBot) -> None:
    for number in range(50):
        thumbnails.want("view", keys(number), 2)
        qtbot.waitUntil(lambda number=number: has_all(thumbnails, number))
    thumbnails.want("view", keys(*range(50, 80)), 2)
    qtbot.waitUntil(lambda: has_all(thumbnails, *range(50, 80)))
    assert reader.most <= THREADS


@pytest.mark.parametrize("thumbnails", [{"budget_bytes": 10 * 16 * 16 * 4}], indirect=True)
def test_memory_is_bounded_and_the_most_recently_shown_stay(
    thumbnails: Thumbnails, reader: Reader, qtbot: QtBot
) -> None:
    for number in range(10):
        thumbnails.want("view", keys(number), 2)
        qtbot.waitUntil(lambda number=number: has_all(thumbnails, number))
    assert thumbnails.image(Path("0"), 16) is not None
    thumbnails.want("view", keys(10), 2)
    qtbot.waitUntil(lambda: has_all(thumbnails, 10))
    assert thumbnails.image(Path("0"), 16) is not None
    kept = [number for number in range(11) if thumbnails.image(Path(str(number)), 16) is not None]
    assert kept == [0, *range(2, 11)]


def test_another_size_is_shown_until_the_right_one_is_made(
    thumbnails: Thumbnails, reader: Reader, qtbot: QtBot
) -> None:
    thumbnails.want("view", keys("a"), 2)
    qtbot.waitUntil(lambda: has_all(thumbnails, "a"))
    image = thumbnails.image(Path("a"), 32)
    assert image is not None
    smaller = image.width()
    assert not has_all(thumbnails, "a", side=32)
    thumbnails.want("view", keys("a", side=32), 2)
    qtbot.waitUntil(lambda: has_all(thumbnails, "a", side=32))
    image = thumbnails.image(Path("a"), 32)
    assert image is not None
    assert image.width() == 32 > smaller


def test_a_broken_picture_is_a_sentence_and_is_tried_again_only_when_asked(
    thumbnails: Thumbnails, reader: Reader, qtbot: QtBot
) -> None:
    broken = Path("broken")
    for _ in range(3):
        thumbnails.want("view", keys("broken"), 2)
        qtbot.waitUntil(lambda: has_all(thumbnails, "broken"))
    assert thumbnails.image(broken, 16) is None
    assert thumbnails.fault(broken) == "broken is a damaged PNG."
    assert reader.read == ["broken"]
    thumbnails.retry()
    assert thumbnails.fault(broken) == ""
    thumbnails.want("view", keys("broken"), 2)
    qtbot.waitUntil(lambda: len(reader.read) == 2)


def test_real_pictures_become_tiles(thumbnails: Thumbnails, tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(encode(np.full((64, 64, 3), (255, 128, 0), np.uint8), metadata()))
    thumbnails.want("view", [(path, 144), (tmp_path / "gone.png", 144)], 8)
    qtbot.waitUntil(lambda: thumbnails.has(path, 144) and thumbnails.has(tmp_path / "gone.png", 144))
    image = thumbnails.image(path, 144)
    assert image is not None
    assert image.pixelColor(72, 72).getRgb() == (255, 128, 0, 255)
    assert image.pixelColor(0, 0).alpha() == 0
    assert str(tmp_path / "gone.png") in thumbnails.fault(tmp_path / "gone.png")


@pytest.mark.parametrize("thumbnails", [{"cache": Path("cache")}], indirect=True)
def test_the_cache_is_trimmed_once(
    thumbnails: Thumbnails, reader: Reader, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimmed: list[Path] = []
    monkeypatch.setattr(tiles, "trim", trimmed.append)
    for number in range(3):
        thumbnails.want("view", keys(number), 2)
        qtbot.waitUntil(lambda number=number: has_all(thumbnails, number))
    qtbot.waitUntil(lambda: trimmed == [Path("cache/thumbnails")])


def test_closing_waits_for_the_thumbnails_in_progress_and_starts_no_others(
    thumbnails: Thumbnails, reader: Reader, qtbot: QtBot
) -> None:
    thumbnails.want("view", keys(*range(1000)), 2)
    thumbnails.close()
    read = len(reader.read)
    thumbnails.want("view", keys(2000), 2)
    qtbot.waitUntil(lambda: True)
    assert len(reader.read) == read < 1000
