"""Controls for numbers: a field, a field with a slider, and the seed field. Values are clamped to their limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF, QRegularExpression, QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QRegularExpressionValidator
from PySide6.QtWidgets import QLineEdit, QSlider, QWidget

from studio.diffusion.seeds import MAX_SEED
from studio.ui.language import tr
from studio.ui.theme.metrics import CONTROL, FIELD, GRID, RING
from studio.ui.widgets.buttons import IconButton
from studio.ui.widgets.labels import labelled, named, stand_for
from studio.ui.widgets.painting import fill_rounded, is_undo_of_the_window, ring_after
from studio.ui.widgets.scrubber import DragAlong

if TYPE_CHECKING:
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QFocusEvent, QKeyEvent, QPaintEvent, QWheelEvent

    from studio.ui.theme.theme import Theme


_PAGE = 10


class NumberEdit(QLineEdit):
    """A number between two limits.

    What is typed takes effect at once if it lies within the limits, so that a shortcut pressed while typing uses it; if
    not, it is clamped when the field loses the focus.
    """

    edited = Signal(float)

    def __init__(
        self,
        theme: Theme,
        *,
        minimum: float,
        maximum: float,
        step: float,
        decimals: int,
        parent: QWidget | None = None,
    ) -> None:
        """Accept numbers from ``minimum`` to ``maximum`` with ``decimals`` decimals; an arrow key steps by ``step``."""
        super().__init__(parent)
        self._minimum, self._maximum, self._step, self._decimals = minimum, maximum, step, decimals
        self._multiple = 0
        self._value = minimum
        self.setFont(theme.font("body"))
        self.setFixedHeight(CONTROL)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        places = rf"([.,]\d{{0,{decimals}}})?" if decimals else ""
        sign = "-?" if minimum < 0 else ""
        pattern = QRegularExpression(rf"\s*{sign}\d{{0,9}}{places}\s*")
        self.setValidator(QRegularExpressionValidator(pattern, self))
        self.textEdited.connect(self._on_text_edited)
        self.editingFinished.connect(self._on_editing_finished)
        self._write()

    @property
    def value(self) -> float:
        return self._value

    def set_value(self, value: float) -> None:
        """Set the value, clamped, without emitting `edited`."""
        value = self._clamped(value)
        if value != self._value or not self.hasFocus():
            self._value = value
            self._write()

    def set_limits(self, minimum: float, maximum: float) -> None:
        """Set other limits; the value is clamped without emitting `edited`."""
        self._minimum, self._maximum = minimum, maximum
        self.set_value(self._value)

    def set_multiple(self, multiple: int) -> None:
        """Accept only multiples of ``multiple``, as the limits must be: others are rounded to the nearest."""
        self._step = self._multiple = multiple
        self.set_value(self._value)

    def event(self, event: QEvent) -> bool:
        if is_undo_of_the_window(event):
            event.ignore()
            return False
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step on the arrow and page keys; restore the value on Escape."""
        steps = {
            Qt.Key.Key_Up: 1,
            Qt.Key.Key_Down: -1,
            Qt.Key.Key_PageUp: _PAGE,
            Qt.Key.Key_PageDown: -_PAGE,
        }.get(Qt.Key(event.key()))
        if steps is not None:
            self.step_by(steps)
        elif event.key() == Qt.Key.Key_Escape and self.text() != self.shown(self._value):
            self._write()
            self.selectAll()
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Step if focused; otherwise let the wheel scroll the page."""
        notches = event.angleDelta().y()
        if not self.hasFocus() or not notches:
            event.ignore()
            return
        self.step_by(1 if notches > 0 else -1)
        event.accept()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Select the number on Tab, so that typing replaces it."""
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self.selectAll()

    def step_by(self, steps: int) -> None:
        """Change the value by ``steps`` steps, as an edit of the user."""
        self._edit(self._value + steps * self._step)
        self._write()
        self.selectAll()

    def shown(self, value: float) -> str:
        """Return a value as the field shows it."""
        return f"{value:.{self._decimals}f}"

    @Slot(str)
    def _on_text_edited(self, text: str) -> None:
        value = self._read(text)
        if value is not None and self._minimum <= value <= self._maximum:
            self._edit(value)

    @Slot()
    def _on_editing_finished(self) -> None:
        value = self._read(self.text())
        if value is not None:
            self._edit(value)
        self._write()

    def _edit(self, value: float) -> None:
        value = self._clamped(value)
        if value != self._value:
            self._value = value
            self.edited.emit(value)

    def _clamped(self, value: float) -> float:
        if not math.isfinite(value):
            return self._value
        if self._multiple:
            value = math.floor(value / self._multiple + 0.5) * self._multiple
        return round(min(max(value, self._minimum), self._maximum), self._decimals)

    def _read(self, text: str) -> float | None:
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            return None
        return round(value, self._decimals)

    def _write(self) -> None:
        text = self.shown(self._value)
        if text != self.text():
            self.setText(text)


class NumberField(QWidget):
    """A label above a field for a number."""

    edited = Signal(float)

    def __init__(
        self,
        theme: Theme,
        label: str,
        *,
        minimum: float,
        maximum: float,
        step: float = 1,
        decimals: int = 0,
        tip: str = "",
        before: QWidget | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """Accept numbers from ``minimum`` to ``maximum``; ``before`` is a control to lay out before the field."""
        super().__init__(parent)
        self.field = NumberEdit(theme, minimum=minimum, maximum=maximum, step=step, decimals=decimals)
        row = labelled(theme, self, label, tip=tip)
        for control in (before, self.field):
            if control is not None:
                named(control, label, tip)
                row.addWidget(control, int(control is before))
        stand_for(self, before or self.field)
        self.field.edited.connect(self._on_field_edited)

    @property
    def value(self) -> float:
        return self.field.value

    def set_value(self, value: float) -> None:
        """Set the value, clamped, without emitting `edited`."""
        self.field.set_value(value)

    @Slot(float)
    def _on_field_edited(self, value: float) -> None:
        self.edited.emit(value)

    def set_limits(self, minimum: float, maximum: float) -> None:
        """Set other limits; the value is clamped without emitting `edited`."""
        self.field.set_limits(minimum, maximum)


_HANDLE: Final = 7.0  # radius
_EDGE: Final = _HANDLE + RING  # from the end of the track to the centre of the handle: space for its ring


class Track(QSlider):
    """A horizontal slider that paints itself; whole numbers only."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._theme, self._ring = theme, False
        DragAlong(self, self._go_to)
        self.setFixedHeight(CONTROL)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(160, CONTROL)

    def minimumSizeHint(self) -> QSize:
        return QSize(64, CONTROL)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Step if focused; otherwise let the wheel scroll the page."""
        notches = event.angleDelta().y()
        if not self.hasFocus() or not notches:
            event.ignore()
            return
        self.setValue(self.value() + (self.singleStep() if notches > 0 else -self.singleStep()))
        event.accept()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._ring = ring_after(event.reason(), self._ring)
        super().focusInEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle, handle = self.height() / 2, self._handle_x()
        groove = QRectF(0, middle - GRID / 2, self.width(), GRID)
        fill_rounded(painter, groove, GRID / 2, self._theme.colour("line"))
        enabled = self.isEnabled()
        if self.value() > self.minimum():
            groove.setRight(handle)
            fill_rounded(painter, groove, GRID / 2, self._theme.colour("accent" if enabled else "disabled"))
        centre = QPointF(handle, middle)
        if self.hasFocus() and self._ring:
            painter.setBrush(self._theme.colour("accent"))
            painter.drawEllipse(centre, _EDGE, _EDGE)
        if not self._theme.dark:  # or it would be white on white
            painter.setPen(self._theme.colour("disabled"))
        painter.setBrush(self._theme.colour("handle" if enabled else "disabled"))
        painter.drawEllipse(centre, _HANDLE, _HANDLE)

    def _handle_x(self) -> float:
        span = self.maximum() - self.minimum()
        share = (self.value() - self.minimum()) / span if span else 0.0
        return _EDGE + share * (self.width() - 2 * _EDGE)

    def _go_to(self, x: float) -> None:
        room = max(self.width() - 2 * _EDGE, 1.0)
        share = min(max((x - _EDGE) / room, 0.0), 1.0)
        self.setValue(self.minimum() + round(share * (self.maximum() - self.minimum())))


class NumberSlider(NumberField):
    """A number field with a slider for the same number; the slider may end below the field's maximum."""

    def __init__(
        self,
        theme: Theme,
        label: str,
        *,
        minimum: float,
        maximum: float,
        step: float,
        decimals: int = 0,
        slider_maximum: float | None = None,
        tip: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """Accept numbers from ``minimum`` to ``maximum``; the slider moves by ``step``, up to ``slider_maximum``."""
        self.track = Track(theme)
        super().__init__(
            theme,
            label,
            minimum=minimum,
            maximum=maximum,
            step=step,
            decimals=decimals,
            tip=tip,
            before=self.track,
            parent=parent,
        )
        self._step, self._slider_maximum = step, slider_maximum
        self.field.setFixedWidth(FIELD)
        self.field.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._set_track_limits(minimum, maximum)
        self._show_on_track()
        self.track.valueChanged.connect(self._on_track_moved)

    def set_value(self, value: float) -> None:
        super().set_value(value)
        self._show_on_track()

    def set_limits(self, minimum: float, maximum: float, slider_maximum: float | None = None) -> None:
        """Set other limits, also of the slider."""
        self._slider_maximum = slider_maximum
        super().set_limits(minimum, maximum)
        self._set_track_limits(minimum, maximum)
        self._show_on_track()

    def _set_track_limits(self, minimum: float, maximum: float) -> None:
        end = maximum if self._slider_maximum is None else min(self._slider_maximum, maximum)
        first, last = round(minimum / self._step), round(end / self._step)
        with QSignalBlocker(self.track):
            self.track.setRange(first, last)
            self.track.setPageStep(max((last - first) // 10, 1))

    def _show_on_track(self) -> None:
        with QSignalBlocker(self.track):
            self.track.setValue(round(self.field.value / self._step))

    @Slot(int)
    def _on_track_moved(self, place: int) -> None:
        before = self.field.value
        self.field.set_value(place * self._step)
        if self.field.value != before:
            self.edited.emit(self.field.value)

    @Slot(float)
    def _on_field_edited(self, value: float) -> None:
        self._show_on_track()
        super()._on_field_edited(value)


_SPACE: Final = "\u00a0"  # no-break


class SeedField(QWidget):
    """A seed from 0 to 2^64 - 1, with digits in groups of three except while it is edited."""

    edited = Signal(object)  # an int: a seed is too large for the int of a Qt signal
    roll_requested = Signal()
    lock_edited = Signal(bool)

    def __init__(
        self,
        theme: Theme,
        label: str = "",
        *,
        tip: str = "",
        plain: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        """Show the field, and the buttons that roll and lock the seed unless it is ``plain``."""
        super().__init__(parent)
        label = label or tr("Seed")
        tip = tip or tr(
            "The number of the noise a picture starts from. The same seed and settings give the same picture."
        )
        self.field = _Digits(theme)
        self.dice = IconButton(theme, "dices", tr("Roll a new seed"), role="dim")
        self.lock = IconButton(theme, "lock-open", tr("Keep this seed"), checkable=True, role="dim")
        named(self.field, label, tip)
        row = labelled(theme, self, label, tip=tip)
        row.addWidget(self.field, 1)
        row.addWidget(self.dice)
        row.addWidget(self.lock)
        if plain:
            self.dice.hide()
            self.lock.hide()
        stand_for(self, self.field)
        self.field.edited.connect(self.edited)
        self.dice.clicked.connect(self._on_dice_clicked)
        self.lock.clicked.connect(self._on_lock_clicked)

    @property
    def value(self) -> int:
        return self.field.value

    def set_value(self, value: int) -> None:
        """Set the seed without emitting `edited`."""
        self.field.set_value(value)

    @property
    def locked(self) -> bool:
        return self.lock.isChecked()

    def set_locked(self, locked: bool) -> None:
        """Lock or unlock the seed without emitting `lock_edited`."""
        with QSignalBlocker(self.lock):
            self.lock.setChecked(locked)
        self.lock.set_icon("lock" if locked else "lock-open")
        self.lock.update()

    @Slot()
    def _on_dice_clicked(self) -> None:
        self.roll_requested.emit()

    @Slot(bool)
    def _on_lock_clicked(self, locked: bool) -> None:
        self.lock.set_icon("lock" if locked else "lock-open")
        self.lock_edited.emit(locked)


class _Digits(QLineEdit):
    edited = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.value = 0
        self.setFont(theme.font("body"))
        self.setFixedHeight(CONTROL)
        allowed = QRegularExpression(r"[\d\s\x{a0}\x{2009}\x{202f},._']{0,40}")
        self.setValidator(QRegularExpressionValidator(allowed, self))
        self.textEdited.connect(self._on_text_edited)
        self.editingFinished.connect(self._on_editing_finished)
        self._write()

    def set_value(self, value: int) -> None:
        value = min(max(int(value), 0), MAX_SEED)
        if value != self.value or not self.hasFocus():
            self.value = value
            self._write()

    def event(self, event: QEvent) -> bool:
        if is_undo_of_the_window(event):
            event.ignore()
            return False
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._write(grouped=False)
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._write(grouped=True)

    @Slot(str)
    def _on_text_edited(self, text: str) -> None:
        value = _read(text)
        if value is not None and value <= MAX_SEED:
            self._edit(value)

    @Slot()
    def _on_editing_finished(self) -> None:
        value = _read(self.text())
        if value is not None:
            self._edit(min(value, MAX_SEED))
        self._write()

    def _edit(self, value: int) -> None:
        if value != self.value:
            self.value = value
            self.edited.emit(value)

    def _write(self, *, grouped: bool | None = None) -> None:
        grouped = not self.hasFocus() if grouped is None else grouped
        text = f"{self.value:,}".replace(",", _SPACE) if grouped else str(self.value)
        if text != self.text():
            self.setText(text)


def _read(text: str) -> int | None:
    digits = "".join(character for character in text if character.isdecimal())
    return int(digits) if digits else None
