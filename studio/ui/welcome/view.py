"""The first start, in the place of the canvas: three cards, and the page that downloads a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from studio.checkpoints.library.programs import find_programs
from studio.ui.language import tr
from studio.ui.theme.metrics import GAP, GRID, PADDING, SECTION
from studio.ui.welcome import text
from studio.ui.welcome.get_view import GetModelView
from studio.ui.widgets.buttons import IconView, TextButton
from studio.ui.widgets.cards import Card, Ground
from studio.ui.widgets.labels import PlainLabel, set_tip
from studio.ui.widgets.page import ScrollArea

if TYPE_CHECKING:
    from studio.checkpoints.library.programs import FoundFolders
    from studio.errors import StudioError
    from studio.ui.core.background import Background
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.intents import Intents
    from studio.ui.theme.theme import Theme
    from studio.ui.welcome.downloads import Downloads

WIDTH = 600
INNER = GAP + GRID
MOST_PROGRAMS = 4
"""How many folders of other programs are named; the button takes all of them."""


class WayCard(Card):
    """One way to a model: an icon, a title, a sentence, and buttons.

    Attributes:
        lines: further lines below the sentence.
        buttons: the row of buttons.
    """

    def __init__(self, theme: Theme, icon: str, title: str, how: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent=parent)
        self.setAccessibleName(title)
        words = QVBoxLayout()
        words.setSpacing(GRID)
        words.addWidget(PlainLabel(theme, title, kind="title", wrap=True))
        words.addWidget(PlainLabel(theme, how, role="dim", wrap=True))
        self.lines = QVBoxLayout()
        self.lines.setSpacing(GRID)
        words.addLayout(self.lines)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(GAP)
        self.buttons.addStretch()
        words.addSpacing(GRID)
        words.addLayout(self.buttons)
        row = QHBoxLayout(self)
        row.setContentsMargins(PADDING, PADDING, PADDING, PADDING)
        row.setSpacing(PADDING)
        row.addWidget(IconView(theme, icon, role="accent", size=SECTION), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)

    def add_button(self, button: TextButton) -> TextButton:
        """Add a button after those that are there."""
        self.buttons.insertWidget(self.buttons.count() - 1, button)
        return button


class WaysView(QWidget):
    """The three cards. Folders of other programs are looked for when it is first shown.

    Signals:
        get_requested: show the page that downloads a model.
        skipped: do not show this again.
    """

    get_requested = Signal()
    skipped = Signal()

    def __init__(
        self,
        theme: Theme,
        catalog: Catalog,
        background: Background,
        intents: Intents,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme, self._catalog, self._intents = theme, catalog, intents
        self._background = background
        self._found: tuple[FoundFolders, ...] | None = None
        self._searching = False
        self.mine = WayCard(theme, "folder-open", tr("Use my models"), text.use_mine_how())
        self.box = WayCard(theme, "play", tr("Try the model in the box"), text.try_box_how())
        self.get = WayCard(theme, "download", tr("Get a model"), text.get_how())
        self.named = PlainLabel(theme, text.looking(), kind="label", role="dim", wrap=True)
        self.mine.lines.addWidget(self.named)
        self.use_folders = self.mine.add_button(TextButton(theme, text.use_folders(1), icon="check"))
        self.use_folders.hide()
        self.choose = self.mine.add_button(TextButton(theme, tr("Choose a folder…"), icon="plus"))
        self.try_box = self.box.add_button(TextButton(theme, tr("Make a picture"), icon="play"))
        set_tip(self.try_box, tr("The same as Generate, with the prompt in the form"))
        self.show_list = self.get.add_button(TextButton(theme, tr("Show the list"), icon="list"))
        self.skip = TextButton(theme, tr("Not now"), kind="quiet")
        set_tip(self.skip, tr("Do not show this again; a model can be added on the Models page"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(INNER)
        column.addStretch(1)
        heading = PlainLabel(theme, text.title(), kind="title", wrap=True)
        below = PlainLabel(theme, text.subtitle(), role="dim", wrap=True)
        for label in (heading, below):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(heading)
        column.addWidget(below)
        column.addSpacing(GAP)
        for card in (self.mine, self.box, self.get):
            column.addWidget(card)
        column.addWidget(self.skip, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        self.use_folders.clicked.connect(self._on_use_folders)
        self.choose.clicked.connect(self._on_choose)
        self.try_box.clicked.connect(intents.generate)
        self.show_list.clicked.connect(self.get_requested)
        self.skip.clicked.connect(self.skipped)

    def look_for_programs(self) -> None:
        """Look for folders of other programs, once."""
        if not self._searching:
            self._searching = True
            self._background.do(find_programs, self._on_found, self._on_not_found)

    def _on_found(self, found: tuple[FoundFolders, ...]) -> None:
        self._found = found
        lines = [text.program(one, Path.home()) for one in found[:MOST_PROGRAMS]]
        if len(found) > MOST_PROGRAMS:
            lines.append(text.further(len(found) - MOST_PROGRAMS))
        self.named.setText("\n".join(lines) if lines else text.no_programs())
        self.use_folders.setText(text.use_folders(len(found)))
        self.use_folders.setVisible(bool(found))

    def _on_not_found(self, error: StudioError) -> None:
        self.named.setText(tr(error.message))

    @Slot()
    def _on_use_folders(self) -> None:
        self._add([folder for one in self._found or () for folder in one.models])

    @Slot()
    def _on_choose(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, tr("Choose a folder with models"), str(Path.home()))
        if chosen:
            self._add([Path(chosen)])

    def _add(self, folders: list[Path]) -> None:
        self._intents.show_models.emit()  # where what was found is counted
        self._catalog.add(folders)


class WelcomeView(Ground):
    """The three cards, or the page that downloads a model.

    Signals:
        skipped: the first start is not to be shown again.
        left: the page that downloads a model was closed.
    """

    skipped = Signal()
    left = Signal()

    def __init__(
        self,
        theme: Theme,
        catalog: Catalog,
        downloads: Downloads,
        background: Background,
        intents: Intents,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, "window", parent=parent)
        self.ways = WaysView(theme, catalog, background, intents)
        self.get = GetModelView(theme, downloads)
        self._pages = QStackedLayout(self)
        self._downloads = downloads
        self._areas = [_centred(page) for page in (self.ways, self.get)]
        for area in self._areas:
            self._pages.addWidget(area)
        self.ways.get_requested.connect(self.show_get)
        self.ways.skipped.connect(self.skipped)
        self.get.back.clicked.connect(self.left)
        downloads.changed.connect(self._on_download_changed)

    @Slot()
    def _on_download_changed(self) -> None:
        """Scroll to the download when one begins; the button that began it may be far below."""
        if self._downloads.phase == "listing":
            self._areas[1].verticalScrollBar().setValue(0)

    @property
    def is_getting(self) -> bool:
        """Whether the page that downloads a model is shown."""
        return self._pages.currentIndex() == 1

    @Slot()
    def show_ways(self) -> None:
        """Show the three cards."""
        self._pages.setCurrentIndex(0)
        self.ways.look_for_programs()

    @Slot()
    def show_get(self) -> None:
        """Show the page that downloads a model, and focus its address."""
        self._pages.setCurrentIndex(1)
        self.get.address.setFocus(Qt.FocusReason.OtherFocusReason)


def _centred(content: QWidget) -> ScrollArea:
    """Return a scrolling area with ``content`` in its middle, at most `WIDTH` pixels wide."""
    content.setMaximumWidth(WIDTH)
    inside = QWidget()
    row = QHBoxLayout(inside)
    row.setContentsMargins(SECTION, PADDING, SECTION, PADDING)
    row.addStretch(1)
    row.addWidget(content, 1000)
    row.addStretch(1)
    area = ScrollArea()
    area.setWidget(inside)
    return area
