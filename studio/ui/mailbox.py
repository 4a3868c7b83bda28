"""The one place where frames wait for the window: a later one takes the place of an earlier one.

A queued signal for each frame lets them pile up faster than they are painted, and the window falls behind without end.
Here a sender wakes the window only if it is not on its way already, however many frames come meanwhile.
"""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """The newest item under each key. Any thread may put and take."""

    def __init__(self) -> None:
        """Begin empty."""
        self._items: dict[int, Item] = {}
        self._lock = threading.Lock()

    def put(self, key: int, item: Item) -> bool:
        """Leave an item in place of the one of the same key; True where the window must be woken."""
        with self._lock:
            must_wake = not self._items
            self._items[key] = item
            return must_wake

    def take(self) -> dict[int, Item]:
        """Return the items by key, and be empty again."""
        with self._lock:
            items, self._items = self._items, {}
            return items
