"""The sentences about a file of settings that cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.ui.core.settings import SettingsFile

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("content", "reason", "kind"),
    [
        ('{"version": 2}', "has version 2, written by a newer Stepwise Studio", "newer"),
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


@pytest.mark.usefixtures("no_rename")
def test_a_file_that_cannot_be_kept_aside_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text("broken")
    file = SettingsFile(path)
    file.load()
    assert file.fault.endswith(". It is left as it is, so changes will not be kept.")
