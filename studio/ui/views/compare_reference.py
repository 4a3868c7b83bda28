"""The row above curves and figures: what they are measured against, and how far batching took the runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QMenu, QWidget

from studio.ui.models.compare_reference import LONG, A
from studio.ui.theme.metrics import GAP
from studio.ui.views import compare_result_words as words
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.choice import ChoiceField
from studio.ui.widgets.labels import PlainLabel, set_tip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.ui.models.compare_alone import AloneModel
    from studio.ui.models.compare_reference import ReferenceModel
    from studio.ui.theme.theme import Theme

_CHOICE_PX = 200


class ReferenceBar(QWidget):
    """Edits a `ReferenceModel`, and tells what an `AloneModel` knows."""

    def __init__(
        self, theme: Theme, reference: ReferenceModel, alone: AloneModel, parent: QWidget | None = None
    ) -> None:
        """Show the choice."""
        super().__init__(parent)
        self._reference, self._alone = reference, alone
        self._names: tuple[str, ...] = ()
        self.choice = ChoiceField(theme, "")
        self.choice.box.setAccessibleName("Measured against")
        self.choice.setFixedWidth(_CHOICE_PX)
        self.make = TextButton(theme, "", icon="plus")
        set_tip(self.make, words.LONG_TIP)
        self._menu = QMenu(self)
        self.said = PlainLabel(theme, role="dim", elide=True)
        self.said.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.measure = TextButton(theme, "Measure")
        set_tip(self.measure, words.ALONE_TIP)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(PlainLabel(theme, "Measured against", role="dim"))
        row.addWidget(self.choice)
        row.addWidget(self.make)
        row.addWidget(self.said, 1)
        row.addWidget(self.measure)
        self.choice.edited.connect(reference.choose)
        self.make.clicked.connect(self._on_make)
        self.measure.clicked.connect(self._on_measure)
        reference.changed.connect(self.synchronise)
        alone.changed.connect(self.synchronise)

    def show_runs(self, names: Sequence[str]) -> None:
        """Offer these runs."""
        self._names = tuple(names)
        self.synchronise()

    @Slot()
    def synchronise(self) -> None:
        """Show what is chosen and known."""
        reference, alone = self._reference, self._alone.current
        items = [(A, "A", "", ""), *((str(place), name, "", "") for place, name in enumerate(self._names))]
        if reference.made and reference.course is not None:
            items.append((LONG, words.long_name(reference.course.request), "", ""))
        self.choice.set_items(items)
        self.choice.set_value(reference.key)
        offers = reference.offers()
        self.make.setVisible(bool(offers))
        self.make.setText(words.making(reference.course) if reference.making else words.offer(offers))
        self.make.set_icon("x" if reference.making else "plus")
        sentence, bad = words.alone(alone)
        if reference.fault:
            sentence, bad = reference.fault, True
        self.said.setText(sentence)
        self.said.set_role("warn" if bad else "dim")
        self.measure.setVisible(alone.standing in ("unknown", "measuring", "failed"))
        self.measure.setText("Stop" if alone.standing == "measuring" else "Measure")

    @Slot()
    def _on_make(self) -> None:
        reference, offers = self._reference, self._reference.offers()
        if reference.making:
            reference.stop()
        elif len(offers) == 1:
            reference.make(offers[0])
        elif offers:
            self._menu.clear()
            for request in offers:
                self._menu.addAction(words.long_name(request)).triggered.connect(
                    partial(self._on_offer_chosen, request)
                )
            self._menu.popup(self.make.mapToGlobal(QPoint(0, self.make.height())))

    def _on_offer_chosen(self, request: object, *_: object) -> None:
        found = next((offer for offer in self._reference.offers() if offer == request), None)
        if found is not None:
            self._reference.make(found)

    @Slot()
    def _on_measure(self) -> None:
        if self._alone.current.standing == "measuring":
            self._alone.stop()
        else:
            self._alone.measure()
