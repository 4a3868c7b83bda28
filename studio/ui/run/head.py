"""Above the picture: prompt, caption, time left, and the switch between x0_hat, x_t and the panes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.gallery.store import PictureSaved
from studio.ui.jobs.pin_button import PinButton
from studio.ui.language import tr
from studio.ui.run import text
from studio.ui.run.lineage_view import LineagePopup
from studio.ui.theme.metrics import GAP
from studio.ui.widgets.buttons import IconButton, Pill, TextButton
from studio.ui.widgets.choice import SegmentedSwitch
from studio.ui.widgets.labels import PlainLabel, set_tip

if TYPE_CHECKING:
    from studio.gallery.index import Entry
    from studio.ui.core.intents import Intents
    from studio.ui.core.thumbnails import Thumbnails
    from studio.ui.jobs.lineage import Relative
    from studio.ui.jobs.recorded_runs import RunsModel
    from studio.ui.run.model import RunModel
    from studio.ui.theme.theme import Theme


class CanvasHead(QWidget):
    """Two lines about the shown run, and one that says why its shown step cannot be decoded.

    Signals:
        panes_toggled: show the panes, or one picture again.
    """

    panes_toggled = Signal()

    def __init__(
        self,
        theme: Theme,
        run: RunModel,
        runs: RunsModel,
        thumbnails: Thumbnails,
        intents: Intents,
        parent: QWidget | None = None,
    ) -> None:
        """Show ``run``; it can be pinned among the recorded ``runs``."""
        super().__init__(parent)
        self._run, self._runs, self._intents = run, runs, intents
        self._title = PlainLabel(theme, kind="title", elide=True)
        self._caption = PlainLabel(theme, role="dim", elide=True)
        self._fault = PlainLabel(theme, kind="label", role="warn", wrap=True)
        self._fault.hide()
        self.time_left = PlainLabel(theme, role="dim")
        self.time_left.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.time_left.setMinimumWidth(96)
        self.quantity = SegmentedSwitch(theme, tr("Show"), text.quantities())
        self._which = PlainLabel(theme, role="dim")
        self.previous_picture = IconButton(
            theme, "chevron-left", tr("Previous picture of this job"), kind="quiet"
        )
        self.next_picture = IconButton(theme, "chevron-right", tr("Next picture of this job"), kind="quiet")
        self.lineage = TextButton(theme, "", kind="quiet")
        set_tip(self.lineage, tr("Open the run that this one was forked from"))
        self.family = IconButton(theme, "git-fork", tr("Forks of this run"), kind="quiet", role="dim")
        self.pin = PinButton(theme, runs, quiet=True)
        self.picture = IconButton(
            theme,
            "image",
            tr("Show its picture"),
            tip=tr("Show the finished picture of this run (G)"),
            kind="quiet",
            role="dim",
        )
        self.popup = LineagePopup(theme, thumbnails, self)
        self.pill = Pill(theme, tr("live"), "bad")
        self._lay_out()
        run.changed.connect(self._on_changed)
        run.selection_changed.connect(self._on_changed)
        run.frame_changed.connect(self._on_frame_changed)
        run.frame_failed.connect(self._on_frame_changed)
        self.quantity.edited.connect(self._on_quantity)
        self.pill.clicked.connect(run.go_live)
        self.lineage.clicked.connect(self._on_lineage)
        self.family.clicked.connect(self._on_family)
        self.picture.clicked.connect(self._on_picture)
        self.popup.chosen.connect(self._on_relative)
        runs.family.connect(self._on_family_found)
        self.previous_picture.clicked.connect(self._on_previous)
        self.next_picture.clicked.connect(self._on_next)
        self._on_changed()

    @property
    def shows_panes(self) -> bool:
        return self.quantity.value == "panes"

    @Slot()
    def toggle_panes(self) -> None:
        """Show the panes, or one picture again."""
        self.quantity.set_value(self._run.quantity if self.shows_panes else "panes")
        self.panes_toggled.emit()

    def _lay_out(self) -> None:
        upper = QHBoxLayout()
        upper.setSpacing(GAP)
        upper.addWidget(self._title, 1)
        for widget in (self.previous_picture, self._which, self.next_picture):
            upper.addWidget(widget)
        upper.addSpacing(GAP)
        upper.addWidget(self.quantity)
        under = QHBoxLayout()
        under.setSpacing(GAP)
        # The pill and the lineage come and go; nothing below may move with them.
        under.addStrut(self.lineage.sizeHint().height())
        under.addWidget(self._caption, 1)
        last: tuple[QWidget, ...] = (
            self.lineage,
            self.time_left,
            self.pill,
            self.picture,
            self.pin,
            self.family,
        )
        for part in last:
            under.addWidget(part)
        lines = QVBoxLayout(self)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(0)
        lines.addLayout(upper)
        lines.addLayout(under)
        lines.addWidget(self._fault)

    @Slot()
    def _on_changed(self) -> None:
        run, job_state = self._run, self._run.viewed
        there = job_state is not None
        for widget in (self.quantity, self._caption, self._title):
            widget.setVisible(there)
        if not self.shows_panes:
            self.quantity.set_value(run.quantity)
        self.pill.setVisible(there and (not run.live or run.running is not None))
        if run.live:
            self.pill.set_text(tr("live"), "bad")
        else:
            self.pill.set_text(tr("back to live") if run.running is not None else tr("result"), "dim")
        self.pill.setAccessibleName(tr("Back to the newest step"))
        count = job_state.count if job_state is not None else 1
        for button in (self.previous_picture, self.next_picture):
            button.setVisible(count > 1)
        self.previous_picture.setEnabled(run.image > 0)
        self.next_picture.setEnabled(run.image < count - 1)
        self._which.setText(text.which_picture(job_state, run.image) if job_state is not None else "")
        self._which.setVisible(count > 1)
        self.pin.set_run(job_state.run_ids.get(run.image, "") if job_state is not None else "")
        self.picture.setVisible(self._entry is not None)
        self.family.setVisible(bool(self._recorded))
        lineage = job_state.lineage if job_state is not None else None
        self.lineage.setVisible(lineage is not None)
        if lineage is not None:
            self.lineage.setText(tr("Forked from step {step}", step=lineage.step))
        if job_state is not None:
            self._title.setText(text.title(job_state))
            self._on_frame_changed()

    @Slot()
    def _on_frame_changed(self) -> None:
        if self._run.viewed is not None:
            self._caption.setText(text.run_caption(self._run))
            self._fault.setText(text.undecoded(self._run.fault))
            self._fault.setVisible(bool(self._run.fault))
            self.time_left.setText(text.time_left(self._run.viewed))
            self.time_left.setVisible(not self._run.viewed.over)  # its width is the caption's then

    @Slot(str)
    def _on_quantity(self, key: str) -> None:
        if key in ("x0", "x_t"):
            self._run.set_quantity("x0" if key == "x0" else "x_t")
        self.panes_toggled.emit()

    @property
    def _recorded(self) -> str:
        """The id of the shown run; while it is not recorded yet, that of the run it was forked from; "" for neither."""
        job_state = self._run.viewed
        if job_state is None:
            return ""
        parent = job_state.lineage.run if job_state.lineage is not None else ""
        return job_state.run_ids.get(self._run.image, parent)

    @property
    def _entry(self) -> Entry | None:
        """The finished picture of the shown run in the gallery."""
        job_state = self._run.viewed
        kept = job_state.pictures.get(self._run.image) if job_state is not None else None
        return kept.entry if isinstance(kept, PictureSaved) else None

    @Slot(object)
    def _on_family_found(self, family: tuple[Relative, ...]) -> None:
        """Show the relatives of a run as a tree."""
        corner = QPoint(self.family.width(), self.family.height())
        self.popup.show_family(family, self.family.mapTo(self.window(), corner))

    @Slot(object)
    def _on_relative(self, relative: Relative) -> None:
        lineage = self._run.viewed.lineage if self._run.viewed is not None else None
        if lineage is not None and lineage.run == relative.run:
            self._runs.open_parent(lineage)  # opens it at the step of the fork
        else:
            self._runs.open_run(relative.run)

    @Slot()
    def _on_picture(self) -> None:
        if (entry := self._entry) is not None:
            self._intents.open_picture.emit(entry)

    @Slot()
    def _on_family(self) -> None:
        self._runs.find_family(self._recorded)

    @Slot()
    def _on_lineage(self) -> None:
        if self._run.viewed is not None and self._run.viewed.lineage is not None:
            self._runs.open_parent(self._run.viewed.lineage)

    @Slot()
    def _on_previous(self) -> None:
        self._run.select_image(max(self._run.image - 1, 0))

    @Slot()
    def _on_next(self) -> None:
        if self._run.viewed is not None:
            self._run.select_image(min(self._run.image + 1, self._run.viewed.count - 1))
