"""The LoRAs of the form: a row for each in the prompt, their trigger words, and a list of those that fit the model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QMargins, QPoint, QRect, QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPainterPath
from PySide6.QtWidgets import QHBoxLayout, QLayout, QLayoutItem, QLineEdit, QVBoxLayout, QWidget

from studio.errors import shorten
from studio.ui.create import text
from studio.ui.create.text_list import TextList
from studio.ui.language import tr
from studio.ui.theme.metrics import CONTROL, GAP, GRID, INSET, RADIUS
from studio.ui.widgets.buttons import IconButton, TextButton
from studio.ui.widgets.cards import Popover
from studio.ui.widgets.labels import PlainLabel, named, set_tip
from studio.ui.widgets.numbers import NumberEdit, Track

if TYPE_CHECKING:
    from PySide6.QtGui import QImage, QKeyEvent, QPaintEvent

    from studio.ui.create.loras import FormLoras, UsedLora
    from studio.ui.theme.theme import Theme

MOST: Final = 8
"""The most LoRAs that have a row; rows made later would be last in the tab order."""
MOST_WORDS: Final = 8
LONGEST_WORD: Final = 28
MAX_WEIGHT: Final = 100.0
_STEP: Final = 0.05
_SLIDER_STEPS: Final = 40
"""The slider goes from 0 to 2."""
_EDIT_WIDTH: Final = 56
_TRACK_WIDTH: Final = 72


class _Picture(QWidget):
    """A small picture with rounded corners."""

    def __init__(self) -> None:
        super().__init__()
        self._image: QImage | None = None
        self.setFixedSize(CONTROL, CONTROL)

    def set_image(self, image: QImage | None) -> None:
        self.setVisible(image is not None)
        if image is not self._image:
            self._image = image
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._image is None:
            return
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        path = QPainterPath()
        path.addRoundedRect(self.rect(), RADIUS, RADIUS)
        painter.setClipPath(path)
        painter.drawImage(self.rect(), self._image)


class LoraRow(QWidget):
    """Name and weight of a LoRA in the prompt.

    Signals:
        weight_edited: its new weight.
        removed: remove it.
    """

    weight_edited = Signal(float)
    removed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = _Picture()
        self.name = PlainLabel(theme, elide=True)
        self.track = Track(theme)
        self.track.setRange(0, _SLIDER_STEPS)
        self.track.setPageStep(4)
        self.track.setFixedWidth(_TRACK_WIDTH)
        self.weight = NumberEdit(theme, minimum=-MAX_WEIGHT, maximum=MAX_WEIGHT, step=_STEP, decimals=2)
        self.weight.setFixedWidth(_EDIT_WIDTH)
        self.remove = IconButton(theme, "x", tr("Remove"), kind="quiet", role="dim")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(self._picture)
        row.addWidget(self.name, 1)
        row.addWidget(self.track)
        row.addWidget(self.weight)
        row.addSpacing(-GAP)
        row.addWidget(self.remove)
        self.track.valueChanged.connect(self._on_track_moved)
        self.weight.edited.connect(self._on_weight_edited)
        self.remove.clicked.connect(self.removed)

    def show_lora(self, lora: UsedLora, image: QImage | None, *, missing: bool) -> None:
        """Show a LoRA without emitting anything."""
        name, weight = lora.tag.lora.name, lora.tag.lora.weight
        self._picture.set_image(image)
        self.name.setText(name)
        self.name.set_role("warn" if missing else "text")
        for control in (self.track, self.weight):
            named(control, text.lora_weight(name), text.lora_weight_tip())
        self.remove.setAccessibleName(text.remove_lora(name))
        set_tip(self.remove, text.remove_lora(name))
        self.weight.set_value(weight)
        self._show_on_track(weight)

    def _show_on_track(self, weight: float) -> None:
        with QSignalBlocker(self.track):
            self.track.setValue(round(weight / _STEP))

    @Slot(int)
    def _on_track_moved(self, place: int) -> None:
        self.weight.set_value(place * _STEP)
        self.weight_edited.emit(self.weight.value)

    @Slot(float)
    def _on_weight_edited(self, value: float) -> None:
        self._show_on_track(value)
        self.weight_edited.emit(value)


class _Chip(TextButton):
    """A small button with words."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "", icon="plus")
        self.setFont(theme.font("label"))

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), 6 * GRID)


class _FlowLayout(QLayout):
    """Places widgets as words of a text: from left to right, then in the next line."""

    def __init__(self, parent: QWidget | None = None, spacing: int = GRID) -> None:
        """Leave ``spacing`` pixels between widgets and between lines."""
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(QMargins())
        self.setSpacing(spacing)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._place(rect, move=True)

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        size = QSize()
        for item in self._items:
            if not item.isEmpty():
                size = size.expandedTo(item.minimumSize())
        return size

    def _place(self, rect: QRect, *, move: bool) -> int:
        """Return the height that the widgets take at the width of ``rect``, and with ``move`` put them there."""
        x, y, line = rect.x(), rect.y(), 0
        for item in self._items:
            if item.isEmpty():  # hidden
                continue
            size = item.sizeHint().boundedTo(QSize(rect.width(), item.sizeHint().height()))
            if x > rect.x() and x + size.width() > rect.right() + 1:
                x, y, line = rect.x(), y + line + self.spacing(), 0
            if move:
                item.setGeometry(QRect(QPoint(x, y), size))
            x, line = x + size.width() + self.spacing(), max(line, size.height())
        return y + line - rect.y()


class LoraList(QWidget):
    """The LoRAs in the prompt. Hidden while there is none."""

    def __init__(self, theme: Theme, loras: FormLoras, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._loras = loras
        self._words: list[str] = []
        self.rows = [LoraRow(theme) for _ in range(MOST)]
        self.more = PlainLabel(theme, kind="label", role="dim")
        self.missing = PlainLabel(theme, kind="label", role="warn", wrap=True)
        self._triggers = QWidget()
        flow = _FlowLayout(self._triggers)
        self.chips = [_Chip(theme) for _ in range(MOST_WORDS)]
        for place, chip in enumerate(self.chips):
            flow.addWidget(chip)
            chip.clicked.connect(partial(self._on_chip, place))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        for place, row in enumerate(self.rows):
            column.addWidget(row)
            row.weight_edited.connect(partial(self._loras.set_weight, place))
            row.removed.connect(partial(self._on_removed, place))
        for widget in (self.more, self.missing, self._triggers):
            column.addWidget(widget)
        loras.changed.connect(self._on_changed)
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        used, known = self._loras.used, self._loras.listed
        for place, row in enumerate(self.rows):
            row.setVisible(place < len(used))
            if place < len(used):
                lora = used[place]
                image = None if lora.adapter is None else self._loras.picture(lora.adapter)
                row.show_lora(lora, image, missing=known and lora.adapter is None)
        self.more.setVisible(len(used) > MOST)
        self.more.setText(text.more_loras(len(used) - MOST))
        unknown = [lora.tag.lora.name for lora in used if known and lora.adapter is None]
        self.missing.setVisible(bool(unknown))
        self.missing.setText(text.missing_loras(unknown))
        words = dict.fromkeys(word for lora in used for word in lora.trigger_words)
        self._words = [word for word in words if not self._loras.says(word)][:MOST_WORDS]
        for place, chip in enumerate(self.chips):
            chip.setVisible(place < len(self._words))
            if place < len(self._words):
                chip.setText(shorten(self._words[place], LONGEST_WORD))
                chip.setAccessibleName(text.add_words(self._words[place]))
                set_tip(chip, text.add_words(self._words[place]))
        self._triggers.setVisible(bool(self._words))
        self.setVisible(bool(used))

    def _on_removed(self, place: int) -> None:
        self._loras.remove(place)

    def _on_chip(self, place: int) -> None:
        self._loras.add_words(self._words[place])


WIDTH: Final = 320
MOST_ROWS: Final = 10
MAX_SEARCH: Final = 200


class LoraPopover(Popover):
    """The LoRAs that fit the model, with a search; it closes when one is chosen."""

    def __init__(self, theme: Theme, loras: FormLoras, button: QWidget) -> None:
        super().__init__(theme, button)
        self._loras = loras
        self.setAccessibleName(tr("Add LoRA"))
        title = PlainLabel(theme, tr("Add LoRA"), kind="title")
        close = IconButton(theme, "x", tr("Close"), kind="quiet", role="dim")
        self.count = PlainLabel(theme, kind="label", role="dim", wrap=True)
        self.search = QLineEdit()
        self.search.setMaxLength(MAX_SEARCH)
        self.search.setFont(theme.font("body"))
        self.search.setFixedHeight(CONTROL)
        self.search.setPlaceholderText(tr("Search LoRAs"))
        self.search.setAccessibleName(tr("Search LoRAs"))
        self.search.addAction(theme.icon("search", "faint"), QLineEdit.ActionPosition.LeadingPosition)
        self.names = TextList(theme, tr("LoRAs that fit this model"))
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(INSET, GAP, INSET, INSET)
        column.setSpacing(GRID)
        column.addLayout(head)
        for widget in (self.count, self.search):
            column.addWidget(widget)
        column.addWidget(self.names)
        close.clicked.connect(self.leave)
        self.search.textChanged.connect(self._on_searched)
        self.names.chosen.connect(self._on_chosen)

    def open(self, corner: QPoint) -> None:
        """Open with the upper left corner at a point of the window."""
        found = bool(self._loras.fitting)
        self.search.setVisible(found)
        self.names.setVisible(found)
        self.search.clear()
        self._on_searched("")
        rows = self.names.height_of(min(len(self._loras.fitting), MOST_ROWS))
        self.names.setFixedHeight(rows)
        self.open_at(corner, WIDTH, self.heightForWidth(WIDTH))
        if found:
            self.search.setFocus(Qt.FocusReason.PopupFocusReason)

    def take_key(self, watched: QWidget, event: QKeyEvent) -> bool:
        """Move between the search and the names, and choose the first name with Enter in the search."""
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if watched is self.search and self.names.texts and (enter or event.key() == Qt.Key.Key_Down):
            if enter:
                self._on_chosen(self.names.texts[0])
            else:
                self.names.setFocus(Qt.FocusReason.OtherFocusReason)
                self.names.go_to(0)
            return True
        up = watched is self.names and event.key() == Qt.Key.Key_Up and self.names.currentIndex().row() <= 0
        if up:
            self.search.setFocus(Qt.FocusReason.OtherFocusReason)
        return up

    @Slot(str)
    def _on_searched(self, words: str) -> None:
        parts = words.casefold().split()
        names = [adapter.prompt_name for adapter in self._loras.fitting]
        found = [name for name in names if all(part in name.casefold() for part in parts)]
        self.names.set_texts(found)
        self.count.setText(text.loras_found(len(found), len(names)))

    @Slot(str)
    def _on_chosen(self, name: str) -> None:
        for adapter in self._loras.fitting:
            if adapter.prompt_name == name:
                self.leave()
                self._loras.add(adapter)
                return
