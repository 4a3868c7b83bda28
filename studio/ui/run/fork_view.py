"""Beside the picture: how to go on from the step that is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.diffusion.samplers import SAMPLERS
from studio.engine.requests.checks import MAX_SEED
from studio.engine.requests.generate import MAX_GUIDANCE, MAX_STEPS
from studio.messages import message
from studio.ui.jobs.option_fields import OptionControls
from studio.ui.language import tr
from studio.ui.run import text
from studio.ui.theme.metrics import GAP, GRID, PADDING
from studio.ui.widgets.buttons import IconButton, TextButton
from studio.ui.widgets.cards import Card
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.labels import PlainLabel, set_tip
from studio.ui.widgets.numbers import NumberField, NumberSlider
from studio.ui.widgets.prompt_field import PromptField

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent

    from studio.ui.core.intents import Intents
    from studio.ui.run.fork import ForkModel
    from studio.ui.theme.theme import Theme

WIDTH = 296
SEED_TIP = message(
    "The noise that is still to be drawn. The same seed draws what the run itself would have drawn."
)
NO_SEED = message("No noise is drawn from here on, so the seed changes nothing.")
STEPS_TIP = message("Another number spaces the times that remain anew; the run's own number keeps them.")


class ForkPanel(Card):
    """Edits a `ForkModel`.

    Signals:
        closed: the panel is to go away.
    """

    closed = Signal()

    def __init__(
        self, theme: Theme, model: ForkModel, intents: Intents, parent: QWidget | None = None
    ) -> None:
        """Edit ``model``."""
        super().__init__(theme, parent=parent)
        self._model = model
        self.setFixedWidth(WIDTH)
        self.setAccessibleName(tr("Fork"))
        self._title = PlainLabel(theme, kind="title", elide=True)
        self._close = IconButton(theme, "x", tr("Close"), tip=tr("Close (Esc)"), kind="quiet")
        self.prompt = PromptField(theme, tr("Prompt from here on"), lines=2)
        self.negative = PromptField(theme, tr("Negative prompt"), lines=1)
        self.sampler = ChoiceField(theme, tr("Sampler"), tip=tr("How the run goes on from this step."))
        self.sampler.set_items(
            [(name, tr(kind.title), "", tr(kind.summary)) for name, kind in SAMPLERS.items()]
        )
        self.options = OptionControls(theme)
        self.guidance = NumberSlider(
            theme, tr("Guidance"), minimum=0, maximum=MAX_GUIDANCE, step=0.5, decimals=1, slider_maximum=15
        )
        self.steps = NumberField(theme, tr("Steps to go"), minimum=1, maximum=MAX_STEPS, tip=tr(STEPS_TIP))
        self.seed = NumberField(theme, tr("Seed"), minimum=0, maximum=MAX_SEED, tip=tr(SEED_TIP))
        self.words = PlainLabel(theme, kind="label", role="dim", wrap=True)
        self.go = TextButton(theme, tr("Fork"), kind="primary", icon="git-fork")
        self.go.clicked.connect(intents.fork)
        set_tip(self.go, tr("Go on from this step with these settings (Ctrl+Enter)"))
        self._lay_out()
        self._connect()
        self._on_changed()

    @property
    def has_keyboard(self) -> bool:
        """Whether what is typed goes to the panel."""
        focus = QApplication.focusWidget()
        return focus is not None and self.isAncestorOf(focus)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(PADDING, GAP, GAP, 0)
        head.addWidget(self._title, 1)
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
        rows.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.viewport().setAutoFillBackground(False)
        area.setWidget(fields)
        fields.setAutoFillBackground(False)
        foot = QVBoxLayout()
        foot.setContentsMargins(PADDING, 0, PADDING, GAP)
        foot.setSpacing(GRID)
        foot.addWidget(self.go)
        foot.addWidget(self.words)
        self.words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(area, 1)
        column.addLayout(foot)

    def _connect(self) -> None:
        model = self._model
        model.changed.connect(self._on_changed)
        self._close.clicked.connect(self.closed)
        self.prompt.edited.connect(self._on_prompt)
        self.negative.edited.connect(self._on_negative)
        self.sampler.edited.connect(self._on_sampler)
        self.options.edited.connect(self._on_option)
        self.guidance.edited.connect(self._on_guidance)
        self.steps.edited.connect(self._on_steps)
        self.seed.edited.connect(self._on_seed)

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
        whole = start.index + start.remaining if start is not None else 0
        self._title.setText(text.fork_title(start.index, whole) if start is not None else tr("Fork"))
        self.go.setEnabled(not fault)
        if values is None:
            return
        self.prompt.set_value(values.prompt)
        self.negative.set_value(values.negative)
        self.sampler.set_value(values.sampler)
        self.options.show_options(values.sampler, model.options)
        self.guidance.set_value(values.guidance)
        self.steps.set_limits(1, max(model.most_left, 1))
        self.steps.set_value(max(model.remaining, 1))
        self.seed.set_value(values.seed)
        self.seed.setEnabled(model.draws_noise)
        self.words.setText(fault or self._cost())

    def _cost(self) -> str:
        model = self._model
        cost = text.fork_cost(model.remaining, model.model_calls)
        return cost if model.draws_noise else tr("{cost}. {note}", cost=cost, note=NO_SEED)

    # ------------------------------------------------------------------------------------------------------- edits
    @Slot(str)
    def _on_prompt(self, text: str) -> None:
        self._model.edit(prompt=text)

    @Slot(str)
    def _on_negative(self, text: str) -> None:
        self._model.edit(negative=text)

    @Slot(str)
    def _on_sampler(self, name: str) -> None:
        self._model.edit(sampler=name)

    @Slot(str, object)
    def _on_option(self, name: str, value: object) -> None:
        if isinstance(value, bool | int | float | str):
            self._model.edit_option(name, value)

    @Slot(float)
    def _on_guidance(self, value: float) -> None:
        self._model.edit(guidance=value)

    @Slot(float)
    def _on_steps(self, value: float) -> None:
        steps = round(value)
        self._model.edit(remaining=None if steps == self._model.left else steps)

    @Slot(float)
    def _on_seed(self, value: float) -> None:
        self._model.edit(seed=round(value))
