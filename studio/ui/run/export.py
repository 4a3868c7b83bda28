"""Exports of a run as animation or contact sheet, and the export menu. Frames are decoded in full first."""

from __future__ import annotations

import importlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QObject, QStandardPaths, Slot
from PySide6.QtWidgets import QFileDialog, QMenu

from studio.messages import Message, message
from studio.storage import write_file
from studio.ui.core.background import Background
from studio.ui.core.engine_call import Priority
from studio.ui.core.images import to_pixels
from studio.ui.jobs.picture_menu import SaveMenu, ask_where, enlarged_name
from studio.ui.language import tr
from studio.ui.run import text

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QWidget

    from studio.engine.events import StepDone
    from studio.engine.requests.previews import Quantity
    from studio.errors import StudioError
    from studio.gallery.export import ExportKind
    from studio.ui.core.frame_service import FrameService
    from studio.ui.core.job_state import JobState
    from studio.ui.core.notices import Notices
    from studio.ui.run.model import RunModel
    from studio.ui.theme.theme import Theme


class _Export:
    """One file that is being made.

    Attributes:
        frames: the frames that are decoded, by step.
        waits: the steps whose frames are still to be decoded.
        fault: why a frame could not be decoded; "" if all could.
    """

    def __init__(self, job_state: JobState, image: int, steps: list[StepDone], quantity: Quantity) -> None:
        self.job_state, self.image, self.steps, self.quantity = job_state, image, steps, quantity
        self.frames: dict[int, NDArray[np.uint8]] = {}
        self.waits: set[int] = set()
        self.fault = ""


class ExportModel(QObject):
    """Exports the shown run, one file at a time."""

    def __init__(
        self, run: RunModel, frames: FrameService, notices: Notices, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._run, self._frames, self._notices = run, frames, notices
        self._background = Background(self)
        self._export: _Export | None = None
        self._into: Callable[[list[Any]], Path] | None = None

    @property
    def name(self) -> str:
        """The suggested file name for the shown run, from its prompt; without the extension."""
        job_state = self._run.viewed
        prompt = job_state.request_of(self._run.image).prompt if job_state is not None else ""
        plain = "".join(letter if letter.isalnum() else "-" for letter in prompt.lower())
        return "-".join(filter(None, plain.split("-")))[:60].rstrip("-") or "run"

    def export(self, kind: ExportKind, path: Path, *, captions: bool) -> None:
        """Write a file of all steps so far, each as x0_hat or x_t, whichever is shown."""
        job_state, picture = self._run.viewed, self._run.picture
        if job_state is None or picture is None or not picture.steps:
            self._notices.post(text.no_steps(), kind="warn")
            return
        if self._export is not None:
            self._notices.post(text.export_is_running(), kind="warn")
            return
        film = _film()
        quantity: Quantity = self._run.quantity
        steps = picture.available()
        if quantity == "x_t" and picture.start is not None:
            steps.insert(0, picture.start)
        some = [steps[place] for place in film.evenly_spaced(len(steps), film.MAX_FRAMES[kind])]
        export = self._export = _Export(job_state, self._run.image, some, quantity)
        title = job_state.request_of(export.image).prompt
        self._into = partial(_write, kind, path, title, captions)
        self._gather(export)

    def save_picture(self, path: Path, factor: int, *, smooth: bool) -> None:
        """Save the shown picture, enlarged by a whole factor."""
        frame = self._run.frame
        if frame is None:
            self._notices.post(text.no_picture(), kind="warn")
            return
        saving = importlib.import_module("studio.gallery.export")  # late: it imports numpy and Pillow
        work = partial(saving.save_pixels, to_pixels(frame), path, factor, smooth=smooth)
        self._background.do(work, self._on_saved, self._on_unsaved)

    def _on_saved(self, path: Path) -> None:
        self._notices.post(text.picture_saved(path))

    def _on_unsaved(self, error: StudioError) -> None:
        self._notices.post(text.picture_unsaved(error), kind="error")

    def _gather(self, export: _Export) -> None:
        """Take the frames that are decoded in full already, and get the others decoded."""
        export.waits = {done.step for done in export.steps}
        for done in export.steps:
            pixels = self._frames.get(
                export.job_state,
                export.image,
                done.step,
                export.quantity,
                partial(self._on_decoded, export, done.step),
                partial(self._on_undecoded, export, done.step),
                priority=Priority.NORMAL,
            )
            if pixels is not None:
                self._on_decoded(export, done.step, pixels)

    def _on_decoded(self, export: _Export, step: int, pixels: NDArray[np.uint8]) -> None:
        export.frames[step] = pixels
        self._draw_if_whole(export, step)

    def _on_undecoded(self, export: _Export, step: int, sentence: str) -> None:
        """Leave the frame out."""
        export.fault = export.fault or sentence
        self._draw_if_whole(export, step)

    def close(self) -> None:
        """Wait until the current file is written."""
        self._background.close()

    def _draw_if_whole(self, export: _Export, step: int) -> None:
        export.waits.discard(step)
        into = self._into
        if into is None or export.waits:
            return
        shots = [
            _film().RunFrame(
                pixels=export.frames[done.step],
                caption=text.caption_of_frame(done),
            )
            for done in export.steps
            if done.step in export.frames
        ]
        if shots:
            self._background.do(partial(into, shots), self._on_written, self._on_failed)
        else:
            self._export = None
            self._notices.post(text.export_undecoded(export.fault), kind="error")

    def _on_written(self, path: Path) -> None:
        self._export = None
        self._notices.post(text.exported(path))

    def _on_failed(self, error: StudioError) -> None:
        self._export = None
        self._notices.post(text.export_failed(error), kind="error")


def _write(kind: ExportKind, path: Path, title: str, captions: bool, shots: list[Any]) -> Path:
    film = _film()
    write_file(path, film.draw_run(shots, kind, title, captions=captions))
    return path


def _film() -> Any:  # noqa: ANN401 - a module
    """Return the module that draws files; late, since it imports Pillow."""
    return importlib.import_module("studio.gallery.export")


KINDS: Final[tuple[tuple[ExportKind, Message, str, Message], ...]] = (
    ("webp", message("Animated WebP…"), ".webp", message("Animated WebP (*.webp)")),
    ("gif", message("GIF…"), ".gif", message("GIF (*.gif)")),
    ("sheet", message("Contact sheet…"), ".png", message("PNG (*.png)")),
)


class ExportMenu(QMenu):
    """Saves the shown picture, or exports its run."""

    def __init__(self, theme: Theme, model: ExportModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.save = SaveMenu(self)
        self.save.setIcon(theme.icon("image", "dim"))
        self.save.chosen.connect(self._on_save)
        self.addMenu(self.save)
        self.addSeparator()
        self.kinds: dict[ExportKind, QAction] = {}
        icons = {"webp": "play", "gif": "play", "sheet": "grid-3x3"}
        for kind, name, _, _ in KINDS:
            action = self.kinds[kind] = self.addAction(theme.icon(icons[kind], "dim"), tr(name))
            action.triggered.connect(self._on_triggered)
        self.addSeparator()
        self.captions = self.addAction(tr("With captions"))
        self.captions.setCheckable(True)
        self.captions.setChecked(True)

    @Slot()
    def _on_triggered(self) -> None:
        sender = self.sender()
        for kind, _, suffix, kind_filter in KINDS:
            if sender is self.kinds[kind]:
                self._ask(kind, suffix, kind_filter)

    @Slot(int, bool)
    def _on_save(self, factor: int, smooth: bool) -> None:
        path = ask_where(self.parentWidget(), enlarged_name(self._model.name, factor))
        if path is not None:
            self._model.save_picture(path, factor, smooth=smooth)

    def _ask(self, kind: ExportKind, suffix: str, kind_filter: Message) -> None:
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
        suggested = str(Path(folder) / f"{self._model.name}{suffix}")
        chosen, _ = QFileDialog.getSaveFileName(
            self.parentWidget(), tr("Export run"), suggested, tr(kind_filter)
        )
        if chosen:
            path = Path(chosen)
            path = path if path.suffix.lower() == suffix else path.with_name(path.name + suffix)
            self._model.export(kind, path, captions=self.captions.isChecked())
