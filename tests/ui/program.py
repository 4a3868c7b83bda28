"""The program as its artist has it, around a scripted engine: what every test of the window stands on.

Three weights, each on temporary folders and each closed again when its test ends:

* `make_models()`: every model, connected as the program connects them. No thread of the engine, no widget.
* `make_page(name)`: the same, and one page of the window, or one large part of a page.
* `make_program()`: all of it, as `studio.ui.app.build` puts it together, with the window in sight.

No test connects models or views by itself, so a constructor may change without changing a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from studio.folders import Folders
from studio.ui import app as composition
from studio.ui.create.form_view import FormView
from studio.ui.gallery.page import GalleryView
from studio.ui.gallery.viewer import Viewer
from studio.ui.models_page.view import ModelsView
from studio.ui.run.canvas import CanvasView
from studio.ui.settings_page.view import SettingsView
from studio.ui.shell.compare_page import ComparePage
from studio.ui.shell.create_page import CreatePage
from studio.ui.theme.theme import Theme
from studio.ui.welcome.view import WelcomeView
from tests.ui.cards import STARTER, installed, listed, show_models
from tests.ui.fakes import FakeEngine, Maker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from PySide6.QtCore import SignalInstance
    from pytestqt.qtbot import QtBot

    from studio.checkpoints.card import ModelCard
    from studio.checkpoints.catalog import InstalledModel
    from studio.engine.events import EngineReport
    from studio.ui.core.notices import Notice
    from studio.ui.shell.models import Models
    from tests.ui.fakes import Gate, Script

    MakeModels = Callable[..., Models]
    MakePage = Callable[..., "OpenPage"]
    MakeProgram = Callable[..., "OpenProgram"]

PAGES: dict[str, Callable[[Theme, Models], QWidget]] = {
    "create": CreatePage,
    "compare": ComparePage,
    "gallery": lambda theme, models: GalleryView(theme, models.gallery, models.intents),
    "models": lambda theme, models: ModelsView(
        theme,
        models.catalog,
        models.form,
        models.intents,
        models.notices,
        models.thumbnails,
        models.store,
    ),
    "form": lambda theme, models: FormView(
        theme, models.form, models.catalog, models.preferences, models.intents
    ),
    "canvas": lambda theme, models: CanvasView(
        theme,
        models.run,
        models.strip,
        models.preferences,
        models.forks,
        models.panes,
        models.keeper,
        models.exports,
        models.runs,
        models.thumbnails,
        models.intents,
    ),
    "large": lambda theme, models: Viewer(
        theme, models.gallery, models.verifier, models.runs, models.catalog, models.intents
    ),
    "welcome": lambda theme, models: WelcomeView(
        theme, models.catalog, models.downloads, models.background, models.intents
    ),
    "settings": lambda theme, models: SettingsView(theme, models.preferences, models.folders, models.runs),
}
SHOWN_SIZE = (1300, 860)


class Controls:
    """Finds what an artist sees in a widget, by the name that a screen reader says.

    Attributes:
        top: the widget that is looked in.
    """

    def __init__(self, qtbot: QtBot, top: QWidget) -> None:
        self._qtbot, self.top = qtbot, top

    def controls(self, name: str, kind: type[QWidget] = QWidget) -> list[Any]:
        """Return the visible controls of this accessible name (or, of buttons, this text)."""
        return [
            widget
            for widget in self.top.findChildren(kind)
            if name in names_of(widget) and widget.isVisible()
        ]

    def control(self, name: str, kind: type[QWidget] = QWidget) -> Any:  # noqa: ANN401 - of the kind
        """Return the one visible control of this accessible name; a control is what takes keys or clicks."""
        found = self.controls(name, kind)
        able = [widget for widget in found if widget.focusPolicy() != Qt.FocusPolicy.NoFocus] or found
        outer = [
            widget
            for widget in able
            if not any(other.isAncestorOf(widget) for other in able if other is not widget)
        ]
        assert len(outer) == 1, f"{len(outer)} of {name!r}, among {sorted(self.names)}"
        return outer[0]

    def click(self, name: str, kind: type[QWidget] = QWidget) -> None:
        """Click the control of this accessible name."""
        QTest.mouseClick(self.control(name, kind), Qt.MouseButton.LeftButton)

    @property
    def names(self) -> set[str]:
        """The accessible names that can be found."""
        visible = [widget for widget in self.top.findChildren(QWidget) if widget.isVisible()]
        return {name for widget in visible for name in names_of(widget)}

    @property
    def texts(self) -> list[str]:
        """What the visible labels say, in the order in which they were made."""
        return [label.text() for label in self.top.findChildren(QLabel) if label.isVisible()]

    def press(
        self,
        key: Qt.Key,
        modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
        widget: QWidget | None = None,
    ) -> None:
        """Press a key where the keyboard is, or on a widget."""
        QTest.keyClick(widget or QApplication.focusWidget() or self.top, key, modifier)

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait until this is true."""
        self._qtbot.waitUntil(lambda: bool(condition()), timeout=8000)

    def wait_for(self, gate: Gate) -> None:
        """Wait until the engine has reached a gate."""
        self.wait(gate.reached.is_set)


class OpenPage(Controls):
    """One page around the program's models.

    Attributes:
        widget: the page itself.
        notices: what was posted.
    """

    def __init__(
        self, qtbot: QtBot, theme: Theme, models: Models, name: str, size: tuple[int, int] = SHOWN_SIZE
    ) -> None:
        self.theme, self.models = theme, models
        self.notices: list[Notice] = heard(models.notices.posted)
        self.widget: Any = PAGES[name](theme, models)
        super().__init__(qtbot, self.widget)
        qtbot.addWidget(self.widget)
        self.widget.resize(*size)
        with qtbot.waitExposed(self.widget):
            self.widget.show()
        self.widget.activateWindow()


class OpenProgram(Controls):
    """The whole program, and its engine.

    Attributes:
        engine: what stands in for the models.
        notices: what was posted.
    """

    def __init__(self, qtbot: QtBot, app: QApplication, folders: Folders, engine: FakeEngine) -> None:
        self.engine = engine
        self.maker = Maker(engine)
        self.program = composition.build(app, folders, self.maker)
        self.models, self.session = self.program.models, self.program.session
        self.window = self.program.window
        super().__init__(qtbot, self.window)
        self.notices: list[Notice] = heard(self.models.notices.posted)
        qtbot.addWidget(self.window)
        with qtbot.waitExposed(self.window):
            self.window.show()
        self.window.activateWindow()
        qtbot.waitUntil(self.window.isActiveWindow)
        listed(self.models.catalog)

    @property
    def prompts(self) -> list[str]:
        """Of the jobs that ran, in their order."""
        return [take.request.prompt for take in self.engine.takes]

    def page(self, name: str) -> QWidget:
        """Open a page."""
        self.window.pages.open(name)
        return self.window.pages.currentWidget()

    def generate(self) -> None:
        """Press Ctrl+Enter."""
        self.press(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)

    def finish(self) -> None:
        """Wait until no job is left."""
        self.wait(lambda: self.models.queue.rowCount() == 0)

    def close(self) -> None:
        """Close the window and end the program."""
        if shiboken6.isValid(self.window):
            self.window.close()
        assert self.program.close(), "the engine's thread did not end"


def heard(signal: SignalInstance) -> list[Any]:
    """Return a list that fills with what a signal says: the argument, or a tuple of several."""
    said: list[Any] = []
    signal.connect(lambda *values: said.append(values[0] if len(values) == 1 else values))
    return said


def names_of(widget: QWidget) -> set[str]:
    """Return what a widget can be called by."""
    text = getattr(widget, "text", None)
    shown = text() if callable(text) and not isinstance(widget, QLabel) else ""
    return {name for name in (widget.accessibleName(), shown) if isinstance(name, str) and name}


@pytest.fixture
def make_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: QApplication) -> Iterator[MakeModels]:
    """Return a maker of models: of these cards (else of one starter); ``draw`` and ``clock`` as for the program."""
    made: list[Models] = []

    def make(
        *cards: ModelCard | InstalledModel,
        home: Path | None = None,
        **chance: Callable[..., Any],
    ) -> Models:
        found = cards or (STARTER,)
        show_models(monkeypatch, *(card if hasattr(card, "folder") else installed(card) for card in found))
        folders = Folders.under(home or tmp_path / "stepwise-home")
        made.append(composition.make_models(folders, **chance))
        listed(made[-1].catalog)
        return made[-1]

    yield make
    for models in made:
        models.close()


@pytest.fixture
def make_page(qtbot: QtBot, qapp: QApplication, make_models: MakeModels) -> Iterator[MakePage]:
    """Return a maker of pages, by the name that the window knows them by; the rest is as for `make_models`."""
    made: list[OpenPage] = []

    def make(
        name: str,
        *cards: ModelCard | InstalledModel,
        theme: str = "dark",
        size: tuple[int, int] = SHOWN_SIZE,
        **fields: Any,  # noqa: ANN401
    ) -> OpenPage:
        look = Theme(qapp, theme)
        look.reduce_motion = True
        made.append(OpenPage(qtbot, look, make_models(*cards, **fields), name, size))
        return made[-1]

    yield make
    made.clear()  # until here: nothing else owns a page


@pytest.fixture
def make_program(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[MakeProgram]:
    """Return a maker of programs whose engine plays these scripts."""
    made: list[OpenProgram] = []

    def make(
        *scripts: Script,
        home: Path | None = None,
        report: EngineReport | None = None,
        engine: FakeEngine | None = None,
    ) -> OpenProgram:
        if engine is None:
            engine = FakeEngine(*scripts) if report is None else FakeEngine(*scripts, report=report)
        made.append(OpenProgram(qtbot, qapp, Folders.under(home or tmp_path), engine))
        return made[-1]

    yield make
    for program in made:
        program.close()
