"""What has to be seen until it is mended, above the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.ui.widgets.cards import Banner

if TYPE_CHECKING:
    from studio.ui.shell.status_model import StatusModel
    from studio.ui.theme.theme import Theme


class BannerPlace(QWidget):
    """Empty, or a banner on a graphics card that cannot be used as it is."""

    def __init__(self, theme: Theme, status: StatusModel, parent: QWidget | None = None) -> None:
        """Watch ``status``."""
        super().__init__(parent)
        self._theme, self._status = theme, status
        self.banner: Banner | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        status.changed.connect(self._on_changed)

    @Slot()
    def _on_changed(self) -> None:
        if self._status.unused_gpu and self.banner is None:
            self.banner = Banner(self._theme, self._status.unused_gpu)
            self.banner.closed.connect(self.banner.hide)
            self._layout.addWidget(self.banner)
