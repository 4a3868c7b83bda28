"""A training in the program as it is started: two clicks from a folder, a picture in the middle, and on another day."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw

from studio.checkpoints.catalog import list_models
from studio.engine.training.resumable import folder_of, resumable
from studio.folders import Folders
from tests.screen import missing, screen
from tests.ui.test_real_window import nothing_is_left_of, pictures, program, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.ui.test_real_window import Window

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or bool(missing()), reason="needs Xvfb, openbox and xdotool"
)

NAME = "my-drawings"
QUESTION = "Choose a folder of pictures"
TINY = {
    "size": 32,
    "batch": 4,
    "latents": False,
    "steps": 100_000,
    "text_steps": 0,
    "codec_steps": 1,
}
"""Small enough to learn from the first second on, and long enough not to end before it is stopped."""


@pytest.fixture(scope="module")
def display() -> Iterator[Mapping[str, str]]:
    with screen(1440, 900) as environment:
        yield environment


@pytest.fixture
def drawings(tmp_path: Path) -> Path:
    folder = tmp_path / "My drawings"
    folder.mkdir()
    for number, colour in enumerate(("red", "green", "blue", "orange")):
        picture = Image.new("RGB", (64, 64), "white")
        ImageDraw.Draw(picture).ellipse((8 + number, 8, 50, 50), fill=colour)
        picture.save(folder / f"a {colour} ball.png")
    (folder / "broken.png").write_bytes(b"not a drawing")
    return folder


@pytest.mark.timeout(300)
def test_two_clicks_train_a_picture_is_made_meanwhile_and_it_goes_on_after_a_restart(
    display: Mapping[str, str], tmp_path: Path, drawings: Path
) -> None:
    home = tmp_path / "home"
    folders = Folders.under(home)
    folders.settings.mkdir(parents=True)
    settings = {"train": TINY, "form": {"prompt": "a red apple", "steps": 4}}
    (folders.settings / "window.json").write_text(json.dumps(settings))
    with program(display, home) as window:
        window.press("ctrl+5")
        window.click("Choose a folder", which=0)
        until(lambda: is_asked(window), "the question for a folder")
        until(lambda: answers(window, drawings), "the folder to be taken")
        window.click("Train", "Button")
        until(lambda: folder_of(NAME, folders).is_dir(), "the training")
        window.press("ctrl+1")
        window.press("ctrl+Return")
        until(lambda: pictures(folders), "the picture in the middle of the training")
        window.press("ctrl+5")
        until(lambda: learns(window, folders, after=0), "the first steps")
        window.press("ctrl+q")
        assert window.ended() == 0
        assert nothing_is_left_of(window.process)
    stopped = steps(folders)
    assert f"{NAME}-{stopped}" in checkpoints(folders)
    with program(display, home) as window:
        window.press("ctrl+5")
        window.click(f"Resume {NAME}")
        until(lambda: learns(window, folders, after=stopped), "more steps")
        window.click("Resume")
        window.place("Pause")
        time.sleep(2)
        window.press("ctrl+q")  # in the middle: everything is saved
        assert window.ended() == 0
        assert nothing_is_left_of(window.process)
    assert steps(folders) > stopped
    assert {f"{NAME}-{stopped}", f"{NAME}-{steps(folders)}"} <= checkpoints(folders)


def learns(window: Window, folders: Folders, *, after: int) -> bool:
    """Let the training run for a while, and stop it; whether it got further than ``after``, else it goes on."""
    time.sleep(2)
    window.click("Stop")
    window.place("Resume")
    if steps(folders) > after:
        return True
    window.click("Resume")
    return False


def answers(window: Window, folder: Path) -> bool:
    """Type the folder and take it; whether the question is gone."""
    with contextlib.suppress(subprocess.CalledProcessError):  # it is gone already
        window.hands("search", "--onlyvisible", "--name", QUESTION, "windowactivate", "--sync")
        window.press("ctrl+a")
        window.hands("type", "--delay", "20", str(folder))
        time.sleep(1)
        window.press("Return")
        time.sleep(1)
    return not is_asked(window)


def is_asked(window: Window) -> bool:
    try:
        return bool(window.hands("search", "--onlyvisible", "--name", QUESTION))
    except subprocess.CalledProcessError:
        return False


def steps(folders: Folders) -> int:
    """Return how many steps of the training are safe."""
    (found,) = resumable(folders)
    return found.step if found.stage == "backbone" else 0


def checkpoints(folders: Folders) -> set[str]:
    """Return the models that came of the training and are whole."""
    return {model.name for model in list_models(folders) if model.card is not None and not model.shipped}
