"""The panel beside the picture in the viewer: how it was made, verification, and actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractSlider,
    QGridLayout,
    QHBoxLayout,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.diffusion.samplers import SAMPLERS
from studio.ui.gallery import text
from studio.ui.jobs.picture_menu import COMPARE_WITH, SaveMenu
from studio.ui.jobs.pin_button import PinButton
from studio.ui.jobs.text import (
    device_label,
    no_prompt,
    plain_number,
    prompt_of,
    sampler_title,
    spacing_title,
)
from studio.ui.language import tr
from studio.ui.theme.metrics import GAP, GRID, PADDING
from studio.ui.widgets.buttons import IconButton, TextButton
from studio.ui.widgets.cards import Ground
from studio.ui.widgets.labels import PlainLabel, set_tip
from studio.ui.widgets.page import ScrollArea
from studio.ui.widgets.scrubber import NoiseBar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studio.gallery.index import Entry
    from studio.gallery.metadata import Origin
    from studio.ui.core.catalog import Catalog
    from studio.ui.gallery.verify import VerifyModel
    from studio.ui.jobs.recorded_runs import RunsModel
    from studio.ui.theme.theme import Theme


@dataclass(frozen=True)
class Fact:
    """A labelled value of a picture.

    Attributes:
        label: translated.
        value: translated; "" leaves the fact out.
        tip: the tooltip of the value.
    """

    label: str
    value: str
    tip: str = ""


def long_facts(entry: Entry) -> list[Fact]:
    """Return the prompts, which get lines of their own."""
    negative = entry.metadata.request.get("negative")
    prompt = prompt_of(entry.metadata).strip() or no_prompt()
    facts = [Fact(tr("Prompt"), prompt)]
    if isinstance(negative, str) and negative:
        facts.append(Fact(tr("Negative prompt"), negative))
    return facts


def short_facts(entry: Entry, catalog: Catalog | None = None) -> list[Fact]:
    """Return the origin, the settings and the cost of a picture; models have their titles in ``catalog``."""
    metadata = entry.metadata
    request, origin = metadata.request, metadata.origin
    card = catalog.card(metadata.model) if catalog is not None else None
    facts = [
        Fact(tr("Origin"), text.origin(origin) if origin is not None else ""),
        *_run_of(origin),
        Fact(tr("Model"), card.title if card is not None else metadata.model, metadata.model),
        Fact(tr("Sampler"), sampler_title(request.get("sampler"))),
        *_options(request.get("sampler"), request.get("options")),
        Fact(tr("Steps"), plain_number(request.get("steps"))),
        Fact(tr("Spacing"), spacing_title(request.get("spacing"))),
        Fact(tr("Guidance"), plain_number(request.get("guidance"))),
        Fact(tr("Seed"), str(metadata.seed)),
        Fact(tr("Size"), text.size(entry.width, entry.height)),
        Fact(tr("Model calls"), f"{metadata.model_calls:,}"),
        Fact(tr("Time"), text.seconds(metadata.seconds)),
        Fact(tr("Device"), f"{device_label(metadata.device)}, {metadata.dtype}"),
        Fact(tr("Created"), text.created(metadata.created)),
        Fact(tr("File"), entry.path.name, str(entry.path)),
    ]
    return [fact for fact in facts if fact.value]


def _run_of(origin: Origin | None) -> Iterator[Fact]:
    """Yield the run that a picture was forked from, or the run whose step it shows."""
    if origin is not None:
        label = tr("Parent run") if origin.kind == "fork" else tr("Run")
        yield Fact(label, origin.run or text.unrecorded_run())


def _options(sampler: object, values: object) -> Iterator[Fact]:
    """Yield a sampler's own options under the labels their controls have."""
    if not isinstance(values, Mapping):
        return
    labels = {}
    if isinstance(sampler, str) and sampler in SAMPLERS:
        labels = {item.name: item.metadata["label"] for item in fields(SAMPLERS[sampler].Options)}
    for name, value in values.items():
        yield Fact(tr(labels.get(name, str(name))), plain_number(value) or _text(value))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


_ROLES = {"running": "dim", "same": "good", "different": "warn", "failed": "warn"}


class ViewerVerify(QWidget):
    """Verify, its result, and the pin of the picture's run."""

    def __init__(
        self, theme: Theme, verifier: VerifyModel, runs: RunsModel, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._verifier, self._runs = verifier, runs
        self._entry: Entry | None = None
        self.result = PlainLabel(theme, role="dim", wrap=True)
        self.bar = NoiseBar(theme, tr("Verification progress"))
        self.button = TextButton(theme, text.verify_button(running=False), icon="circle-check")
        set_tip(self.button, text.verify_tip())
        self.pin = PinButton(theme, runs)
        self.row = QHBoxLayout()
        self.row.setSpacing(GAP)
        self.row.addWidget(self.button, 1)
        self.row.addWidget(self.pin)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addWidget(self.result)
        column.addWidget(self.bar)
        column.addLayout(self.row)
        self.button.clicked.connect(self.toggle)
        verifier.changed.connect(self._on_changed)
        runs.found.connect(self._on_found)
        self._on_changed()

    def show_entry(self, entry: Entry) -> None:
        self._entry = entry
        self.pin.set_run("")
        self._runs.find_run(entry)
        self._on_changed()

    @Slot()
    def toggle(self) -> None:
        """Verify the picture, or stop verifying."""
        if self._entry is None:
            return
        check = self._verifier.of(self._entry)
        if check is not None and check.outcome == "running":
            self._verifier.stop()
        else:
            self._verifier.begin(self._entry)

    @Slot(object, str)
    def _on_found(self, entry: Entry, run: str) -> None:
        if entry is self._entry:
            self.pin.set_run(run)

    @Slot()
    def _on_changed(self) -> None:
        check = self._verifier.of(self._entry) if self._entry is not None else None
        runs = check is not None and check.outcome == "running"
        self.button.setText(text.verify_button(running=runs))
        self.button.set_icon("square" if runs else "circle-check")
        self.bar.setVisible(runs)
        self.result.setVisible(check is not None)
        if check is not None:
            self.result.set_role(_ROLES[check.outcome])
            self.result.setText(check.sentence)
            self.bar.set_progress(check.fraction, check.level)


WIDTH = 304
_LABEL_PX = 104
_UNLIMITED = 16_777_215  # Qt's QWIDGETSIZE_MAX
_LONG = 200
"""Longer values have a tooltip too."""

_SCROLLS = {
    int(Qt.Key.Key_Up): QAbstractSlider.SliderAction.SliderSingleStepSub,
    int(Qt.Key.Key_Down): QAbstractSlider.SliderAction.SliderSingleStepAdd,
    int(Qt.Key.Key_PageUp): QAbstractSlider.SliderAction.SliderPageStepSub,
    int(Qt.Key.Key_PageDown): QAbstractSlider.SliderAction.SliderPageStepAdd,
}


class ViewerPanel(Ground):
    """The settings of a picture above the buttons of its actions.

    Attributes:
        check: the verification.

    Signals:
        settings_requested: fill the form with its settings.
        watch_requested: open its recorded run.
        compare_requested: compare its run with others.
        save_requested: save a copy: the factor of enlargement, and whether it is smooth.
        copy_requested: copy the picture.
        folder_requested: show its file in the file manager.
        trash_requested: move it to the trash.
    """

    settings_requested = Signal()
    watch_requested = Signal()
    compare_requested = Signal()
    save_requested = Signal(int, bool)
    copy_requested = Signal()
    folder_requested = Signal()
    trash_requested = Signal()

    def __init__(
        self,
        theme: Theme,
        verifier: VerifyModel,
        runs: RunsModel,
        catalog: Catalog,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, "panel", lines=Qt.Edge.LeftEdge, parent=parent)
        self._theme_of_rows, self._catalog = theme, catalog
        self._entry: Entry | None = None
        catalog.changed.connect(self._on_catalog_changed)
        self.setFixedWidth(WIDTH)
        self._area = ScrollArea()
        use = TextButton(theme, tr("Use these settings"), kind="primary")
        watch = TextButton(theme, tr("Watch it form"), icon="play")
        compare = TextButton(theme, tr(COMPARE_WITH), icon="columns-2")
        copy = TextButton(theme, tr("Copy"), icon="copy")
        self._save = TextButton(theme, tr("Save as…"), icon="download")
        self.save_menu = SaveMenu(self)
        folder = IconButton(theme, "folder-open", tr("Show in folder"))
        trash = IconButton(theme, "trash-2", tr("Move to the trash"), tip=tr("Move to the trash (Del)"))
        set_tip(use, text.use_tip())
        set_tip(watch, text.watch_tip())
        set_tip(compare, text.compare_tip())
        set_tip(self._save, text.save_tip())
        set_tip(copy, text.copy_tip())
        use.clicked.connect(self.settings_requested)
        watch.clicked.connect(self.watch_requested)
        compare.clicked.connect(self.compare_requested)
        copy.clicked.connect(self.copy_requested)
        self._save.clicked.connect(self._on_save)
        self.save_menu.chosen.connect(self.save_requested)
        folder.clicked.connect(self.folder_requested)
        trash.clicked.connect(self.trash_requested)
        others = QHBoxLayout()
        others.setSpacing(GAP)
        others.addWidget(copy, 1)
        others.addWidget(self._save, 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(PADDING, GAP, PADDING, PADDING)
        foot.setSpacing(GAP)
        foot.addWidget(use)
        run = QHBoxLayout()
        run.setSpacing(GAP)
        run.addWidget(watch, 1)
        run.addWidget(compare, 1)
        foot.addLayout(run)
        self.check = ViewerVerify(theme, verifier, runs)
        self.check.row.addWidget(folder)
        self.check.row.addWidget(trash)
        foot.addWidget(self.check)
        foot.addLayout(others)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._area, 1)
        column.addLayout(foot)

    @Slot()
    def _on_save(self) -> None:
        self.save_menu.popup(self._save.mapToGlobal(QPoint(0, -self.save_menu.sizeHint().height())))

    def set_below(self, below: bool) -> None:
        """Stand below the picture, at its full width, or beside it."""
        self._lines = Qt.Edge.TopEdge if below else Qt.Edge.LeftEdge
        self.setMinimumWidth(0 if below else WIDTH)
        self.setMaximumWidth(_UNLIMITED if below else WIDTH)
        self.update()

    def scroll_by(self, key: int) -> bool:
        """Scroll the settings with ``key``; return False if that key does not scroll."""
        action = _SCROLLS.get(key)
        if action is not None:
            self._area.verticalScrollBar().triggerAction(action)
        return action is not None

    def show_entry(self, entry: Entry) -> None:
        self._entry = entry
        self.check.show_entry(entry)
        self._show_facts(entry)

    @Slot()
    def _on_catalog_changed(self) -> None:
        """Show the titles of models that were installed, renamed or removed."""
        if self._entry is not None:
            self._show_facts(self._entry)

    def _show_facts(self, entry: Entry) -> None:
        rows = QWidget()
        grid = QGridLayout(rows)
        grid.setContentsMargins(PADDING, PADDING, PADDING, PADDING)
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(GAP)
        grid.setColumnMinimumWidth(0, _LABEL_PX)
        grid.setColumnStretch(1, 1)
        place = 0
        for fact in long_facts(entry):
            block = QVBoxLayout()
            block.setSpacing(GRID)
            block.setContentsMargins(0, 0, 0, GAP)
            block.addWidget(self._label(fact.label))
            block.addWidget(self._value(fact))
            grid.addLayout(block, place, 0, 1, 2)
            place += 1
        for fact in short_facts(entry, self._catalog):
            grid.addWidget(self._label(fact.label), place, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(self._value(fact), place, 1, Qt.AlignmentFlag.AlignTop)
            place += 1
        grid.setRowStretch(place, 1)
        self._area.setWidget(rows)

    def _label(self, name: str) -> PlainLabel:
        label = PlainLabel(self._theme_of_rows, name, role="dim", wrap=True)
        label.setMaximumWidth(_LABEL_PX)
        return label

    def _value(self, fact: Fact) -> PlainLabel:
        tip = fact.tip or (fact.value if len(fact.value) > _LONG else "")
        value = PlainLabel(self._theme_of_rows, fact.value, wrap=True, tip=tip)
        value.setAccessibleName(text.labelled(fact.label, fact.value))
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # A word wider than the panel must not widen it.
        policy = value.sizePolicy()
        policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
        value.setSizePolicy(policy)
        return value
