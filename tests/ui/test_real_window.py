"""The program as it is started, on a screen of its own, with real mouse and keys and the shipped model."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from studio.folders import HOME_VARIABLE, Folders
from studio.gallery import png
from studio.gallery.index import Catalogue
from tests.screen import missing, screen
from tests.ui.probe import SOCKET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parents[2]
PATIENCE_S = 90

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or bool(missing()), reason="needs Xvfb, openbox and xdotool"
)


@pytest.fixture(scope="module")
def display() -> Iterator[Mapping[str, str]]:
    with screen(1440, 900) as environment:
        yield environment


class Place(NamedTuple):
    """Where a control is, in pixels of the screen."""

    x: int
    y: int
    width: int
    height: int

    @property
    def middle(self) -> tuple[int, int]:
        return self.x + self.width // 2, self.y + self.height // 2


class Window:
    """The running program, and hands for its window."""

    def __init__(self, process: subprocess.Popen[str], environment: Mapping[str, str]) -> None:
        self.process, self._environment = process, environment
        self.id = ""
        until(self._is_found, "the window")
        self.hands("windowactivate", "--sync", self.id)

    def _is_found(self) -> bool:
        """Look for the window; a look fails where some other window goes away meanwhile."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.id = self.hands("search", "--onlyvisible", "--name", "^Stepwise Studio$").partition("\n")[0]
        return bool(self.id)

    def hands(self, *arguments: str) -> str:
        done = subprocess.run(
            ["xdotool", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_S,
        )
        return done.stdout

    def type(self, text: str) -> None:
        self.hands("type", "--window", self.id, "--delay", "15", text)

    def press(self, keys: str) -> None:
        self.hands("key", keys)

    def controls(self, name: str, role: str = "") -> list[dict[str, Any]]:
        """Ask the program for the controls of a name that can be seen, from top to bottom."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(PATIENCE_S)
            line.connect(self._environment[SOCKET])
            line.sendall(f"{name}\n".encode())
            answer = line.makefile("rb").readline()
        return [control for control in json.loads(answer) if role in ("", control["role"])]

    def ready(self, name: str, role: str = "", which: int | None = None) -> Place | None:
        """Return where a control is that can be clicked; None where it is not there, covered or disabled.

        Args:
            name: its accessible name.
            role: its accessible role, where another control has the same name.
            which: its number among several, from top to bottom.
        """
        found = self.controls(name, role)
        assert which is not None or len(found) <= 1, f"{name!r} is not the name of one control: {found}"
        ready = [
            one
            for one in found[which if which is not None else 0 :][:1]
            if one["enabled"] and not one["covered"]
        ]
        return Place(*(ready[0][key] for key in Place._fields)) if ready else None

    def place(self, name: str, role: str = "", which: int | None = None) -> Place:
        """Return where a control is, once it is ready and does not move any more."""
        seen: list[Place | None] = [None]

        def stands() -> bool:
            seen.append(self.ready(name, role, which))
            return seen[-1] is not None and seen[-1] == seen[-2]

        until(stands, f"the control {name!r}")
        assert seen[-1] is not None
        return seen[-1]

    def click(self, name: str, role: str = "", which: int | None = None) -> None:
        x, y = self.place(name, role, which).middle
        self.hands("mousemove", str(x), str(y), "click", "1")

    def ended(self) -> int:
        return self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def program(display: Mapping[str, str], home: Path, *, probed: bool = True) -> Iterator[Window]:
    """Start the program, or the program with a probe that tells where its controls are."""
    environment = {**display, HOME_VARIABLE: str(home), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:  # a socket's path must be short
        environment[SOCKET] = str(Path(folder) / "probe")
        with _running("tests.ui.probe" if probed else "studio", environment) as window:
            yield window


@contextlib.contextmanager
def _running(module: str, environment: Mapping[str, str]) -> Iterator[Window]:
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield Window(process, environment)
    finally:
        if process.poll() is None:
            process.kill()
        said, _ = process.communicate()
        assert not said, said


def until(true: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)


def pictures(folders: Folders) -> list[Path]:
    return sorted(folders.outputs.glob("*.png")) if folders.outputs.is_dir() else []


def nothing_is_left_of(process: subprocess.Popen[str]) -> bool:
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.timeout(300)
def test_a_prompt_that_is_typed_becomes_a_picture(display: Mapping[str, str], tmp_path: Path) -> None:
    folders, prompt = Folders.under(tmp_path), "a red apple"
    with program(display, tmp_path, probed=False) as window:
        window.type(prompt)  # the suggested prompt is selected, so that typing replaces it
        window.press("ctrl+Return")
        until(lambda: pictures(folders), "the picture")
        window.press("ctrl+q")
        assert window.ended() == 0
        assert nothing_is_left_of(window.process)
    metadata = png.read(pictures(folders)[0]).metadata
    assert metadata is not None
    assert metadata.request["prompt"] == prompt
    assert len(Catalogue(folders.catalogue).entries()) == 1


def origins(folders: Folders) -> set[tuple[str, int, int]]:
    """Of the pictures that come from a step of a run: how, which one, of how many."""
    read = [png.read(path).metadata for path in pictures(folders)]
    found = [metadata.origin for metadata in read if metadata is not None]
    return {(origin.kind, origin.step, origin.of) for origin in found if origin is not None}


@pytest.mark.timeout(300)
def test_a_run_is_scrubbed_with_keys_and_mouse_and_its_steps_are_kept_and_forked(
    display: Mapping[str, str], tmp_path: Path
) -> None:
    folders = Folders.under(tmp_path)
    with program(display, tmp_path) as window:
        window.press("ctrl+Return")
        until(lambda: pictures(folders), "the picture")
        window.press("ctrl+e")
        for key in ("Home", "Right", "shift+Right", "k"):
            window.press(key)
        until(lambda: ("step", 6, 30) in origins(folders), "step 6")
        window.click("Steps", "Slider", which=-1)
        window.press("k")
        until(lambda: ("step", 15, 30) in origins(folders), "step 15")
        window.press("f")
        window.press("ctrl+a")
        window.type("a snowman on a blue background")
        window.press("ctrl+Return")
        until(lambda: ("fork", 15, 30) in origins(folders), "the fork")
        window.press("ctrl+q")
        assert window.ended() == 0
    runs = sorted(folders.runs.glob("0*"))
    assert len(runs) == 2
    assert '"parent_step": 15' in (runs[1] / "run.json").read_text(encoding="ascii")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["key", "signal"])
def test_closing_in_the_middle_of_a_job_loses_no_finished_picture(
    display: Mapping[str, str], tmp_path: Path, how: str
) -> None:
    folders = Folders.under(tmp_path)
    with program(display, tmp_path) as window:
        for _ in range(2):
            window.press("ctrl+Return")
        until(lambda: pictures(folders), "the first picture")
        for _ in range(6):
            window.press("ctrl+Return")
        if how == "key":
            window.press("ctrl+q")
        else:
            window.process.send_signal(signal.SIGTERM)
        assert window.ended() == 0
        assert nothing_is_left_of(window.process)
    kept = pictures(folders)
    assert len(kept) < 8
    assert all(png.read(path).metadata is not None for path in kept)
    assert {entry.path for entry in Catalogue(folders.catalogue).entries()} == set(kept)
    assert not list(folders.outputs.glob(".*.part"))


@pytest.mark.timeout(300)
def test_what_stands_in_the_form_is_there_at_the_next_start(
    display: Mapping[str, str], tmp_path: Path
) -> None:
    typed = ("a blue whale", " swimming")
    for text in typed:
        with program(display, tmp_path) as window:
            window.press("ctrl+l")
            window.press("ctrl+End")
            window.type(text)
            time.sleep(0.3)
            window.press("ctrl+q")
            assert window.ended() == 0
    saved = (Folders.under(tmp_path).settings / "window.json").read_text(encoding="utf-8")
    assert "".join(typed) in saved
