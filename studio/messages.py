"""Sentences that people read, kept as a template and its values so that the window can show them in another language.

`message` gives a `Message`: a ``str`` that reads as the finished English sentence wherever a string is wanted (the
command line, logs, ``str(error)``), and that still knows the template it was made from. The window looks the template
up in the catalogue of the chosen language and fills the same values in (`studio.ui.language.tr`). Imports nothing but
the standard library.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


class Message(str):
    """A finished English sentence that remembers how it was made.

    Attributes:
        template: the sentence with named placeholders, as `str.format` writes them; the key of its translation.
        values: what fills the placeholders; may hold further messages, which are translated in turn.
    """

    template: str
    values: Mapping[str, object]

    __slots__ = ("template", "values")

    def __new__(cls, template: str, values: Mapping[str, object]) -> Self:
        """Fill ``values`` into ``template``. Raises KeyError if a placeholder has no value."""
        made = super().__new__(cls, template.format_map(values) if values else template)
        made.template, made.values = template, MappingProxyType(dict(values))
        return made

    def __reduce__(self) -> tuple[type[Message], tuple[str, dict[str, object]]]:
        """Pickle and copy by template and values: a mapping proxy cannot be copied."""
        return type(self), (self.template, dict(self.values))


def message(template: str, /, **values: object) -> Message:
    """Return the sentence of ``template`` with ``values`` filled in, ready to be translated where it is shown.

    Without values the template is taken as it stands, braces included. A template must be written out where this is
    called (no f-string, no variable): the catalogue of translations is extracted from these calls.
    """
    return Message(template, values)
