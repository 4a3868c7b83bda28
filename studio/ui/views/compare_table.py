"""What each finished run is worth beside one of them: PSNR, SSIM, model calls and seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from studio.engine.compare import MAX_PANES
from studio.ui.theme.metrics import CARD_RADIUS, GAP, GRID, INSET
from studio.ui.views import compare_result_words as words
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.painting import fill_rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QPaintEvent

    from studio.ui.theme.theme import Theme

HEADS: Final = (
    ("PSNR", words.PSNR_TIP),
    ("SSIM", words.SSIM_TIP),
    ("calls", words.CALLS_TIP),
    ("seconds", words.SECONDS_TIP),
    ("alone", words.ALONE_TIP),
)
_WIDTH: Final = 62


class TableView(QWidget):
    """A row for each run, and a sentence beneath."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self._theme = theme
        theme.changed.connect(self.update)
        self.setAccessibleName("Figures of the finished pictures")
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        grid = QGridLayout()
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(GRID)
        grid.setColumnStretch(0, 1)
        self._heads: list[PlainLabel] = []
        self._shown: tuple[tuple[str, tuple[str, str, str, str, str]], ...] = ()
        for column, (head, tip) in enumerate(HEADS, start=1):
            label = PlainLabel(theme, head, kind="label", role="dim", tip=tip)
            label.setAlignment(right)
            label.setMinimumWidth(_WIDTH)
            grid.addWidget(label, 0, column)
            self._heads.append(label)
        self._rows: list[list[PlainLabel]] = []
        for row in range(1, MAX_PANES + 2):
            labels = [PlainLabel(theme, elide=True)]
            for _ in HEADS:
                label = PlainLabel(theme, role="dim")
                label.setAlignment(right)
                labels.append(label)
            for column, label in enumerate(labels):
                grid.addWidget(label, row, column)
            self._rows.append(labels)
        self._note = PlainLabel(theme, kind="label", role="dim", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(INSET, GAP, INSET, GAP)
        layout.setSpacing(GAP)
        layout.addLayout(grid)
        layout.addStretch()
        layout.addWidget(self._note)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the ground."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill_rounded(painter, self.rect(), CARD_RADIUS, self._theme.colour("panel"))

    def set_rows(self, rows: Sequence[tuple[str, tuple[str, str, str, str, str]]]) -> None:
        """Show each run's name and figures; a last column without any is left out."""
        if tuple(rows) == self._shown:  # most of the time: figures do not change while steps are gone through
            return
        self._shown = tuple(rows)
        apart = any(figures[-1] for _, figures in rows)
        self._heads[-1].setVisible(apart)
        for place, labels in enumerate(self._rows):
            there = place < len(rows)
            texts = [rows[place][0], *rows[place][1]] if there else [""] * len(labels)
            for label, text in zip(labels, texts, strict=True):
                label.setText(text)
                label.setVisible(there)
            labels[-1].setVisible(there and apart)

    def set_note(self, sentence: str) -> None:
        """Say something beneath."""
        if sentence != self._note.text():
            self._note.setText(sentence)

    @property
    def texts(self) -> list[list[str]]:
        """What the rows say."""
        return [[label.text() for label in labels] for labels in self._rows if labels[0].text()]

    @property
    def note(self) -> str:
        """What stands beneath."""
        return self._note.text()
