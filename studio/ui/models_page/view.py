"""The Models page: the installed models as cards, what is known of them, and what the user decides about them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from PySide6.QtCore import QPoint, QSize, Qt, QTimer, Slot
from PySide6.QtWidgets import QBoxLayout, QFileDialog, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from studio.checkpoints.family_models import VARIANTS, FamilyInfo
from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.generate import GenerateRequest
from studio.families.recognition.kinds import Kind
from studio.ui.core.background import Background
from studio.ui.language import tr
from studio.ui.models_page import text
from studio.ui.models_page.card_list import CardList
from studio.ui.models_page.details import Details
from studio.ui.models_page.other_files import OtherFiles
from studio.ui.models_page.shelf import Shelf
from studio.ui.theme.metrics import CONTROL, FORM, GAP, GRID, PADDING, SECTION
from studio.ui.widgets.buttons import TextButton, fit_texts
from studio.ui.widgets.cards import Ground
from studio.ui.widgets.collapsible import Collapsible
from studio.ui.widgets.labels import PlainLabel, set_tip
from studio.ui.widgets.page import ScrollArea, open_folder
from studio.ui.widgets.search_field import SearchField

if TYPE_CHECKING:
    from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent

    from studio.checkpoints.catalog import InstalledModel
    from studio.checkpoints.choices import ModelChoices
    from studio.checkpoints.library.scan import ModelFile
    from studio.gallery.store import PictureStore
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.intents import Intents
    from studio.ui.core.notices import Notices
    from studio.ui.core.thumbnails import Thumbnails
    from studio.ui.jobs.run_settings import RunSettings
    from studio.ui.theme.theme import Theme

WIDTH: Final = 1200
"""The most that the cards and the details take together."""
NARROW: Final = 720
"""Below this width the details lie under the cards."""
_LEAST_HEAD: Final = 240
"""What the title and the field for searching take in the head of the page, at least."""
TRIED_SIDE_PX: Final = 512
"""The sides of the pictures that compare two predictions, for models that are trained on larger ones."""


class AddedFolder(QWidget):
    """A file or folder whose models are used in place."""

    def __init__(self, theme: Theme, path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.place = PlainLabel(theme, str(path), role="dim", elide=True)
        self.remove = TextButton(theme, tr("Remove from the list"))
        self.remove.setAccessibleName(tr("Remove from the list: {folder}", folder=path))
        set_tip(self.remove, tr("Nothing on the disk changes"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(self.place, 1)
        row.addWidget(self.remove, 0, Qt.AlignmentFlag.AlignVCenter)


class ModelsView(Ground):
    """Shows a `Catalog`."""

    def __init__(
        self,
        theme: Theme,
        catalog: Catalog,
        settings: RunSettings,
        intents: Intents,
        notices: Notices,
        thumbnails: Thumbnails,
        store: PictureStore,
        parent: QWidget | None = None,
    ) -> None:
        """Build the page.

        Args:
            theme: colours and fonts.
            catalog: the models.
            settings: those of the form, which has one of the models in use.
            intents: of the window.
            notices: tell what was removed, and undo it.
            thumbnails: the pictures of the models.
            store: where pictures that were made with them are.
            parent: the Qt parent.
        """
        super().__init__(theme, "window", parent=parent)
        self._theme, self._catalog, self._settings, self._intents = theme, catalog, settings, intents
        self._notices = notices
        self._background = Background(self)
        self.shelf = Shelf(catalog, store, self)
        self.search = SearchField(theme)
        self.search.setPlaceholderText(tr("Search models"))
        self.search.setAccessibleName(tr("Search models"))
        set_tip(self.search, tr("Finds models whose name, folder or family contains every word."))
        self.add = TextButton(theme, tr("Add folder…"), icon="plus")
        set_tip(self.add, tr("Use the models in a folder where they are, also those of ComfyUI or A1111"))
        self.get = TextButton(theme, tr("Get a model…"), icon="download")
        set_tip(self.get, tr("Download one from the Hugging Face Hub, or see what is being downloaded"))
        self.reload = TextButton(theme, tr("Reload"), icon="rotate-ccw")
        self.open = TextButton(theme, tr("Open models folder"), icon="folder-open")
        for button in (self.add, self.get, self.reload, self.open):
            button.setAccessibleName(button.text())
        self.fault = PlainLabel(theme, role="bad", wrap=True)
        self.found = PlainLabel(theme, role="dim", wrap=True)
        self.empty = PlainLabel(theme, text.no_own_models(), role="dim", wrap=True)
        self.unmatched = PlainLabel(theme, text.nothing_matches(), role="dim", wrap=True)
        self.cards = CardList(theme, self.shelf, thumbnails)
        self.details = Details(theme, thumbnails)
        self.area = ScrollArea()
        self.others = OtherFiles(theme)
        self.other_files = Collapsible(theme, "", self.others)
        self.restore = TextButton(theme, "", icon="undo-2", kind="quiet")
        self.folders: list[AddedFolder] = []
        self._rows = QVBoxLayout()
        self._rows.setSpacing(GRID)
        for hidden in (self.fault, self.found, self.empty, self.unmatched, self.restore):
            hidden.hide()
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._lay_out(theme)
        self._connect()
        self._on_catalog_changed()
        self._on_settings_changed()

    def _lay_out(self, theme: Theme) -> None:
        head = QHBoxLayout()
        head.setSpacing(GAP)
        head.addStrut(CONTROL)
        head.addWidget(PlainLabel(theme, tr("Models"), kind="title"))
        head.addSpacing(GAP)
        self.search.setMaximumWidth(FORM)
        head.addWidget(self.search, 1)
        head.addStretch()
        for button in (self.add, self.get, self.reload, self.open):
            head.addWidget(button)
        left = QVBoxLayout()
        left.setSpacing(GAP)
        for label in (self.fault, self.found, self.empty, self.unmatched):
            left.addWidget(label)
        left.addWidget(self.cards, 1)
        left.addWidget(self.other_files)
        left.addLayout(self._rows)
        left.addWidget(self.restore, 0, Qt.AlignmentFlag.AlignLeft)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, SECTION)
        right.addWidget(self.details)
        right.addStretch()
        inside = QWidget()
        inside.setLayout(right)
        self.area.setWidget(inside)
        self._body = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._body.setSpacing(PADDING)
        self._body.addLayout(left, 3)
        self._body.addWidget(self.area, 2)
        content = QWidget()
        content.setMaximumWidth(WIDTH)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, PADDING)
        column.setSpacing(PADDING)
        column.addLayout(head)
        column.addLayout(self._body, 1)
        page = QHBoxLayout(self)
        page.setContentsMargins(SECTION, PADDING, SECTION, 0)
        page.setSizeConstraint(
            QHBoxLayout.SizeConstraint.SetNoConstraint
        )  # texts leave the head if it is narrow
        page.addStretch(1)
        page.addWidget(content, 1000)
        page.addStretch(1)

    def _connect(self) -> None:
        catalog, details, cards = self._catalog, self.details, self.cards
        self.add.clicked.connect(self._on_add_clicked)
        self.get.clicked.connect(self._intents.get_model)
        self.reload.clicked.connect(catalog.reload)
        self.open.clicked.connect(self._on_open_clicked)
        self.search.search_requested.connect(self._on_search)
        self.search.left.connect(cards.setFocus)
        catalog.changed.connect(self._on_catalog_changed)
        catalog.scanned.connect(self._on_scanned)
        catalog.added.connect(self._on_added)
        self._settings.changed.connect(self._on_settings_changed)
        self.shelf.pictures_found.connect(self._show_details)
        cards.chosen.connect(self._soon.start)
        self._soon.timeout.connect(self._show_details)
        cards.used.connect(self._on_used)
        cards.removed.connect(self._on_removed)
        cards.renamed.connect(self._on_renamed)
        cards.menu_requested.connect(self._on_menu_requested)
        cards.assumption_clicked.connect(self._on_assumption_clicked)
        details.used.connect(self._on_used)
        details.tried.connect(self._on_tried)
        details.shown.connect(self._on_shown)
        details.removed.connect(self._on_removed)
        details.decided.connect(self._on_decided)
        self.restore.clicked.connect(self._on_restore_clicked)

    def minimumSizeHint(self) -> QSize:
        return QSize(FORM, FORM)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        way = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        if self._body.direction() != way:
            self._body.setDirection(way)
        buttons = {
            self.add: tr("Add folder…"),
            self.get: tr("Get a model…"),
            self.reload: tr("Reload"),
            self.open: tr("Open models folder"),
        }
        fit_texts(buttons, min(self.width() - 2 * SECTION, WIDTH) - _LEAST_HEAD)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.shelf.find_pictures()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.found.hide()

    # ------------------------------------------------------------------------------------------------------- showing
    @Slot()
    def _on_settings_changed(self) -> None:
        self.cards.set_in_use(self._settings.values.model)
        self._soon.start()

    @Slot()
    def _on_catalog_changed(self) -> None:
        models = self._catalog.models
        self.empty.setVisible(all(model.shipped for model in models))
        if not self.cards.selected:
            self.cards.select({self._settings.values.model} if models else set())
        others = [file for file in self._catalog.files if not _is_network(file)]
        self.others.show_files(others)
        self.other_files.set_title(text.other_files(len(others)))
        self.other_files.setVisible(bool(others))
        count = len(self._catalog.removed)
        self.restore.setVisible(count > 0)
        self.restore.setText(text.restore(count))
        self._show_folders()
        self._on_search(self.search.text())

    def _show_folders(self) -> None:
        for row in self.folders:
            self._rows.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.folders = [AddedFolder(self._theme, path) for path in self._catalog.added_folders]
        for row, path in zip(self.folders, self._catalog.added_folders, strict=True):
            row.remove.clicked.connect(partial(self._catalog.remove, path))
            self._rows.addWidget(row)

    @Slot()
    def _show_details(self) -> None:
        models = self.cards.selected
        self.area.setVisible(bool(models))
        if models:
            one = models[0]
            self.details.show_models(
                models,
                self._catalog.files,
                plan=self.shelf.plan(one) if len(models) == 1 else None,
                picture=self.shelf.picture(one),
                in_use=self._settings.values.model,
            )

    @Slot(str)
    def _on_search(self, words: str) -> None:
        self.shelf.search(words)
        self.unmatched.setVisible(not self.shelf.models and bool(words.strip()))

    @Slot()
    def _on_scanned(self) -> None:
        said = text.report(self._catalog.found)
        if said:
            self.found.setText(said)
            self.found.show()

    @Slot(int, int, int)
    def _on_added(self, usable: int, unusable: int, others: int) -> None:
        self.found.setText(text.added(usable, unusable, others))
        self.found.show()

    # ------------------------------------------------------------------------------------------------------ deciding
    @Slot(list)
    def _on_decided(self, changed: list[tuple[InstalledModel, ModelChoices]]) -> None:
        self._catalog.choose({model.choice_key: choices for model, choices in changed})

    @Slot()
    def _on_removed(self) -> None:
        models = self.cards.selected
        if not models:
            return
        self._catalog.choose({model.choice_key: _hidden(model, True) for model in models})
        before = {model.choice_key: model.choices for model in models}
        self._notices.post(
            text.removed(len(models)), action=tr("Undo"), act=partial(self._catalog.choose, before)
        )

    @Slot()
    def _on_restore_clicked(self) -> None:
        self._catalog.choose({model.choice_key: _hidden(model, False) for model in self._catalog.removed})

    @Slot()
    def _on_renamed(self) -> None:
        if self.details.name.isVisible():
            self.details.name.setFocus(Qt.FocusReason.ShortcutFocusReason)
            self.details.name.selectAll()

    @Slot()
    def _on_used(self) -> None:
        models = self.cards.selected
        if len(models) == 1 and models[0].card is not None:
            self._intents.use_model.emit(models[0].name)

    @Slot()
    def _on_tried(self) -> None:
        """Compare both predictions: the same prompt, seed and settings."""
        models = self.cards.selected
        if len(models) != 1 or not isinstance(models[0].card, FamilyInfo):
            return
        card, form = models[0].card, self._settings.values
        width, height = card.sizes[0] if max(card.sizes[0]) <= TRIED_SIDE_PX else (TRIED_SIDE_PX,) * 2
        request = GenerateRequest(
            prompt=form.prompt or tr("a red apple on a wooden table"),
            negative=form.negative,
            seed=form.seed,
            width=width,
            height=height,
        )
        self._intents.compare.emit(
            CompareRequest(
                requests=tuple(replace(request, model=f"{models[0].name}@{kind}") for kind in ("eps", "v")),
                batched=False,
            )
        )

    @Slot()
    def _on_shown(self) -> None:
        models = self.cards.selected
        if len(models) == 1:
            open_folder(models[0].folder, self._background.do, self._show_fault)

    @Slot(QPoint)
    def _on_assumption_clicked(self, where: QPoint) -> None:
        """Offer the values of the assumed fact in the place of its chip."""
        self._show_details()
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for kind in VARIANTS:
            menu.addAction(text.keep_variant(kind), partial(self.details.keep_prediction, kind))
        menu.addSeparator()
        menu.addAction(self._theme.icon("columns-2", "dim"), tr("Try both"), self._on_tried)
        menu.popup(where)

    @Slot(QPoint)
    def _on_menu_requested(self, where: QPoint) -> None:
        models = self.cards.selected
        one, menu = len(models) == 1, QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        entries = (
            ("check", tr("Use"), "Enter", self._on_used, one and models[0].card is not None),
            ("pencil", tr("Rename"), "F2", self._on_renamed, one and bool(models[0].signature)),
            ("star", tr("Favourite"), "", self.details.favourite.toggle, True),
            ("folder-open", tr("Show in folder"), "", self._on_shown, one),
            ("x", tr("Remove from the list"), "Del", self._on_removed, True),
        )
        for icon, label, keys, slot, enabled in entries:
            action = menu.addAction(
                self._theme.icon(icon, "dim"), f"{label}\t{keys}" if keys else label, slot
            )
            action.setEnabled(enabled)
        menu.popup(where)

    # ------------------------------------------------------------------------------------------------------- folders
    @Slot()
    def _on_add_clicked(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, tr("Choose a folder with models"), str(Path.home()))
        if chosen:
            self._catalog.add([Path(chosen)])

    @Slot()
    def _on_open_clicked(self) -> None:
        open_folder(self._catalog.folders.models, self._background.do, self._show_fault)

    def _show_fault(self, sentence: str) -> None:
        self.fault.setText(sentence)
        self.fault.setVisible(bool(sentence))


def _hidden(model: InstalledModel, hidden: bool) -> ModelChoices:
    return msgspec.structs.replace(model.choices, hidden=hidden)


def _is_network(file: ModelFile) -> bool:
    found = file.recognised
    return found is not None and found.kind in (Kind.CHECKPOINT, Kind.NETWORK)
