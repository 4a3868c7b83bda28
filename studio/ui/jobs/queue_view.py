"""The panel of the queue: the running job, the waiting ones, and their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QVBoxLayout,
)

from studio.ui.jobs import text
from studio.ui.jobs.queue_model import JobRole, RunsRole
from studio.ui.language import tr
from studio.ui.theme.metrics import CARD_RADIUS, GAP
from studio.ui.widgets.buttons import IconButton
from studio.ui.widgets.labels import PlainLabel

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent
    from PySide6.QtWidgets import QStyleOptionViewItem, QWidget

    from studio.ui.core.job import Job
    from studio.ui.jobs.queue_model import QueueModel
    from studio.ui.theme.theme import Theme

Index = QModelIndex | QPersistentModelIndex
ROW, WIDTH, MOST_ROWS = 48, 400, 6


def describe(job: Job) -> str:
    """Return what a job makes, in one line: how many pictures or steps, the sampler, the seed."""
    request = job.lead
    if len(job.requests) > 1:
        return text.in_lockstep(len(job.requests), request.seed)
    if job.first_step:
        return text.from_step(job.first_step, (request.steps or 0) - job.first_step, request)
    return text.of_queue(request)


class _JobDelegate(QStyledItemDelegate):
    """Paints one job: its prompt, and what it makes below."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        del option, index
        return QSize(WIDTH - 64, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        job, runs, theme = index.data(JobRole), index.data(RunsRole), self._theme
        area: QRect = option.rect
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("raised"))
            painter.drawRoundedRect(area, 6, 6)
        if runs:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent"))
            painter.drawEllipse(area.x() + 10, area.center().y() - 3, 7, 7)
        words = area.adjusted(28, 6, -12, -6)
        self._write(painter, words, job.lead.prompt or tr("(no prompt)"), is_prompt=True)
        self._write(painter, words, describe(job), is_prompt=False)
        painter.restore()

    def _write(self, painter: QPainter, area: QRect, text: str, *, is_prompt: bool) -> None:
        """Write a line at the top of ``area``, in the style of a prompt, or at its bottom."""
        painter.setFont(self._theme.font("body" if is_prompt else "label"))
        painter.setPen(self._theme.colour("text" if is_prompt else "dim"))
        one_line = " ".join(text.split())
        fitted = painter.fontMetrics().elidedText(one_line, Qt.TextElideMode.ElideRight, area.width())
        place = Qt.AlignmentFlag.AlignTop if is_prompt else Qt.AlignmentFlag.AlignBottom
        painter.drawText(area, place | Qt.AlignmentFlag.AlignLeft, fitted)


class QueuePanel(QFrame):
    """Shows the queue over the window while it is open.

    Signals:
        cancel_requested: cancel this `Job`, or remove it from the queue.
        closed: the panel was closed.
    """

    cancel_requested = Signal(object)
    closed = Signal()

    def __init__(self, theme: Theme, queue: QueueModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._queue = theme, queue
        self.setFixedWidth(WIDTH)
        self._empty = PlainLabel(theme, tr("The queue is empty. Ctrl+Enter adds a job."), role="dim")
        self.list = QListView()
        self.list.setAccessibleName(tr("Jobs, the running one first"))
        self.list.setModel(queue)
        self.list.setItemDelegate(_JobDelegate(theme, self.list))
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.up = IconButton(
            theme, "arrow-up", tr("Move earlier"), kind="quiet", tip=tr("Move earlier (Alt+Up)")
        )
        self.down = IconButton(
            theme, "arrow-down", tr("Move later"), kind="quiet", tip=tr("Move later (Alt+Down)")
        )
        self.remove = IconButton(
            theme, "trash-2", tr("Cancel this job"), kind="quiet", tip=tr("Cancel this job (Delete)")
        )
        close = IconButton(theme, "x", tr("Close the queue"), kind="quiet")
        head = QHBoxLayout()
        head.setSpacing(4)
        head.addWidget(PlainLabel(theme, tr("Queue"), kind="title"), 1)
        for button in (self.up, self.down, self.remove, close):
            head.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 8, GAP, 12)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self._empty)
        layout.addWidget(self.list)
        self._add_keys()
        self.up.clicked.connect(self._on_up)
        self.down.clicked.connect(self._on_down)
        self.remove.clicked.connect(self._on_remove)
        close.clicked.connect(self.closed)
        for signal in (queue.rowsInserted, queue.rowsRemoved, queue.rowsMoved, queue.dataChanged):
            signal.connect(self._on_changed)
        self.list.selectionModel().currentChanged.connect(self._on_changed)
        theme.changed.connect(self.update)
        self._on_changed()

    def _add_keys(self) -> None:
        for keys, slot in (("Alt+Up", self._on_up), ("Alt+Down", self._on_down), ("Del", self._on_remove)):
            action = QAction(self.list)
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.triggered.connect(slot)
            self.list.addAction(action)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self._theme.colour("line"))
        painter.setBrush(self._theme.colour("panel"))
        painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), CARD_RADIUS, CARD_RADIUS)

    def _current(self) -> Job | None:
        job: Job | None = self.list.currentIndex().data(JobRole)
        return job

    @Slot()
    def _on_changed(self) -> None:
        rows, job = self._queue.rowCount(), self._current()
        self._empty.setVisible(rows == 0)
        self.list.setVisible(rows > 0)
        self.list.setFixedHeight(max(1, min(rows, MOST_ROWS)) * ROW + 2 * self.list.frameWidth())
        place = self._queue.waiting.index(job) if job in self._queue.waiting else None
        self.up.setEnabled(place is not None and place > 0)
        self.down.setEnabled(place is not None and place < len(self._queue.waiting) - 1)
        self.remove.setEnabled(job is not None)
        self.adjustSize()

    @Slot()
    def _on_up(self) -> None:
        self._shift(-1)

    @Slot()
    def _on_down(self) -> None:
        self._shift(1)

    def _shift(self, by: int) -> None:
        job = self._current()
        if job is not None and job in self._queue.waiting:
            self._queue.move(job, max(self._queue.waiting.index(job) + by, 0))

    @Slot()
    def _on_remove(self) -> None:
        if (job := self._current()) is not None:
            self.cancel_requested.emit(job)
