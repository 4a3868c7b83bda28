"""What is told of a picture that is shown large: labels and what they say.

Beside a picture that is shown large: whether it comes out the same when it is made again.

Beside a picture that is shown large: how it was made, and what can be done with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractSlider,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.diffusion.samplers import SAMPLERS
from studio.ui.jobs.picture_menu import COMPARE_WITH, SaveMenu
from studio.ui.jobs.picture_text import NO_PROMPT, plain_number, prompt_of, sampler_title
from studio.ui.jobs.pin_button import PinButton
from studio.ui.theme.metrics import GAP, GRID, PADDING
from studio.ui.widgets.buttons import IconButton, TextButton
from studio.ui.widgets.cards import Ground
from studio.ui.widgets.labels import PlainLabel, set_tip
from studio.ui.widgets.scrubber import NoiseBar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studio.gallery.index import Entry
    from studio.ui.gallery.verify import VerifyModel
    from studio.ui.jobs.recorded_runs import RunsModel
    from studio.ui.theme.theme import Theme


FILE = "File"

Fact = tuple[str, str]


def long_facts(entry: Entry) -> list[Fact]:
    """Return the texts, which take a line of their own."""
    negative = entry.metadata.request.get("negative")
    prompt = prompt_of(entry.metadata).strip() or NO_PROMPT
    return [
        ("Prompt", prompt),
        *([("Negative prompt", negative)] if isinstance(negative, str) and negative else []),
    ]


def short_facts(entry: Entry) -> list[Fact]:
    """Return the settings and what making the picture took."""
    metadata = entry.metadata
    request = metadata.request
    facts = [
        ("Model", metadata.model),
        ("Sampler", sampler_title(request.get("sampler"))),
        *_options(request.get("sampler"), request.get("options")),
        ("Steps", plain_number(request.get("steps"))),
        ("Spacing", _text(request.get("spacing"))),
        ("Guidance", plain_number(request.get("guidance"))),
        ("Seed", str(metadata.seed)),
        ("Size", f"{entry.width} × {entry.height}"),
        ("Model calls", f"{metadata.model_calls:,}"),
        ("Time", f"{metadata.seconds:.1f} s"),
        ("Device", f"{metadata.device}, {metadata.dtype}"),
        ("Made", metadata.created.astimezone().strftime("%Y-%m-%d %H:%M")),
        (FILE, entry.path.name),
    ]
    return [(label, value) for label, value in facts if value]


def _options(sampler: object, values: object) -> Iterator[Fact]:
    """Yield a sampler's own options under the labels their controls have."""
    if not isinstance(values, Mapping):
        return
    labels = {}
    if isinstance(sampler, str) and sampler in SAMPLERS:
        labels = {item.name: item.metadata["label"] for item in fields(SAMPLERS[sampler].Options)}
    for name, value in values.items():
        yield str(labels.get(name, name)), plain_number(value) or _text(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


VERIFY, STOP = "Verify", "Stop verifying"
TIP = "Make this picture again from what its file remembers, and compare every pixel (V)"
_ROLES = {"running": "dim", "same": "good", "different": "warn", "failed": "warn"}


class LargeCheck(QWidget):
    """A button, what came of it, and beside it the pin of the picture's run."""

    def __init__(
        self, theme: Theme, verifier: VerifyModel, runs: RunsModel, parent: QWidget | None = None
    ) -> None:
        """Have pictures checked by ``verifier``, and their runs of ``runs`` pinned."""
        super().__init__(parent)
        self._verifier, self._runs = verifier, runs
        self._entry: Entry | None = None
        self.words = PlainLabel(theme, role="dim", wrap=True)
        self.bar = NoiseBar(theme, "How far the picture is made again")
        self.button = TextButton(theme, VERIFY, icon="circle-check")
        set_tip(self.button, TIP)
        self.pin = PinButton(theme, runs)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self.button, 1)
        row.addWidget(self.pin)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addWidget(self.words)
        column.addWidget(self.bar)
        column.addLayout(row)
        self.button.clicked.connect(self.toggle)
        verifier.changed.connect(self._on_changed)
        runs.found.connect(self._on_found)
        self._on_changed()

    def show_entry(self, entry: Entry) -> None:
        """Be about another picture."""
        self._entry = entry
        self.pin.set_run("")
        self._runs.find_run(entry)
        self._on_changed()

    @Slot()
    def toggle(self) -> None:
        """Make the picture again, or stop that."""
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
        self.button.setText(STOP if runs else VERIFY)
        self.button.set_icon("square" if runs else "circle-check")
        self.bar.setVisible(runs)
        self.words.setVisible(check is not None)
        if check is not None:
            self.words.set_role(_ROLES[check.outcome])
            self.words.setText(check.words)
            self.bar.set_progress(check.fraction, check.level)


WIDTH = 304
_LABEL_PX = 104
_UNLIMITED = 16_777_215  # Qt's QWIDGETSIZE_MAX
_LONG = 200
"""Texts longer than this are in a tooltip too."""

_SCROLLS = {
    int(Qt.Key.Key_Up): QAbstractSlider.SliderAction.SliderSingleStepSub,
    int(Qt.Key.Key_Down): QAbstractSlider.SliderAction.SliderSingleStepAdd,
    int(Qt.Key.Key_PageUp): QAbstractSlider.SliderAction.SliderPageStepSub,
    int(Qt.Key.Key_PageDown): QAbstractSlider.SliderAction.SliderPageStepAdd,
}


class LargePanel(Ground):
    """The settings of one picture, as a list, above what can be done with it.

    Attributes:
        check: whether it comes out the same again.

    Signals:
        settings_requested: the settings are to fill the form.
        watch_requested: it is to be watched forming.
        compare_requested: its run is to lie beside others.
        save_requested: it is to be saved elsewhere: how many times as large, and whether smooth.
        copy_requested: the picture is to be copied.
        folder_requested: its folder is to be shown.
        trash_requested: it is to be thrown away.
    """

    settings_requested = Signal()
    watch_requested = Signal()
    compare_requested = Signal()
    save_requested = Signal(int, bool)
    copy_requested = Signal()
    folder_requested = Signal()
    trash_requested = Signal()

    def __init__(
        self, theme: Theme, verifier: VerifyModel, runs: RunsModel, parent: QWidget | None = None
    ) -> None:
        """Start without a picture; ``verifier`` makes one again, and its run is among ``runs``."""
        super().__init__(theme, "panel", lines=Qt.Edge.LeftEdge, parent=parent)
        self._theme_of_rows = theme
        self.setFixedWidth(WIDTH)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.viewport().setAutoFillBackground(False)
        use = TextButton(theme, "Use these settings", kind="primary")
        watch = TextButton(theme, "Watch it form", icon="play")
        compare = TextButton(theme, COMPARE_WITH, icon="columns-2")
        copy = TextButton(theme, "Copy", icon="copy")
        self._save = TextButton(theme, "Save as…", icon="download")
        self.save_menu = SaveMenu(self)
        folder = IconButton(theme, "folder-open", "Show in folder")
        trash = IconButton(theme, "trash-2", "Move to the trash", tip="Move to the trash (Del)")
        set_tip(use, "Fill the form with what made this picture, its seed too.")
        set_tip(watch, "Go through the recorded steps of this picture (W)")
        set_tip(compare, "Lay the recorded run of this picture beside others")
        set_tip(self._save, "Save this picture elsewhere, as it is or enlarged")
        set_tip(copy, "Copy the picture and its file (Ctrl+C)")
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
        others.addWidget(folder)
        others.addWidget(trash)
        foot = QVBoxLayout()
        foot.setContentsMargins(PADDING, GAP, PADDING, PADDING)
        foot.setSpacing(GAP)
        foot.addWidget(use)
        run = QHBoxLayout()
        run.setSpacing(GAP)
        run.addWidget(watch, 1)
        run.addWidget(compare, 1)
        foot.addLayout(run)
        self.check = LargeCheck(theme, verifier, runs)
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
        """Lie beneath the picture, as wide as that, or beside it."""
        self._lines = Qt.Edge.TopEdge if below else Qt.Edge.LeftEdge
        self.setMinimumWidth(0 if below else WIDTH)
        self.setMaximumWidth(_UNLIMITED if below else WIDTH)
        self.update()

    def scroll_by(self, key: int) -> bool:
        """Scroll the list with a key; return False for a key that does not scroll."""
        action = _SCROLLS.get(key)
        if action is not None:
            self._area.verticalScrollBar().triggerAction(action)
        return action is not None

    def show_entry(self, entry: Entry) -> None:
        """Tell of another picture."""
        self.check.show_entry(entry)
        rows = QWidget()
        grid = QGridLayout(rows)
        grid.setContentsMargins(PADDING, PADDING, PADDING, PADDING)
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(GAP)
        grid.setColumnMinimumWidth(0, _LABEL_PX)
        grid.setColumnStretch(1, 1)
        place = 0
        for label, text in long_facts(entry):
            block = QVBoxLayout()
            block.setSpacing(GRID)
            block.setContentsMargins(0, 0, 0, GAP)
            block.addWidget(self._label(label))
            block.addWidget(self._value(label, text))
            grid.addLayout(block, place, 0, 1, 2)
            place += 1
        for label, text in short_facts(entry):
            grid.addWidget(self._label(label), place, 0, Qt.AlignmentFlag.AlignTop)
            value = self._value(label, text)
            if label == FILE:
                set_tip(value, str(entry.path))
            grid.addWidget(value, place, 1, Qt.AlignmentFlag.AlignTop)
            place += 1
        grid.setRowStretch(place, 1)
        self._area.setWidget(rows)
        rows.setAutoFillBackground(False)

    def _label(self, text: str) -> PlainLabel:
        label = PlainLabel(self._theme_of_rows, text, role="dim", wrap=True)
        label.setMaximumWidth(_LABEL_PX)
        return label

    def _value(self, label: str, text: str) -> PlainLabel:
        value = PlainLabel(self._theme_of_rows, text, wrap=True, tip=text if len(text) > _LONG else "")
        value.setAccessibleName(f"{label}: {text}")
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # A word that is wider than the panel is cut, and must not widen it.
        policy = value.sizePolicy()
        policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
        value.setSizePolicy(policy)
        return value
