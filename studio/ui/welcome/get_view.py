"""The page that downloads a model: an address, the download, and the shipped list."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.downloads.suggested import fits, fitting_first, machine_memory, suggested_models
from studio.errors import StorageError
from studio.format import size
from studio.ui.language import tr
from studio.ui.theme.metrics import CONTROL, GAP, GRID, PADDING, SMALL_ICON
from studio.ui.welcome import text
from studio.ui.widgets.buttons import IconButton, IconView, TextButton
from studio.ui.widgets.cards import Card
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.labels import PlainLabel, set_tip
from studio.ui.widgets.painting import fill_rounded

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from studio.downloads.suggested import SuggestedModel
    from studio.ui.theme.theme import Theme
    from studio.ui.welcome.downloads import Downloads

_PERCENT: Final = 1000
_MAX_LENGTH: Final = 500
_MOST_VARIANTS: Final = 20


class DownloadBar(QProgressBar):
    """How much of a download is there, in the accent colour."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setRange(0, _PERCENT)
        self.setTextVisible(False)
        self.setAccessibleName(tr("Progress of the download"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def set_share(self, share: float) -> None:
        """Show that ``share`` (0 to 1) is there."""
        self.setValue(round(_PERCENT * min(max(share, 0.0), 1.0)))

    def sizeHint(self) -> QSize:
        return QSize(GRID * 8, GRID)

    def minimumSizeHint(self) -> QSize:
        return QSize(GRID, GRID)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        radius = self.height() / 2
        fill_rounded(painter, self.rect(), radius, self._theme.colour("line"))
        if self.value() > 0:
            width = max(self.width() * self.value() / _PERCENT, float(self.height()))
            fill_rounded(painter, QRectF(0, 0, width, self.height()), radius, self._theme.colour("accent"))


class DownloadCard(Card):
    """The download: what it will be, how far it is, or why it ended; hidden while there is none."""

    def __init__(self, theme: Theme, downloads: Downloads, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent=parent)
        self._downloads = downloads
        self.setAccessibleName(tr("Download"))
        self.name = PlainLabel(theme, bold=True, elide=True)
        self.state = PlainLabel(theme, role="dim", wrap=True)
        self.what = PlainLabel(theme, role="dim", wrap=True)
        self.bar = DownloadBar(theme)
        self.variant = ChoiceField(theme, tr("Variant"))
        self.note = PlainLabel(theme, role="warn", wrap=True)
        self.token = QLineEdit()
        self.token.setFont(theme.font("body"))
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.token.setMaxLength(_MAX_LENGTH)
        self.token.setPlaceholderText(tr("Access token"))
        self.token.setAccessibleName(tr("Access token"))
        self.start = TextButton(theme, tr("Download"), kind="primary")
        self.again = TextButton(theme, tr("Try again"))
        self.use = TextButton(theme, tr("Use"), kind="primary")
        for button in (self.start, self.use):
            button.setMaximumHeight(CONTROL)  # as high as those beside it
        self.cancel = TextButton(theme, tr("Cancel"))
        self.cancel.setAccessibleName(tr("Cancel the download"))
        self.close_button = TextButton(theme, tr("Close"))
        self.close_button.setAccessibleName(tr("Close the download"))
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        for button in (self.start, self.use, self.again, self.cancel, self.close_button):
            buttons.addWidget(button)
        buttons.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(PADDING, PADDING, PADDING, PADDING)
        column.setSpacing(GAP)
        for widget in (self.name, self.state, self.what, self.bar, self.variant, self.note, self.token):
            column.addWidget(widget)
        column.addLayout(buttons)
        self.start.clicked.connect(self._on_start)
        self.token.returnPressed.connect(self._on_start)
        self.again.clicked.connect(self._on_again)
        self.cancel.clicked.connect(downloads.cancel)
        self.close_button.clicked.connect(downloads.dismiss)
        self.use.clicked.connect(downloads.use)
        self.variant.edited.connect(self._on_variant)
        downloads.changed.connect(self._on_changed)
        self._on_changed()

    @Slot()
    def _on_start(self) -> None:
        if self._downloads.phase == "planned":
            self._downloads.start(self.token.text())
        elif self._downloads.phase == "failed":
            self._on_again()

    @Slot()
    def _on_again(self) -> None:
        """Continue a download that ended early, or ask for the files again."""
        downloads = self._downloads
        if downloads.choice is not None:
            downloads.start(self.token.text())
        elif downloads.address is not None:
            downloads.look_up(text.typed(downloads.address), self.token.text())

    @Slot(str)
    def _on_variant(self, key: str) -> None:
        self._downloads.choose(int(key))

    @Slot()
    def _on_changed(self) -> None:
        downloads, phase = self._downloads, self._downloads.phase
        self.setVisible(phase != "idle")
        address, plan, choice = downloads.address, downloads.plan, downloads.choice
        self.name.setText(address.repository if address is not None else "")
        self.name.setVisible(address is not None)
        self.state.set_role("bad" if phase == "failed" else "dim")
        self.state.setText(self._sentence())
        found = downloads.found if phase in ("planned", "running") else None
        self.what.setVisible(found is not None)
        if found is not None:
            self.what.set_role("dim" if found.advice is None else "warn")
            self.what.setText(tr(found.advice or found.title))
        self.bar.setVisible(phase == "running")
        if choice is not None and phase == "running":
            self.bar.set_share(downloads.done_bytes / max(1, choice.size))
        several = phase == "planned" and plan is not None and len(plan.choices) > 1
        if several and plan is not None and choice is not None:
            offered = plan.choices[:_MOST_VARIANTS]
            self.variant.set_items(
                [(str(number), one.title, size(one.size), "") for number, one in enumerate(offered)]
            )
            self.variant.set_value(str(plan.choices.index(choice)))
        self.variant.setVisible(several)
        asks = phase in ("planned", "failed") and plan is not None and plan.gated
        private = phase == "failed" and address is not None and plan is None
        self.note.setVisible(asks and phase == "planned")
        if asks and plan is not None:
            self.note.setText(text.gated(plan))
        self.token.setVisible(asks or private)
        if choice is not None:
            self.start.setText(tr("Download {size}", size=size(choice.size)))
            self.start.updateGeometry()
        self.start.setVisible(phase == "planned")
        self.again.setText(tr("Continue") if phase == "cancelled" else tr("Try again"))
        self.again.setVisible(phase == "cancelled" or (phase == "failed" and address is not None))
        self.cancel.setVisible(downloads.busy)
        self.close_button.setVisible(phase in ("planned", "failed", "cancelled", "done"))
        self.use.setVisible(phase == "done" and bool(downloads.model))
        if self.use.isVisible() and self.close_button.hasFocus():
            self.use.setFocus(Qt.FocusReason.OtherFocusReason)

    def _sentence(self) -> str:
        downloads = self._downloads
        match downloads.phase:
            case "listing":
                return tr("Asking for its files and their sizes…")
            case "planned" if downloads.plan is not None and downloads.choice is not None:
                return text.planned(downloads.plan, downloads.choice)
            case "running":
                return text.progress(downloads.latest, downloads.choice, downloads.speed)
            case "failed":
                return downloads.sentence
            case "cancelled":
                return text.kept(downloads.done_bytes)
            case "done" if downloads.where is not None:
                return text.unlisted(downloads.where)
        return ""


class SuggestedCard(Card):
    """A model of the shipped list."""

    def __init__(
        self, theme: Theme, model: SuggestedModel, memory: int | None, parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, parent=parent)
        self.setAccessibleName(model.title)
        self.get = TextButton(theme, tr("Get"), icon="download")
        self.get.setAccessibleName(tr("Get {model}", model=model.title))
        set_tip(self.get, model.repository)
        fit = fits(model, memory)
        head = QHBoxLayout()
        head.setSpacing(GAP)
        head.addWidget(PlainLabel(theme, model.title, bold=True))
        head.addWidget(PlainLabel(theme, size(model.size), role="dim"))
        head.addStretch()
        fact = QHBoxLayout()
        fact.setSpacing(GRID + 2)
        icon = IconView(
            theme,
            "circle-check" if fit else "triangle-alert",
            role="good" if fit else "warn",
            size=SMALL_ICON,
        )
        fact.addWidget(icon, 0, Qt.AlignmentFlag.AlignVCenter)
        fact.addWidget(PlainLabel(theme, text.fit(model, memory), kind="label", role="dim", wrap=True), 1)
        words = QVBoxLayout()
        words.setSpacing(GRID)
        words.addLayout(head)
        words.addWidget(PlainLabel(theme, text.description(model), wrap=True))
        words.addLayout(fact)
        words.addWidget(PlainLabel(theme, text.licence(model), kind="label", role="dim", wrap=True))
        row = QHBoxLayout(self)
        row.setContentsMargins(PADDING, GAP + GRID, PADDING, GAP + GRID)
        row.setSpacing(PADDING)
        row.addLayout(words, 1)
        row.addWidget(self.get, 0, Qt.AlignmentFlag.AlignVCenter)


class GetModelView(QWidget):
    """An address, the download, and the shipped list, those that fit this machine first.

    Attributes:
        back: leaves the page.
    """

    def __init__(self, theme: Theme, downloads: Downloads, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._downloads, self._phase = downloads, downloads.phase
        self.back = IconButton(theme, "chevron-left", tr("Back"), kind="quiet")
        head = QHBoxLayout()
        head.setSpacing(GAP)
        head.addWidget(self.back)
        head.addWidget(PlainLabel(theme, tr("Get a model"), kind="title"), 1)
        self.address = QLineEdit()
        self.address.setFont(theme.font("body"))
        self.address.setMaxLength(_MAX_LENGTH)
        self.address.setPlaceholderText(text.address_hint())
        self.address.setAccessibleName(tr("Address of a model"))
        self.look_up = TextButton(theme, tr("Show its size"), icon="search")
        typed = QHBoxLayout()
        typed.setSpacing(GAP)
        typed.addWidget(self.address, 1)
        typed.addWidget(self.look_up)
        self.download = DownloadCard(theme, downloads)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP + GRID)
        column.addLayout(head)
        column.addLayout(typed)
        column.addWidget(self.download)
        self.cards: list[SuggestedCard] = []
        memory = machine_memory()
        for model in fitting_first(_shipped(), memory):
            card = SuggestedCard(theme, model, memory)
            card.get.clicked.connect(partial(self._look_up, text.typed(model.address)))
            self.cards.append(card)
            column.addWidget(card)
        column.addStretch(1)
        self.look_up.clicked.connect(self._on_look_up)
        self.address.returnPressed.connect(self._on_look_up)
        downloads.changed.connect(self._on_changed)
        self._on_changed()

    @Slot()
    def _on_look_up(self) -> None:
        if self.address.text().strip():
            self._look_up(self.address.text())

    def _look_up(self, typed: str) -> None:
        self._downloads.look_up(typed, self.download.token.text())

    @Slot()
    def _on_changed(self) -> None:
        for button in (self.look_up, *(card.get for card in self.cards)):
            button.setEnabled(not self._downloads.busy)
        focused = QApplication.focusWidget()
        if self._downloads.phase != self._phase:
            self._phase = self._downloads.phase
            if self._phase == "planned" and focused is not None and self.isAncestorOf(focused):
                first = self.download.token if self.download.token.isVisible() else self.download.start
                first.setFocus(Qt.FocusReason.OtherFocusReason)


def _shipped() -> tuple[SuggestedModel, ...]:
    try:
        return suggested_models()
    except StorageError:  # an incomplete installation; an address can still be typed
        return ()
