"""Prompts to try and the names a model knows: the popover beside the prompt, and the completion list beneath it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, Signal, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QGuiApplication, QKeyEvent, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from studio.ui.create import text
from studio.ui.create.text_list import TextList
from studio.ui.language import tr
from studio.ui.theme.metrics import GAP, GRID, INSET
from studio.ui.widgets.buttons import IconButton
from studio.ui.widgets.cards import Card, Popover
from studio.ui.widgets.labels import PlainLabel

if TYPE_CHECKING:
    from studio.ui.create.form_model import FormModel
    from studio.ui.create.ideas import IdeasModel, Offer
    from studio.ui.theme.theme import Theme
    from studio.ui.widgets.prompt_field import PromptField


WIDTH: Final = 344
HIGHEST: Final = 640
EXAMPLE_ROWS: Final = 6
LEAST_NAME_ROWS: Final = 3
MAX_LENGTH: Final = 200


class IdeasPopover(Popover):
    """Examples and names; it closes when something is chosen.

    Signals:
        example_chosen: use this prompt.
        name_chosen: put this name into the prompt.
    """

    example_chosen = Signal(str)
    name_chosen = Signal(str)

    def __init__(self, theme: Theme, ideas: IdeasModel, button: QWidget) -> None:
        """Start hidden; a click on ``button`` does not count as one elsewhere."""
        super().__init__(theme, button)
        self._ideas = ideas
        self.setAccessibleName(tr("Ideas"))
        title = PlainLabel(theme, tr("What this model can draw"), kind="title")
        close = IconButton(theme, "x", tr("Close"), kind="quiet", role="dim")
        self.fault = PlainLabel(theme, role="warn", wrap=True)
        self._examples_label = PlainLabel(theme, tr("Prompts to try"), kind="label", role="dim")
        self.examples = TextList(theme, tr("Prompts to try"))
        self.count = PlainLabel(theme, kind="label", role="dim")
        self.search = QLineEdit()
        self.search.setMaxLength(MAX_LENGTH)
        self.search.setFont(theme.font("body"))
        self.search.setPlaceholderText(tr("Search names"))
        self.search.setAccessibleName(tr("Search names"))
        self.search.addAction(theme.icon("search", "faint"), QLineEdit.ActionPosition.LeadingPosition)
        self.names = TextList(theme, tr("Names that the model knows"))
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
        close.clicked.connect(self.leave)
        ideas.changed.connect(self.hide)
        self.search.textChanged.connect(self._on_searched)
        self.examples.chosen.connect(self._on_example)
        self.names.chosen.connect(self._on_name)

    def open(self, corner: QPoint, *, adds: bool) -> None:
        """Open with the upper left corner at a point of the window.

        Args:
            corner: the point; the card moves up if there is too little room below.
            adds: whether a name is added to the prompt; else it replaces the prompt.
        """
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
        self.hint.setText(text.name_is_added() if adds else text.name_replaces())
        self.search.clear()
        self._on_searched("")
        self.open_at(corner, WIDTH, HIGHEST if words.names else self.sizeHint().height())
        (self.search if words.names else self.examples).setFocus(Qt.FocusReason.PopupFocusReason)

    def take_key(self, watched: QWidget, event: QKeyEvent) -> bool:
        """Move between the search and the names, and choose the first name with Enter in the search."""
        if watched is self.search and event.key() == Qt.Key.Key_Down and self.names.texts:
            self.names.setFocus(Qt.FocusReason.OtherFocusReason)
            self.names.go_to(0)
            return True
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if watched is self.search and enter and self.names.texts:
            self._on_name(self.names.texts[0])
            return True
        up = watched is self.names and event.key() == Qt.Key.Key_Up and self.names.currentIndex().row() <= 0
        if up:
            self.search.setFocus(Qt.FocusReason.OtherFocusReason)
        return up

    # -------------------------------------------------------------------------------------------------- contents
    @Slot(str)
    def _on_searched(self, words: str) -> None:
        found, every = self._ideas.search(words), len(self._ideas.words.names)
        self.names.set_texts(found)
        self.count.setText(text.names_found(len(found), every))

    @Slot(str)
    def _on_example(self, prompt: str) -> None:
        self.hide()
        self.example_chosen.emit(prompt)

    @Slot(str)
    def _on_name(self, name: str) -> None:
        self.hide()
        self.name_chosen.emit(name)


NARROWEST: Final = 140
WIDEST: Final = 280
_TAKE = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab)
_LEAVE = (QEvent.Type.FocusOut, QEvent.Type.Hide, QEvent.Type.Resize, QEvent.Type.Wheel)
_COMMAND = (
    Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
)


class PromptCompletion(QObject):
    """Completes names while a prompt is typed; any other change of the prompt closes the list."""

    def __init__(self, theme: Theme, field: PromptField, form: FormModel, ideas: IdeasModel) -> None:
        """Complete what is typed into ``field``, which edits the prompt of ``form``."""
        super().__init__(field)
        self._field, self._form, self._ideas = field, form, ideas
        self._offer: Offer | None = None
        self._at, self._prompt = ("", ""), ""
        self._announced = ""
        self.card = Card(theme, ground="floating", parent=field)
        self.card.hide()
        self.list = TextList(theme, tr("Names that continue what was typed"))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column = QVBoxLayout(self.card)
        column.setContentsMargins(GRID, GRID, GRID, GRID)
        column.addWidget(self.list)
        field.editor.installEventFilter(self)
        field.editor.viewport().installEventFilter(self)
        field.editor.typed.connect(self._on_typed)
        field.editor.cursorPositionChanged.connect(self._on_moved)
        form.changed.connect(self._on_form_changed)
        ideas.changed.connect(self.close)
        self.list.chosen.connect(self._take)

    @property
    def is_open(self) -> bool:
        return self._offer is not None

    @Slot()
    def close(self) -> None:
        self._offer = None
        self.card.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Pass the keys of the list to it while it is open, and close it on any other input."""
        if not self.is_open:
            return False
        if event.type() in _LEAVE or (event.type() == QEvent.Type.MouseButtonPress):
            self.close()
        elif event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            if event.modifiers() & _COMMAND:
                self.close()
            elif event.key() == Qt.Key.Key_Escape:
                event.accept()  # else the window's shortcut would cancel the running job
                return True
        elif event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._on_key(event)
        return False

    def _on_key(self, event: QKeyEvent) -> bool:
        key, row = event.key(), self.list.currentIndex().row()
        if event.modifiers() & (_COMMAND | Qt.KeyboardModifier.ShiftModifier):
            return False
        if key == Qt.Key.Key_Escape:
            self.close()
        elif key == Qt.Key.Key_Down or (key == Qt.Key.Key_Up and row >= 0):
            count = len(self.list.texts)
            self.list.go_to((row + 1) % count if key == Qt.Key.Key_Down else (row - 1) % count)
            self._announce(self.list.current)
        elif key in _TAKE and row >= 0:
            self._take(self.list.current)
        else:
            return False
        return True

    @Slot()
    def _on_typed(self) -> None:
        editor = self._field.editor
        before, after = self._at = editor.around_cursor()
        offer = None if editor.textCursor().hasSelection() else self._ideas.offer(before, after)
        if offer is None:
            self.close()
            return
        self._offer, self._prompt = offer, self._form.values.prompt
        self.list.set_texts(offer.names)
        self.list.go_to(0 if offer.eager else -1)
        self._place(offer)
        self.card.show()
        self.card.raise_()
        self._announce(text.names_offered(offer.names))

    @Slot()
    def _on_form_changed(self) -> None:
        """Close when the prompt was changed otherwise, for example by Undo."""
        if self.is_open and self._form.values.prompt != self._prompt:
            self.close()

    @Slot()
    def _on_moved(self) -> None:
        """Close when the cursor moved away from what is completed."""
        if self.is_open and self._field.editor.around_cursor() != self._at:
            self.close()

    @Slot(str)
    def _take(self, name: str) -> None:
        """Replace what was typed by ``name``, as one step of undo."""
        offer = self._offer
        self.close()
        QGuiApplication.inputMethod().commit()  # so that what is being composed is text too
        before, after = self._field.editor.around_cursor()
        if offer is None or not before.endswith(offer.typed):
            return
        before = before[: len(before) - len(offer.typed)] + name
        self._form.write_prompt(before + after)
        self._field.put(before + after, before)
        self._field.editor.setFocus()

    def _announce(self, sentence: str) -> None:
        """Announce the list to screen readers, once."""
        if sentence == self._announced:
            return
        self._announced = sentence
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self._field.editor, sentence))

    def _place(self, offer: Offer) -> None:
        """Place the list below the first letter of what was typed, or above it if there is no room below."""
        window, editor = self._field.window(), self._field.editor
        if self.card.parentWidget() is not window:
            self.card.setParent(window)
        metrics = self.list.fontMetrics()
        widest = max(metrics.horizontalAdvance(name) for name in offer.names) + 2 * (GAP + GRID) + GAP
        size = self.list.size()
        size.setWidth(min(max(widest, NARROWEST), WIDEST))
        size.setHeight(self.list.height_of(len(offer.names)) + 2 * GRID)
        line = self._first_letter(offer)
        corner = editor.viewport().mapTo(window, line.bottomLeft()) + QPoint(-(GAP + GRID), GRID)
        if corner.y() + size.height() > window.height():
            corner.setY(editor.viewport().mapTo(window, line.topLeft()).y() - GRID - size.height())
        corner.setX(max(GRID, min(corner.x(), window.width() - size.width() - GRID)))
        self.card.setGeometry(QRect(corner, size))

    def _first_letter(self, offer: Offer) -> QRect:
        editor = self._field.editor
        cursor = QTextCursor(editor.textCursor())
        composing = len(cursor.block().layout().preeditAreaText())
        back = max(len(offer.typed.encode("utf-16-le")) // 2 - composing, 0)
        cursor.movePosition(QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.MoveAnchor, back)
        return editor.cursorRect(cursor)
