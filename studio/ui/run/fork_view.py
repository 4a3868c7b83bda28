"""The fork panel beside the picture: edits a `ForkModel`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.diffusion.samplers import SAMPLERS
from studio.engine.requests.generate import MAX_GUIDANCE, MAX_STEPS
from studio.ui.jobs.option_fields import OptionControls, TextControls
from studio.ui.language import tr
from studio.ui.run import text
from studio.ui.theme.metrics import GAP, GRID, PADDING
from studio.ui.widgets.binding import bind
from studio.ui.widgets.buttons import IconButton, TextButton
from studio.ui.widgets.cards import Card
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.labels import PlainLabel, set_tip
from studio.ui.widgets.numbers import NumberField, NumberSlider, SeedField
from studio.ui.widgets.page import ScrollArea
from studio.ui.widgets.prompt_field import PromptField

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent

    from studio.ui.core.intents import Intents
    from studio.ui.run.fork import ForkModel
    from studio.ui.theme.theme import Theme

WIDTH = 296


class ForkPanel(Card):
    """Edits a `ForkModel`; its fields scroll in a low window.

    Signals:
        closed: close the panel.
    """

    closed = Signal()

    def __init__(
        self, theme: Theme, model: ForkModel, intents: Intents, parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, parent=parent)
        self._model = model
        self.setFixedWidth(WIDTH)
        self.setAccessibleName(tr("Fork"))
        self.title = PlainLabel(theme, kind="title", elide=True)
        self._close = IconButton(theme, "x", tr("Close"), tip=tr("Close (Esc)"), kind="quiet")
        self.prompt = PromptField(theme, tr("Prompt from here on"), lines=2)
        self.negative = PromptField(theme, tr("Negative prompt"), lines=1)
        self.sampler = ChoiceField(theme, tr("Sampler"), tip=text.sampler_tip())
        self.sampler.set_items(
            [(name, tr(kind.title), "", tr(kind.summary)) for name, kind in SAMPLERS.items()]
        )
        self.options = OptionControls(theme)
        self.guidance = NumberSlider(
            theme, tr("Guidance"), minimum=0, maximum=MAX_GUIDANCE, step=0.5, decimals=1, slider_maximum=15
        )
        self.steps = NumberField(theme, tr("Steps left"), minimum=1, maximum=MAX_STEPS, tip=text.steps_tip())
        self.seed = SeedField(theme, tip=text.seed_tip(), plain=True)
        self.text = TextControls(theme)
        self.note = PlainLabel(theme, kind="label", role="dim", wrap=True)
        self.fork = TextButton(theme, tr("Fork"), kind="primary", icon="git-fork")
        set_tip(self.fork, text.run_fork_tip())
        self.fork.clicked.connect(intents.fork)
        self._lay_out()
        self._connect()
        self._on_changed()

    @property
    def has_keyboard(self) -> bool:
        """Whether a control of the panel has the focus."""
        focus = QApplication.focusWidget()
        return focus is not None and self.isAncestorOf(focus)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(PADDING, GAP, GAP, 0)
        head.addWidget(self.title, 1)
        head.addWidget(self._close)
        fields = QWidget()
        rows = QVBoxLayout(fields)
        rows.setContentsMargins(PADDING, GRID, PADDING, GAP)
        rows.setSpacing(GAP)
        for prompt in (self.prompt, self.negative):
            prompt.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        pair = QHBoxLayout()
        pair.setSpacing(GAP)
        pair.addWidget(self.steps, 2)
        pair.addWidget(self.seed, 3)
        for widget in (self.prompt, self.negative, self.sampler, self.options, self.guidance):
            rows.addWidget(widget)
        rows.addLayout(pair)
        rows.addWidget(self.text)
        rows.addStretch(1)
        area = ScrollArea()
        area.setWidget(fields)
        foot = QVBoxLayout()
        foot.setContentsMargins(PADDING, 0, PADDING, GAP)
        foot.setSpacing(GRID)
        foot.addWidget(self.fork)
        foot.addWidget(self.note)
        self.note.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(area, 1)
        column.addLayout(foot)

    def _connect(self) -> None:
        model = self._model
        self._close.clicked.connect(self.closed)
        model.changed.connect(self._on_changed)  # before the bindings: it sets the limits of the steps
        for field, control in (
            ("prompt", self.prompt),
            ("negative", self.negative),
            ("sampler", self.sampler),
            ("guidance", self.guidance),
            ("seed", self.seed),
        ):
            bind(model, field, control)
        bind(model, "remaining", self.steps, read=self._steps_shown, write=self._steps_chosen)
        self.options.edited.connect(self._on_option)
        self.text.edited.connect(self._on_text)

    def _steps_shown(self, remaining: int | None) -> int:
        del remaining  # None is as many as the run has left
        return max(self._model.remaining, 1)

    def _steps_chosen(self, value: float) -> int | None:
        steps = round(value)
        return None if steps == self._model.steps_left else steps

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close on Esc."""
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            event.ignore()

    @Slot()
    def _on_changed(self) -> None:
        model, values = self._model, self._model.values
        start, fault = model.start, model.fault
        steps = start.index + start.remaining if start is not None else 0
        self.title.setText(text.fork_title(start.index, steps) if start is not None else tr("Fork"))
        self.fork.setEnabled(not fault)
        if values is None:
            return
        self.options.show_options(values.sampler, model.options)
        self.text.show_values(model.text_defaults, values.emphasis, values.clip_skip)
        self.steps.set_limits(1, max(model.max_remaining, 1))
        self.seed.setEnabled(model.draws_noise)
        note = text.fork_note(model.remaining, model.model_calls, seed_matters=model.draws_noise)
        self.note.setText(fault or note)

    @Slot(str, object)
    def _on_text(self, name: str, value: object) -> None:
        self._model.edit(**{name: value})

    @Slot(str, object)
    def _on_option(self, name: str, value: object) -> None:
        if isinstance(value, bool | int | float | str):
            self._model.edit_option(name, value)
