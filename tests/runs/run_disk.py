"""A disk on which the recording of runs fails, while that of the pictures works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio import storage
from tests.gallery.disk_faults import Disk

if TYPE_CHECKING:
    from collections.abc import Callable


class RunDisk(Disk):
    """Fails what the recording asks of the disk; the pictures' own disk is another."""

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("studio.runs.writer.os", self)
        monkeypatch.setattr("studio.runs.writer.write_all", self._here(storage.write_all))
        monkeypatch.setattr("studio.runs.writer.sync_file", self._here(storage.sync_file))

    def _here(self, function: Callable[..., None]) -> Callable[..., None]:
        """Run a function of `studio.storage`, which the pictures use too, on this disk."""

        def call(*args: object) -> None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(storage, "os", self)
                function(*args)

        return call
