"""The field for a prompt: plain text of at most 2,000 characters; undo is the window's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QMimeData, QPoint, QRect, QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication, QTextCursor, QTextLayout, QTextOption
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from studio.ui.theme.metrics import GAP, GRID, INSET, PADDING, RING
from studio.ui.widgets.labels import PlainLabel, labelled, named, set_tip, stand_for
from studio.ui.widgets.painting import is_undo_of_the_window

if TYPE_CHECKING:
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QFont, QInputMethodEvent, QKeyEvent, QResizeEvent

    from studio.ui.theme.theme import Theme

MAX_CHARACTERS: Final = 2_000
_ENTER: Final = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_COMMAND: Final = (
    Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
)


class PromptField(QWidget):
    """A label above an editor of a few lines, with an optional hint at its bottom."""

    edited = Signal(str)

    def __init__(
        self,
        theme: Theme,
        label: str,
        *,
        placeholder: str = "",
        hint: str = "",
        lines: int = 3,
        tip: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """Show ``placeholder`` while empty, and ``hint`` at the bottom; the editor is ``lines`` text lines high."""
        super().__init__(parent)
        self._text = ""
        self.editor = PromptEditor(theme, hint=hint, lines=lines)
        self.editor.setPlaceholderText(placeholder)
        named(self.editor, label, tip)
        labelled(theme, self, label, tip=tip).addWidget(self.editor)
        stand_for(self, self.editor)
        self.editor.textChanged.connect(self._on_text_changed)
        self.editor.typed.connect(self._on_text_changed)

    @property
    def value(self) -> str:
        """The prompt, including text that an input method is still composing."""
        return self._text

    def set_value(self, text: str) -> None:
        """Set the prompt without emitting `edited`; it is truncated to 2,000 characters."""
        text = text[:MAX_CHARACTERS]
        if text != self._text:
            self._show(text)

    def set_length(self, text: str, tip: str = "") -> None:
        """Say at the bottom how long the prompt is; "" for nothing."""
        self.editor.set_length(text, tip)

    def put(self, text: str, before: str) -> None:
        """Set the prompt without emitting `edited`, with the cursor after its part ``before``."""
        self._show(text[:MAX_CHARACTERS])
        self.editor.move_cursor_after(before)

    def _show(self, text: str) -> None:
        self._text = text
        if self.editor.composed():
            QGuiApplication.inputMethod().reset()  # or it would commit the old syllable into the new text
        with QSignalBlocker(self.editor):
            self.editor.setPlainText(text)
            self.editor.moveCursor(QTextCursor.MoveOperation.End)

    @Slot()
    def _on_text_changed(self) -> None:
        if (
            len(self.editor.toPlainText()) > MAX_CHARACTERS
        ):  # from an input method; typing and pasting stop before
            self.editor.truncate(MAX_CHARACTERS)
            return
        # Composed text counts: a shortcut that uses the prompt does not make the input method commit first.
        text = "".join(self.editor.around_cursor())[:MAX_CHARACTERS]
        if text != self._text:
            self._text = text
            self.edited.emit(text)


class PromptEditor(QPlainTextEdit):
    """The editor. Tab leaves it; dropped files and Ctrl+Enter are left to the window.

    Signals:
        typed: text was typed or deleted by key; not pasted, cut or set.
    """

    typed = Signal()

    def __init__(self, theme: Theme, *, hint: str = "", lines: int = 3) -> None:
        super().__init__()
        self.setFont(theme.font("body"))
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        if lines == 1:  # too low for a scroll bar
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(INSET - RING)
        self._corner: QWidget | None = None
        self.hint = PlainLabel(theme, hint, kind="label", role="faint", parent=self)
        self.hint.setVisible(bool(hint))
        self.hint.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.length = PlainLabel(theme, kind="label", role="dim", parent=self)
        self.length.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.length.setCursor(Qt.CursorShape.ArrowCursor)
        self.length.hide()
        # Qt treats a last line that fits exactly as hidden.
        self._text_height = _line_height(self.font()) * lines + 1 + 2 * INSET
        self._fit()

    def event(self, event: QEvent) -> bool:
        """Leave Undo to the window."""
        if is_undo_of_the_window(event):
            event.ignore()
            return False
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave Ctrl+Enter to the window, and ignore typing beyond the limit."""
        if event.key() in _ENTER and event.modifiers() & _COMMAND:
            event.ignore()
            return
        types = event.text().isprintable() and event.text() and not event.modifiers() & _COMMAND
        if (types or event.key() in _ENTER) and self._room() <= 0:
            event.accept()
            return
        super().keyPressEvent(event)
        if types or event.key() == Qt.Key.Key_Backspace:
            self.typed.emit()

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        """Emit `typed` for composed text too."""
        super().inputMethodEvent(event)
        self.typed.emit()

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Accept text; files are left to the window."""
        return source.hasText() and not source.hasUrls()

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Insert the text, truncated to the limit."""
        self.textCursor().insertText(source.text().replace("\0", "")[: max(self._room(), 0)])
        self.ensureCursorVisible()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the hint and the corner widget at the bottom."""
        super().resizeEvent(event)
        self._place()

    def set_length(self, text: str, tip: str = "") -> None:
        """See `PromptField.set_length`."""
        if text != self.length.text():
            self.length.setText(text)
            set_tip(self.length, tip)
            self.length.setVisible(bool(text))
            self._fit()
            self._place()

    def _fit(self) -> None:
        """Leave room for what stands at the bottom."""
        foot = self.hint.sizeHint().height() + GAP if self.hint.text() or self.length.text() else 0
        height = _up_to_grid(self._text_height + foot)
        if self._corner is not None:
            corner = self._corner.sizeHint().height() + GRID
            height += max(corner - foot, 0)
            foot = foot if self._corner.isHidden() else corner
        self.setViewportMargins(0, 0, 0, foot)
        self.setFixedHeight(height)

    def _place(self) -> None:
        size, foot, right = self.hint.sizeHint(), self.height() - GAP, self.width() - PADDING
        if self._corner is not None:
            corner = QRect(QPoint(), self._corner.sizeHint())
            corner.moveBottomRight(QPoint(self.width() - INSET, self.height() - GRID))
            self._corner.setGeometry(corner)
            if not self._corner.isHidden():
                foot, right = corner.center().y() + size.height() // 2, corner.left() - GRID
        length = self.length.sizeHint().width() if self.length.text() else 0
        self.length.setGeometry(right - length, foot - size.height(), length, size.height())
        # A hint that would be cut is worth less than the length.
        self.hint.setVisible(bool(self.hint.text()) and size.width() + GAP + length <= right - INSET)
        self.hint.setGeometry(INSET, foot - size.height(), right - INSET - length, size.height())

    def set_corner(self, widget: QWidget) -> None:
        """Place a small control in the lower right corner, beside the hint."""
        self._corner = widget
        widget.setParent(self)
        widget.setCursor(Qt.CursorShape.ArrowCursor)
        self._fit()

    def show_corner(self, shown: bool) -> None:
        """Show the control in the corner, or give its room to the text."""
        if self._corner is not None:
            self._corner.setVisible(shown)
            self._fit()
            self._place()

    def composed(self) -> str:
        """Return the text that an input method is composing: shown, but not part of the document yet."""
        return self.textCursor().block().layout().preeditAreaText()

    def around_cursor(self) -> tuple[str, str]:
        """Return the text before the cursor, including composed text, and the text after it."""
        cursor = self.textCursor()
        before, after = QTextCursor(cursor), QTextCursor(cursor)
        before.setPosition(0)
        before.setPosition(cursor.position(), QTextCursor.MoveMode.KeepAnchor)
        after.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        return before.selection().toPlainText() + self.composed(), after.selection().toPlainText()

    def move_cursor_after(self, before: str) -> None:
        """Put the cursor after ``before``, with which the text begins."""
        cursor = self.textCursor()
        cursor.setPosition(min(_units(before), self.document().characterCount() - 1))
        self.setTextCursor(cursor)

    def truncate(self, characters: int) -> None:
        """Truncate the text to ``characters``."""
        text = self.toPlainText()[:characters]
        place = self.textCursor().position()
        self.setPlainText(text)
        cursor = self.textCursor()
        cursor.setPosition(min(place, self.document().characterCount() - 1))
        self.setTextCursor(cursor)

    def _room(self) -> int:
        selected = self.textCursor().selection().toPlainText()
        return MAX_CHARACTERS - len(self.toPlainText()) + len(selected)


def _units(text: str) -> int:
    """Return the length of a text in Qt's units, UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _line_height(font: QFont) -> int:
    """Return the height of a line as the editor lays it out: rounded up, unlike the font's line spacing."""
    layout = QTextLayout("Ag", font)
    layout.beginLayout()
    line = layout.createLine()
    layout.endLayout()
    return math.ceil(line.height())


def _up_to_grid(height: int) -> int:
    return -(-height // GRID) * GRID
