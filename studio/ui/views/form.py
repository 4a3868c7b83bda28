"""The form: everything that matters to a picture, and Generate at its foot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from studio.ui.models.ideas import IdeasModel
from studio.ui.theme.metrics import FORM, GRID, PADDING
from studio.ui.views.form_choices import ChoiceRows
from studio.ui.views.form_foot import FormFoot
from studio.ui.views.form_numbers import NumberRows
from studio.ui.views.form_texts import TextRows
from studio.ui.widgets.cards import Ground

if TYPE_CHECKING:
    from studio.ui.core.catalog import Catalog
    from studio.ui.models.form import FormModel
    from studio.ui.theme.theme import Theme


class FormView(Ground):
    """Edits a `FormModel`. Where the window is low the rows scroll, and Generate stays in sight."""

    generate_requested = Signal()
    """The pictures are to be made, or added to the queue."""
    cancel_requested = Signal()
    """The running job is to stop."""

    def __init__(
        self, theme: Theme, form: FormModel, catalog: Catalog, parent: QWidget | None = None
    ) -> None:
        """Show what stands in ``form``, and the models of ``catalog`` to choose from."""
        super().__init__(theme, "panel", lines=Qt.Edge.RightEdge, parent=parent)
        self._form = form
        self.texts = TextRows(theme, form, IdeasModel(form, catalog, self))
        self.choices = ChoiceRows(theme, form, catalog)
        self.numbers = NumberRows(theme, form)
        self.foot = FormFoot(theme, form)
        self.area = QScrollArea()
        self._lay_out()
        self.foot.generate_requested.connect(self.generate_requested)
        self.foot.cancel_requested.connect(self.cancel_requested)
        self.area.verticalScrollBar().rangeChanged.connect(self._on_scrolled)
        self.area.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        form.changed.connect(self._on_form_changed)
        self._on_form_changed()

    def focus_prompt(self) -> None:
        """Put the cursor into the prompt; the one suggested at the first start is selected, to be typed over."""
        editor = self.texts.prompt.editor
        editor.setFocus(Qt.FocusReason.OtherFocusReason)
        if self._form.suggested:
            editor.selectAll()

    def set_running(self, running: bool) -> None:
        """Say whether a job runs: then Generate adds to the queue, and it can be cancelled."""
        self.foot.set_running(running)

    def _lay_out(self) -> None:
        rows = QWidget()
        # The scroll bar takes the right margin's place, so that nothing moves when it comes.
        rows.setFixedWidth(FORM - PADDING)
        column = QVBoxLayout(rows)
        column.setContentsMargins(PADDING, PADDING, 0, PADDING - GRID)
        column.setSpacing(PADDING - GRID)
        for group in (self.texts, self.choices, self.numbers):
            column.addWidget(group)
        column.addStretch()
        self.area.setWidget(rows)
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.viewport().setAutoFillBackground(False)
        rows.setAutoFillBackground(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 1, 0)  # the line at the right edge
        column.setSpacing(0)
        column.addWidget(self.area, 1)
        column.addWidget(self.foot)

    @Slot()
    def _on_form_changed(self) -> None:
        for group in (self.texts, self.choices, self.numbers):
            group.synchronise()

    @Slot()
    def _on_scrolled(self) -> None:
        bar = self.area.verticalScrollBar()
        self.foot.set_line(bar.value() < bar.maximum())
