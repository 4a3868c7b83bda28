from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def no_rename(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every renaming of a file fail, as without permission for its folder."""

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
