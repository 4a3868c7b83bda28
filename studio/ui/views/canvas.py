"""The picture as it forms: x0_hat of the newest step, or whichever step is looked at, with its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from studio.ui.models.scrubbing import ScrubbingModel
from studio.ui.theme.metrics import GAP, GRID, SECTION
from studio.ui.views import canvas_words as words
from studio.ui.views.canvas_actions import CanvasActions
from studio.ui.views.timeline import Timeline
from studio.ui.widgets.error_card import ErrorCard
from studio.ui.widgets.ground import Ground
from studio.ui.widgets.icon_button import IconButton
from studio.ui.widgets.icon_view import IconView
from studio.ui.widgets.picture_view import PictureView
from studio.ui.widgets.pill import Pill
from studio.ui.widgets.plain_label import PlainLabel
from studio.ui.widgets.segmented_switch import SegmentedSwitch

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent

    from studio.ui.models.filmstrip import FilmstripModel
    from studio.ui.models.preferences import Preferences
    from studio.ui.models.run import RunModel
    from studio.ui.theme.theme import Theme

SIDES = (
    ("x0", "x0", "What the model takes the finished picture to be at this step (x0_hat)."),
    ("x_t", "x_t", "The state itself, with the noise that is still in it."),
)


class CanvasView(Ground):
    """The middle of the window."""

    def __init__(
        self,
        theme: Theme,
        run: RunModel,
        strip: FilmstripModel,
        preferences: Preferences,
        parent: QWidget | None = None,
    ) -> None:
        """Show what ``run`` looks at."""
        super().__init__(theme, "window", parent=parent)
        self._run, self._preferences = run, preferences
        self._title = PlainLabel(theme, kind="title", elide=True)
        self._caption = PlainLabel(theme, role="dim", elide=True)
        self._left = PlainLabel(theme, role="dim")
        self._left.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._left.setMinimumWidth(96)
        self.sides = SegmentedSwitch(theme, "What to look at", list(SIDES))
        self._which = PlainLabel(theme, role="dim")
        self.previous_picture = IconButton(
            theme, "chevron-left", "Previous picture of this job", kind="quiet"
        )
        self.next_picture = IconButton(theme, "chevron-right", "Next picture of this job", kind="quiet")
        self.picture = PictureView(theme)
        self.picture.setAccessibleName("The picture as it forms")
        self.pill = Pill(theme, "live", "bad")
        self._error = ErrorCard(theme)
        self.scrubbing = ScrubbingModel(run, self)
        self.timeline = Timeline(theme, self.scrubbing, strip)
        self.action_row = CanvasActions(theme, self.scrubbing)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # for its keys
        self._stage = QStackedLayout()
        self._lay_out(theme)
        self._connect()
        self._on_preference_changed("enlarge")
        self._on_changed()

    @property
    def time_left(self) -> str:
        """What is said of how long it still takes."""
        return self._left.text()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scrub, also where another part of the canvas has the keyboard."""
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier and self._run.viewed is not None
        if plain and event.key() == Qt.Key.Key_L:
            self._run.go_live()
        elif plain and event.key() == Qt.Key.Key_K:
            self.action_row.keep.click()
        elif not self.timeline.scrubber.handle_key(event):
            super().keyPressEvent(event)

    def _lay_out(self, theme: Theme) -> None:
        empty = QWidget()
        lines = QVBoxLayout(empty)
        lines.setSpacing(GAP)
        lines.addStretch()
        lines.addWidget(IconView(theme, "image", role="faint", size=40), 0, Qt.AlignmentFlag.AlignHCenter)
        for label in (
            PlainLabel(theme, words.EMPTY, kind="title", wrap=True),
            PlainLabel(theme, words.EMPTY_HOW, role="dim", wrap=True),
        ):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            lines.addWidget(label)
        lines.addStretch()
        failed = QWidget()
        centred = QGridLayout(failed)
        centred.addWidget(self._error, 1, 1)
        for place in (0, 2):
            centred.setRowStretch(place, 1)
            centred.setColumnStretch(place, 1)
        centred.setColumnStretch(1, 4)
        for page in (empty, self.picture, failed):
            self._stage.addWidget(page)
        header = QHBoxLayout()
        header.setSpacing(GAP)
        header.addWidget(self._title, 1)
        for widget in (self.previous_picture, self._which, self.next_picture):
            header.addWidget(widget)
        header.addSpacing(GAP)
        header.addWidget(self.sides)
        under = QHBoxLayout()
        under.setSpacing(GAP)
        # The pill comes and goes; what lies below must not move with it.
        under.addStrut(self.pill.sizeHint().height())
        under.addWidget(self._caption, 1)
        under.addWidget(self._left)
        under.addWidget(self.pill)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SECTION, 16, SECTION, 12)
        layout.setSpacing(GAP)
        layout.addLayout(header)
        layout.addLayout(under)
        layout.addLayout(self._stage, 1)
        layout.addSpacing(GRID)
        layout.addWidget(self.timeline)
        layout.addWidget(self.action_row)

    def _connect(self) -> None:
        run = self._run
        run.changed.connect(self._on_changed)
        run.frame_changed.connect(self._on_frame_changed)
        run.selection_changed.connect(self._on_changed)
        self._preferences.changed.connect(self._on_preference_changed)
        self.sides.edited.connect(run.set_what)
        self.pill.clicked.connect(run.go_live)
        self.previous_picture.clicked.connect(self._on_previous)
        self.next_picture.clicked.connect(self._on_next)

    @Slot()
    def _on_changed(self) -> None:
        """Another job, picture or step is looked at, or the job is in another phase."""
        run, course = self._run, self._run.viewed
        there = course is not None
        for widget in (self.sides, self.timeline, self.action_row, self._caption, self._title):
            widget.setVisible(there)
        self.sides.set_value(run.what)
        self.pill.setVisible(there and (not run.live or run.running is not None))
        forming = run.running is not None
        self.pill.set_text("live" if forming else "result", "bad" if forming else "dim")
        self.pill.setAccessibleName("Back to the newest step")
        count = course.count if course is not None else 1
        for button in (self.previous_picture, self.next_picture):
            button.setVisible(count > 1)
        self.previous_picture.setEnabled(run.image > 0)
        self.next_picture.setEnabled(run.image < count - 1)
        self._which.setText(words.which_picture(course, run.image) if course is not None else "")
        self._which.setVisible(count > 1)
        if course is None:
            self._stage.setCurrentIndex(0)
            return
        if course.failure is not None and run.step is None:
            self._error.set_error(course.failure.sentence, course.failure.details)
        self._title.setText(words.title(course))
        self._on_frame_changed()

    @Slot()
    def _on_frame_changed(self) -> None:
        """The picture or its figures are others."""
        run, course = self._run, self._run.viewed
        if course is None:
            return
        failed = course.failure is not None and run.step is None
        self._stage.setCurrentIndex(2 if failed else 1)
        done = run.shown_step
        self._caption.setText(words.caption(course, done, run.image, run.step))
        self._left.setText(words.time_left(course))
        if not failed:
            live = course.phase == "running" and run.step is None and run.image not in course.pictures
            self.picture.set_image(run.frame, live=live)

    @Slot(str)
    def _on_preference_changed(self, name: str) -> None:
        if name == "enlarge":
            self.picture.set_enlarge(self._preferences.enlarge)

    @Slot()
    def _on_previous(self) -> None:
        self._run.select_image(max(self._run.image - 1, 0))

    @Slot()
    def _on_next(self) -> None:
        if self._run.viewed is not None:
            self._run.select_image(min(self._run.image + 1, self._run.viewed.count - 1))
