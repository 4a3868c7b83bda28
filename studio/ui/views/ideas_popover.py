"""Beside the prompt: prompts to try, and everything the model knows by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from studio.ui.theme.metrics import GAP, GRID, INSET
from studio.ui.widgets.buttons import IconButton
from studio.ui.widgets.cards import Card
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.painting import is_undo_of_the_window
from studio.ui.widgets.text_list import TextList

if TYPE_CHECKING:
    from PySide6.QtGui import QHideEvent, QShowEvent

    from studio.ui.models.ideas import IdeasModel
    from studio.ui.theme.theme import Theme

WIDTH: Final = 344
HIGHEST: Final = 640
EXAMPLE_ROWS: Final = 6
LEAST_NAME_ROWS: Final = 3
MAX_LENGTH: Final = 200
REPLACES = "A name takes the prompt's place; Ctrl+Z brings that back."
ADDS = "A name is added where the cursor stands in the prompt."


class IdeasPopover(Card):
    """A card over the window; it goes away when something is chosen, with Esc, or when one goes elsewhere.

    Signals:
        example_chosen: a whole prompt.
        name_chosen: a name.
        left: Esc, or its button: the keyboard is to go back to the prompt.
    """

    example_chosen = Signal(str)
    name_chosen = Signal(str)
    left = Signal()

    def __init__(self, theme: Theme, ideas: IdeasModel, button: QWidget) -> None:
        """Start hidden; ``button`` opens and closes it."""
        super().__init__(theme, ground="floating", parent=button)
        self._ideas, self._button = ideas, button
        self.hide()
        self.setAccessibleName("Ideas")
        title = PlainLabel(theme, "What this model can draw", kind="title")
        close = IconButton(theme, "x", "Close", kind="quiet", role="dim")
        self.fault = PlainLabel(theme, role="warn", wrap=True)
        self._examples_label = PlainLabel(theme, "Prompts to try", kind="label", role="dim")
        self.examples = TextList(theme, "Prompts to try")
        self.count = PlainLabel(theme, kind="label", role="dim")
        self.search = QLineEdit()
        self.search.setMaxLength(MAX_LENGTH)
        self.search.setFont(theme.font("body"))
        self.search.setPlaceholderText("Search names")
        self.search.setAccessibleName("Search names")
        self.search.addAction(theme.icon("search", "faint"), QLineEdit.ActionPosition.LeadingPosition)
        self.names = TextList(theme, "Names that the model knows")
        self.hint = PlainLabel(theme, kind="label", role="faint", wrap=True)
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(INSET, GAP, INSET, INSET)
        column.setSpacing(GRID)
        column.addLayout(head)
        for widget in (self.fault, self._examples_label, self.examples, self.count, self.search):
            column.addWidget(widget)
        column.addWidget(self.names, 1)
        column.addWidget(self.hint)
        column.insertSpacing(column.indexOf(self.count), GAP)
        close.clicked.connect(self._leave)
        ideas.changed.connect(self.hide)
        self.search.textChanged.connect(self._on_searched)
        self.examples.chosen.connect(self._on_example)
        self.names.chosen.connect(self._on_name)

    def open(self, corner: QPoint, *, adds: bool) -> None:
        """Open with the upper left corner at a point of the window.

        Args:
            corner: where there is room; it moves up where there is too little below.
            adds: whether a name is added to the prompt, or takes its place.
        """
        self.setParent(self._button.window())
        words = self._ideas.words
        self.fault.setText(self._ideas.fault)
        self.fault.setVisible(bool(self._ideas.fault))
        self.examples.set_texts(words.examples)
        self.examples.setFixedHeight(self.examples.height_of(min(len(words.examples), EXAMPLE_ROWS)))
        of_examples: tuple[QWidget, ...] = (self._examples_label, self.examples)
        of_names: tuple[QWidget, ...] = (self.count, self.search, self.names, self.hint)
        for parts, there in ((of_examples, words.examples), (of_names, words.names)):
            for part in parts:
                part.setVisible(bool(there))
        self.names.setMinimumHeight(self.names.height_of(LEAST_NAME_ROWS))
        self.hint.setText(ADDS if adds else REPLACES)
        self.search.clear()
        self._on_searched("")
        self._place(corner, with_names=bool(words.names))
        self.show()
        self.raise_()
        (self.search if words.names else self.examples).setFocus(Qt.FocusReason.PopupFocusReason)

    def _place(self, corner: QPoint, *, with_names: bool) -> None:
        room = self.window().height() - 2 * GAP
        height = min(HIGHEST if with_names else self.sizeHint().height(), room)
        self.setFixedWidth(WIDTH)
        self.setFixedHeight(height)
        left = max(GAP, min(corner.x(), self.window().width() - WIDTH - GAP))
        self.move(left, max(GAP, min(corner.y(), self.window().height() - height - GAP)))

    # ------------------------------------------------------------------------------------------ coming and going
    def showEvent(self, event: QShowEvent) -> None:
        """Watch for what happens elsewhere."""
        super().showEvent(event)
        if (app := QApplication.instance()) is not None:
            app.installEventFilter(self)

    def hideEvent(self, event: QHideEvent) -> None:
        """Watch no more."""
        super().hideEvent(event)
        if (app := QApplication.instance()) is not None:
            app.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Close when one goes elsewhere, and lead the keys of the parts."""
        kind = event.type()
        if kind in (QEvent.Type.MouseButtonPress, QEvent.Type.FocusIn) and isinstance(watched, QWidget):
            if watched is not self._button and watched is not self and not self.isAncestorOf(watched):
                self.hide()
        elif kind == QEvent.Type.Resize and watched is self.window():
            self.hide()
        elif kind == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._owns(watched):
            if is_undo_of_the_window(event):
                event.ignore()
                return True
            if event.key() == Qt.Key.Key_Escape:
                event.accept()
                return True
        elif kind == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and self._owns(watched):
            return self._on_key(watched, event)
        return False

    def _owns(self, watched: QObject) -> bool:
        return isinstance(watched, QWidget) and self.isAncestorOf(watched)

    def _on_key(self, watched: QObject, event: QKeyEvent) -> bool:
        if event.key() == Qt.Key.Key_Escape:
            self._leave()
            return True
        if watched is self.search and event.key() == Qt.Key.Key_Down and self.names.texts:
            self.names.setFocus(Qt.FocusReason.OtherFocusReason)
            self.names.go_to(0)
            return True
        if (
            watched is self.search
            and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            and self.names.texts
        ):
            self._on_name(self.names.texts[0])
            return True
        up = watched is self.names and event.key() == Qt.Key.Key_Up and self.names.currentIndex().row() <= 0
        if up:
            self.search.setFocus(Qt.FocusReason.OtherFocusReason)
        return up

    @Slot()
    def _leave(self) -> None:
        self.hide()
        self.left.emit()

    # ------------------------------------------------------------------------------------------------ what it shows
    @Slot(str)
    def _on_searched(self, text: str) -> None:
        found, every = self._ideas.search(text), len(self._ideas.words.names)
        self.names.set_texts(found)
        all_of = f"All {every:,} names" if every != 1 else "The one name"
        self.count.setText(all_of if len(found) == every else f"{len(found):,} of {every:,} names")

    @Slot(str)
    def _on_example(self, prompt: str) -> None:
        self.hide()
        self.example_chosen.emit(prompt)

    @Slot(str)
    def _on_name(self, name: str) -> None:
        self.hide()
        self.name_chosen.emit(name)
