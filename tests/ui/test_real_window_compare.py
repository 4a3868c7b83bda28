"""The page of comparisons on a screen of its own: scrubbed, wiped and blinked with real mouse and keys.

What is seen is read from the screen's own pixels.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import ImageGrab, features

from studio.folders import Folders
from studio.ui.widgets.scrubber import EDGE
from tests.screen import missing, screen
from tests.ui.test_real_window import Window, pictures, program, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

SIZE = (1440, 900)
STAGE, SCRUBBER = "Pictures side by side", "Steps of all runs"
"""Accessible names."""
SETTINGS = {
    "theme": "dark",
    "comparison": {
        "columns": [{"model": "starter", "sampler": "ddim", "steps": 4, "seed": seed} for seed in (1, 2)]
    },
}

pytestmark = [
    pytest.mark.skipif(
        sys.platform != "linux" or bool(missing()) or not features.check("xcb"),
        reason="needs Xvfb, openbox, xdotool, and Pillow with xcb",
    ),
    pytest.mark.timeout(300),
]


class Sight:
    """The screen, and hands on it.

    Attributes:
        window: the program's.
    """

    def __init__(self, window: Window, environment: Mapping[str, str]) -> None:
        self.window, self._display = window, environment["DISPLAY"]
        self.box = (0, 0, *SIZE)

    def whole(self) -> NDArray[np.int16]:
        return np.asarray(ImageGrab.grab(xdisplay=self._display).convert("RGB")).astype(np.int16)

    def picture(self) -> NDArray[np.int16]:
        """The pixels of the pair's picture, without its edge."""
        left, top, right, bottom = self.box
        return self.whole()[top:bottom, left:right]

    def find_picture(self) -> None:
        """Look for the one picture of a pair on the stage: what is not the ground beside it, without the names."""
        stage = self.window.place(STAGE)
        x, y = stage.middle
        seen = self.whole()
        ground = seen[y, stage.x + 4]
        row = np.abs(seen[y, stage.x + 4 : stage.x + stage.width - 4] - ground).max(axis=1) > 12
        across = np.flatnonzero(row) + stage.x + 4
        column = np.abs(seen[stage.y : stage.y + stage.height, x] - ground).max(axis=1) > 12
        above = np.flatnonzero(~column[: y - stage.y])
        below = np.flatnonzero(~column[y - stage.y :])
        top = stage.y + (int(above[-1]) + 1 if len(above) else 0)
        bottom = y + int(below[0]) if len(below) else stage.y + stage.height
        self.box = (
            int(across[0]) + 2,
            top + 40,
            int(across[-1]) - 2,
            bottom - 2,
        )  # below the names of A and B

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        hands = self.window.hands
        hands("mousemove", *map(str, start), "mousedown", "1")
        middle = ((start[0] + end[0]) // 2, (start[1] + end[1]) // 2)
        for point in (middle, end):
            hands("mousemove", "--sync", *map(str, point))
        hands("mouseup", "1")

    def settled(self) -> NDArray[np.int16]:
        """Return the picture once two looks at it are alike."""
        last: list[NDArray[np.int16]] = [self.picture()]

        def alike() -> bool:
            last.append(self.picture())
            return len(last) > 4 and same(last[-1], last[-4])

        until(alike, "a picture that stands still")
        return last[-1]


def apart(first: NDArray[np.int16], second: NDArray[np.int16]) -> float:
    return float(np.abs(first - second).mean())


def same(first: NDArray[np.int16], second: NDArray[np.int16]) -> bool:
    return apart(first, second) < 0.5


@pytest.fixture(scope="module")
def sight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sight]:
    """Two runs of two seeds, finished, as a pair with a line between them."""
    home: Path = tmp_path_factory.mktemp("home")
    folders = Folders.under(home)
    folders.settings.mkdir(parents=True)
    (folders.settings / "window.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
    with screen(*SIZE) as environment, program(environment, home) as window:
        window.press("ctrl+2")
        window.press("ctrl+Return")
        until(lambda: len(pictures(folders)) == 2, "both pictures")
        sight = Sight(window, environment)
        window.press("w")
        sight.settled()
        sight.find_picture()
        yield sight
        window.press("ctrl+q")
        assert window.ended() == 0


@pytest.fixture(scope="module")
def pair(sight: Sight) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """What A and B look like: the line is dragged from one edge to the other."""
    left, top, right, bottom = sight.box
    middle = (top + bottom) // 2
    sight.drag(((left + right) // 2, middle), (right + 20, middle))
    first = sight.settled()
    sight.drag((right - 4, middle), (left - 20, middle))
    second = sight.settled()
    assert apart(first, second) > 5
    return first, second


def test_the_scrubber_follows_keys_and_mouse(sight: Sight) -> None:
    sight.window.press("End")
    end = sight.settled()
    scrubber = sight.window.place(SCRUBBER)
    middle, height = scrubber.middle
    sight.window.press("Home")
    noise = sight.settled()
    assert apart(noise, end) > 20
    left, right = scrubber.x + round(EDGE), scrubber.x + scrubber.width - round(EDGE)
    sight.drag((left, height), (right, height))
    assert same(sight.settled(), end)
    sight.window.hands("mousemove", str(middle), str(height), "click", "1")
    between = sight.settled()
    assert not same(between, end)
    assert not same(between, noise)
    sight.window.press("Left")
    assert not same(sight.settled(), between)
    sight.window.press("Right")
    assert same(sight.settled(), between)
    sight.window.press("End")
    assert same(sight.settled(), end)


def test_the_line_of_a_wipe_is_dragged_and_turned(
    sight: Sight, pair: tuple[NDArray[np.int16], NDArray[np.int16]]
) -> None:
    first, second = pair
    left, top, right, bottom = sight.box
    width, middle = right - left, (top + bottom) // 2
    for share in (0.3, 0.7):
        at = round(share * width)
        sight.drag((left + 10, middle), (left + at, middle))
        seen = sight.settled()
        assert same(seen[:, : at - 6], first[:, : at - 6]), "A at the left of the line"
        assert same(seen[:, at + 6 :], second[:, at + 6 :]), "B at its right"
        assert (seen[:, at - 2 : at + 3].min(axis=2).max(axis=1) > 240).all(), "the line itself"
    sight.window.press("x")
    at = round(0.5 * (bottom - top))
    sight.drag(((left + right) // 2, top + 10), ((left + right) // 2, top + at))
    seen = sight.settled()
    assert same(seen[: at - 6], first[: at - 6]), "A above the line"
    below = seen[at + 40 :], second[at + 40 :]  # the name of B lies beneath the line
    assert same(*below)
    sight.window.press("x")


def test_a_is_seen_in_the_place_of_b_as_long_as_a_key_or_the_mouse_is_held(
    sight: Sight, pair: tuple[NDArray[np.int16], NDArray[np.int16]]
) -> None:
    first, second = pair
    hands = sight.window.hands
    left, top, right, bottom = sight.box
    hands("keydown", "b")
    assert same(sight.settled(), first)
    hands("keyup", "b")
    assert same(sight.settled(), second)
    hands("mousemove", str((left + right) // 2), str((top + bottom) // 2), "mousedown", "1")
    assert same(sight.settled(), first)
    hands("mouseup", "1")
    assert same(sight.settled(), second)
    sight.window.press("w")
