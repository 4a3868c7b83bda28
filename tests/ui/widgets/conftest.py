"""What the tests of the controls share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.ui.theme.theme import Theme

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    """Return a dark theme."""
    return Theme(qapp, "dark")
