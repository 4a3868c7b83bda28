"""Two-way binding of a control to one field of a model: `bind(model, "steps", slider)` instead of two slots a row.

A bindable model has ``values`` (a dataclass), ``edit(**changes)`` and the signal ``changed``. A bindable control has
``set_value(value)``, which emits nothing, and the signal ``edited``, which carries the value the user chose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QObject, Slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtCore import SignalInstance


class BindableModel(Protocol):
    """A model whose fields can be bound."""

    @property
    def values(self) -> Any: ...  # noqa: ANN401 - a dataclass, or None while there is nothing to edit

    @property
    def changed(self) -> SignalInstance: ...

    def edit(self, **changes: Any) -> None: ...  # noqa: ANN401


class Binding(QObject):
    """Keeps a control and a field of a model equal, for as long as the control lives."""

    def __init__(
        self,
        model: BindableModel,
        field: str,
        control: Any,  # noqa: ANN401
        *,
        read: Callable[[Any], object] | None = None,
        write: Callable[[Any], object] | None = None,
    ) -> None:
        """See `bind`."""
        super().__init__(control)
        self._model, self._field, self._control = model, field, control
        self._read, self._write = read, write
        control.edited.connect(self._on_edited)
        model.changed.connect(self.refresh)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Show the field's value; does nothing while the model has no values."""
        if self._model.values is None:
            return
        value = getattr(self._model.values, self._field)
        self._control.set_value(value if self._read is None else self._read(value))

    @Slot(object)
    def _on_edited(self, value: Any) -> None:  # noqa: ANN401
        if self._write is not None:
            value = self._write(value)
        elif isinstance(value, float) and isinstance(getattr(self._model.values, self._field), int):
            value = round(value)  # number controls emit floats
        self._model.edit(**{self._field: value})


def bind(
    model: BindableModel,
    field: str,
    control: Any,  # noqa: ANN401
    *,
    read: Callable[[Any], object] | None = None,
    write: Callable[[Any], object] | None = None,
) -> Binding:
    """Keep ``control`` and ``model.values.<field>`` equal from now on.

    Args:
        model: see the module.
        field: name of the field.
        control: see the module; owns the binding.
        read: maps the field's value to the control's; None passes it on.
        write: maps the control's value to the field's; None passes it on, a whole field's value rounded.
    """
    return Binding(model, field, control, read=read, write=write)
