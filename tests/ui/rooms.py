"""A session with everything around it but views: real models, a real store, a scripted engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from studio.runs.store import RunStore
from studio.ui.core.background import Background
from studio.ui.core.engine_thread import EngineThread
from studio.ui.core.frame_service import FrameService
from studio.ui.core.notices import Notices
from studio.ui.core.settings import Preferences, SettingsFile
from studio.ui.jobs.queue_model import QueueModel
from studio.ui.jobs.session import Session
from studio.ui.jobs.timings import Timings
from studio.ui.run.model import RunModel
from studio.ui.shell.status_model import StatusModel
from tests.ui.fakes import FakeEngine, Maker, asking, make_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.gallery.index import Entry
    from studio.ui.core.job import Job
    from studio.ui.core.notices import Notice
    from studio.ui.gallery.model import GalleryModel
    from studio.ui.jobs.live_tile import LiveTile
    from tests.ui.fakes import Gate, Script


class Wall(QObject):
    """Stands in for the gallery, and remembers what was hung on it.

    Attributes:
        entries: the pictures, in the order in which they came.
        tiles: every state of the live tile.
    """

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self.tiles: list[LiveTile | None] = []

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)

    def set_live(self, tile: LiveTile | None) -> None:
        self.tiles.append(tile)


class Studio:
    """A session and its models.

    Attributes:
        told: the notices that were posted.
        busy: what `Session.running_changed` said.
        steps: what `Session.step_taken` said.
    """

    def __init__(
        self, qtbot: QtBot, home: Path, *scripts: Script, errors: tuple[BaseException, ...] = ()
    ) -> None:
        self._qtbot = qtbot
        self.engine = FakeEngine(*scripts)
        self.maker = Maker(self.engine, *errors)
        self.store = make_store(home)
        self.queue, self.status, self.notices = QueueModel(), StatusModel(), Notices()
        self.runs = RunStore(home / "runs")
        self.wall = Wall()
        self.preferences = Preferences(SettingsFile(home / "settings.json"))
        self.timings = Timings(home / "timings.json")
        self.told: list[Notice] = []
        self.notices.posted.connect(self.told.append)
        self.use(self.maker, self.wall)

    def use(self, make_engine: Callable[[], Any], gallery: Wall | GalleryModel) -> None:
        """Have the session work with these from now on; to be called before it is started."""
        self.thread = EngineThread(make_engine, self.store, self.runs)
        self.background = Background()
        self.frames = FrameService(self.thread, self.background)
        self.run = RunModel(self.frames)
        self.session = Session(
            self.thread,
            self.store,
            queue=self.queue,
            run=self.run,
            gallery=gallery,  # type: ignore[arg-type] - the wall does as well
            status=self.status,
            notices=self.notices,
            preferences=self.preferences,
            timings=self.timings,
        )
        self.busy: list[bool] = []
        self.steps: list[Any] = []
        self.session.running_changed.connect(self.busy.append)
        self.session.step_taken.connect(self.steps.append)

    def generate(self, prompt: str = "a fox", **fields: Any) -> Job:  # noqa: ANN401
        return self.session.generate(asking(prompt, **fields))

    def wait(self, condition: Callable[[], object]) -> None:
        self._qtbot.waitUntil(lambda: bool(condition()), timeout=8000)

    def wait_for(self, gate: Gate) -> None:
        self.wait(gate.reached.is_set)

    def wait_idle(self) -> None:
        self.wait(lambda: self.queue.running is None)

    @property
    def prompts(self) -> list[str]:
        """Of the jobs that ran, in their order."""
        return [take.request.prompt for take in self.engine.takes]

    @property
    def sentences(self) -> list[str]:
        return [notice.sentence for notice in self.told]
