"""The quiet list of names under what is typed into the prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, Slot
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QGuiApplication,
    QKeyEvent,
    QTextCursor,
)
from PySide6.QtWidgets import QVBoxLayout

from studio.ui.theme.metrics import GAP, GRID
from studio.ui.widgets.cards import Card
from studio.ui.widgets.text_list import TextList

if TYPE_CHECKING:
    from studio.ui.models.completion import Offer
    from studio.ui.models.form import FormModel
    from studio.ui.models.ideas import IdeasModel
    from studio.ui.theme.theme import Theme
    from studio.ui.widgets.prompt_field import PromptField

NARROWEST: Final = 140
WIDEST: Final = 280
_TAKE = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab)
_LEAVE = (QEvent.Type.FocusOut, QEvent.Type.Hide, QEvent.Type.Resize, QEvent.Type.Wheel)
_COMMAND = (
    Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
)


class PromptCompletion(QObject):
    """Offers names while a prompt is typed by hand; whatever else happens to the prompt closes the list."""

    def __init__(self, theme: Theme, field: PromptField, form: FormModel, ideas: IdeasModel) -> None:
        """Watch over ``field``, which edits the prompt of ``form``."""
        super().__init__(field)
        self._field, self._form, self._ideas = field, form, ideas
        self._offer: Offer | None = None
        self._at, self._prompt = ("", ""), ""
        self._announced = ""
        self.card = Card(theme, ground="floating", parent=field)
        self.card.hide()
        self.list = TextList(theme, "Names that go on from what was typed")
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
        """Whether names are offered."""
        return self._offer is not None

    @Slot()
    def close(self) -> None:
        """Offer nothing."""
        self._offer = None
        self.card.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Lead the list's keys to it while it is open, and close it where something else comes between."""
        if not self.is_open:
            return False
        if event.type() in _LEAVE or (event.type() == QEvent.Type.MouseButtonPress):
            self.close()
        elif event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            if event.modifiers() & _COMMAND:
                self.close()
            elif event.key() == Qt.Key.Key_Escape:
                event.accept()  # or the window would take it for the running job
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
        count = len(offer.names)
        self._announce(f"{count} {'name' if count == 1 else 'names'}, {offer.names[0]}")

    @Slot()
    def _on_form_changed(self) -> None:
        """Close where the prompt was changed by other hands, such as undo."""
        if self.is_open and self._form.values.prompt != self._prompt:
            self.close()

    @Slot()
    def _on_moved(self) -> None:
        """Close where the cursor is not where names were found for."""
        if self.is_open and self._field.editor.around_cursor() != self._at:
            self.close()

    @Slot(str)
    def _take(self, name: str) -> None:
        """Put a name in the place of what was typed, as one step of undo."""
        offer = self._offer
        self.close()
        QGuiApplication.inputMethod().commit()  # what it has in hand becomes text
        before, after = self._field.editor.around_cursor()
        if offer is None or not before.endswith(offer.typed):
            return
        before = before[: len(before) - len(offer.typed)] + name
        self._form.write_prompt(before + after)
        self._field.put(before + after, before)
        self._field.editor.setFocus()

    def _announce(self, text: str) -> None:
        """Tell those who cannot see the list, once."""
        if text == self._announced:
            return
        self._announced = text
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self._field.editor, text))

    def _place(self, offer: Offer) -> None:
        """Put the list under the first letter of what was typed, above it where there is no room below."""
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
        in_hand = len(cursor.block().layout().preeditAreaText())
        back = max(len(offer.typed.encode("utf-16-le")) // 2 - in_hand, 0)
        cursor.movePosition(QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.MoveAnchor, back)
        return editor.cursorRect(cursor)
