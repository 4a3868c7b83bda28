"""What is dropped on a page is one local file or folder, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QUrl

from studio.ui.widgets.page import dropped_file

if TYPE_CHECKING:
    from pathlib import Path


def test_one_local_file_is_taken_and_nothing_else(tmp_path: Path) -> None:
    def dragging(*urls: QUrl) -> QMimeData:
        data = QMimeData()
        data.setUrls(list(urls))
        return data

    file = QUrl.fromLocalFile(str(tmp_path / "a.png"))
    assert dropped_file(dragging(file)) == tmp_path / "a.png"
    assert dropped_file(dragging(file, file)) is None
    assert dropped_file(dragging(QUrl("https://example.org/a.png"))) is None
    assert dropped_file(QMimeData()) is None
