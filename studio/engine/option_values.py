"""Options by name as a value. Importable without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

OptionValue = int | float | str


class OptionValues(Mapping[str, OptionValue]):
    """A sampler's options by name: a mapping that cannot change and can be hashed."""

    __slots__ = ("_items",)

    def __init__(self, values: Mapping[str, OptionValue]) -> None:
        """Copy ``values``; their order does not matter."""
        self._items = dict(sorted(values.items()))

    def __getitem__(self, name: str) -> OptionValue:
        """Return the value of the option ``name``."""
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names in alphabetical order."""
        return iter(self._items)

    def __len__(self) -> int:
        """Return how many options are set."""
        return len(self._items)

    def __hash__(self) -> int:
        """Hash the names and values."""
        return hash(tuple(self._items.items()))

    def __repr__(self) -> str:
        """Show it as a dict is shown."""
        return repr(self._items)
