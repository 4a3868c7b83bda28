"""The sentences about a file of settings that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.ui.core.settings import SettingsFile


@pytest.mark.parametrize(
    ("content", "reason", "kind"),
    [
        ('{"version": 2}', "is of version 2: a newer Stepwise Studio wrote it", "newer"),
        (None, "is a folder", "broken"),
    ],
)
def test_a_file_that_is_kept_aside_is_named_with_the_reason(
    tmp_path: Path, content: str | None, reason: str, kind: str
) -> None:
    path = tmp_path / "settings.json"
    path.mkdir() if content is None else path.write_text(content)
    file = SettingsFile(path)
    file.load()
    assert file.fault.startswith(f"The file {path} {reason}")
    assert file.fault.endswith(f" It is kept as settings.{kind}-1.json, and a new one is started.")


def test_a_file_that_cannot_be_kept_aside_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.json"
    path.write_text("broken")

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    file = SettingsFile(path)
    file.load()
    assert file.fault.endswith(". It is left as it is, so changes will not be kept.")
