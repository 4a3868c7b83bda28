"""Pictures handed to other programs: copied, dragged, shown among their files.

What can be done with finished pictures, whichever view shows them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QMimeData, QObject, QPoint, QSize, Qt, QUrl, Signal, Slot
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusPendingCallWatcher
from PySide6.QtGui import QDesktopServices, QDrag, QGuiApplication, QPixmap

from studio.errors import RequestError, StorageError
from studio.ui.gallery.reading import read_picture, request_of
from studio.ui.jobs.picture_menu import ask_where, enlarged_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PySide6.QtCore import QMetaType
    from PySide6.QtGui import QImage
    from PySide6.QtWidgets import QWidget

    from studio.errors import StudioError
    from studio.gallery.index import Entry
    from studio.ui.gallery.model import GalleryModel


_IMAGE = "application/x-qt-image"  # what Qt turns into image/png and the like
_SERVICE = "org.freedesktop.FileManager1"
_ASK_MS = 5000


class PictureFiles(QMimeData):
    """Pictures as other programs take them: as files, their paths as text, and a single one as an image.

    The image is read when somebody asks for it, which most targets of a drag never do.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        """Hand over these files."""
        super().__init__()
        self._paths = tuple(paths)
        self.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        self.setText("\n".join(str(path) for path in paths))

    def formats(self) -> list[str]:
        """Return the types that can be asked for."""
        return [*super().formats(), *([_IMAGE] if len(self._paths) == 1 else [])]

    def hasFormat(self, mime_type: str) -> bool:
        """Return whether a type can be asked for."""
        return mime_type in self.formats()

    def retrieveData(self, mime_type: str, preferred: QMetaType | QMetaType.Type) -> Any:  # noqa: ANN401 - Qt's
        """Return what is asked for; None where the picture cannot be read."""
        if mime_type != _IMAGE or len(self._paths) != 1:
            return super().retrieveData(mime_type, preferred)
        try:
            return read_picture(self._paths[0])
        except StorageError:
            return None


def copied(paths: Sequence[Path], image: QImage | None = None) -> QMimeData:
    """Return what goes to the clipboard. The image is there already: its file may be gone when it is pasted."""
    mime = QMimeData()
    urls = [QUrl.fromLocalFile(str(path)) for path in paths]
    mime.setUrls(urls)
    mime.setText("\n".join(str(path) for path in paths))
    if image is not None:
        mime.setImageData(image)
    # What file managers on Linux look for when files are pasted into them.
    encoded = [bytes(url.toEncoded().data()) for url in urls]
    mime.setData("x-special/gnome-copied-files", b"\n".join([b"copy", *encoded]))
    return mime


def show_among_files(path: Path) -> bool:
    """Open the file manager of Windows or macOS with a file chosen in it; return False where there is neither."""
    if sys.platform == "win32":
        # As one string: explorer takes its command line apart by rules of its own.
        subprocess.Popen(f'explorer /select,"{path}"')
        return True
    if sys.platform == "darwin":
        return subprocess.run(["open", "-R", str(path)], check=False).returncode == 0
    return False


def ask_file_manager(path: Path, parent: QObject) -> QDBusPendingCallWatcher | None:
    """Ask a Linux desktop's file manager to show a file among its neighbours; None where nobody can be asked.

    Whether it did is known when the watcher has finished. Waiting for the answer would hold Python up.
    """
    bus = QDBusConnection.sessionBus()
    if not bus.isConnected():
        return None
    message = QDBusMessage.createMethodCall(_SERVICE, "/org/freedesktop/FileManager1", _SERVICE, "ShowItems")
    url = QUrl.fromLocalFile(str(path)).toEncoded().data()
    message.setArguments([[bytes(url).decode("ascii")], ""])
    return QDBusPendingCallWatcher(bus.asyncCall(message, _ASK_MS), parent)


_DRAGGED_PX = 96


class PictureActions(QObject):
    """Copies, shows, drags and throws away; nothing here makes the window wait.

    Signals:
        settings_requested: a `GenerateRequest` that makes one picture again is to fill the form.
    """

    settings_requested = Signal(object)

    def __init__(self, model: GalleryModel, parent: QObject | None = None) -> None:
        """Act on the pictures of ``model``."""
        super().__init__(parent)
        self._model, self._notices = model, model.notices
        self._asked: dict[QDBusPendingCallWatcher, Entry] = {}

    def use_settings(self, entry: Entry) -> None:
        """Give the settings of a picture, with its own seed, to the form."""
        try:
            request = request_of(entry.metadata)
        except RequestError as error:
            self._notices.post(f"The settings of this picture cannot be used: {error}", kind="error")
        else:
            self.settings_requested.emit(request)

    def copy(self, entries: Sequence[Entry]) -> None:
        """Put pictures on the clipboard: as files, and a single one as an image too."""
        if len(entries) == 1:
            then, failed = partial(self._copied, entries[0]), partial(self._copied_file, entries[0])
            self._model.errands.do(partial(read_picture, entries[0].path), then, failed, key="copy")
        elif entries:
            QGuiApplication.clipboard().setMimeData(copied([entry.path for entry in entries]))
            self._notices.post(f"{len(entries)} pictures copied.")

    def save(self, entry: Entry, factor: int, smooth: bool, parent: QWidget) -> None:
        """Ask where a picture is to be saved, so many times as large, and save it."""
        path = ask_where(parent, enlarged_name(entry.path.stem, factor))
        if path is not None:
            work = partial(_save, entry.path, path, factor, smooth)
            self._model.errands.do(work, self._saved, self._failed)

    def show_in_folder(self, entry: Entry) -> None:
        """Open the system's file manager where a picture lies."""
        if not os.path.lexists(entry.path):
            self._notices.post(
                f"{entry.path} cannot be found (was it moved, or the drive unplugged?).", kind="error"
            )
            return
        watcher = ask_file_manager(entry.path, self)
        if watcher is not None:
            self._asked[watcher] = entry
            watcher.finished.connect(self._on_asked)
        else:
            self._model.errands.do(
                partial(show_among_files, entry.path), partial(self._shown, entry), self._failed, key="show"
            )

    @Slot(QDBusPendingCallWatcher)
    def _on_asked(self, watcher: QDBusPendingCallWatcher) -> None:
        self._shown(self._asked.pop(watcher), not watcher.isError())
        watcher.deleteLater()

    def trash(self, entries: Sequence[Entry]) -> None:
        """Move pictures to the trash."""
        self._model.trash(entries)

    def drag(self, source: QWidget, entries: Sequence[Entry], image: QImage | None) -> Qt.DropAction:
        """Drag pictures out of the window as files, until they are dropped.

        Args:
            source: where they come from.
            entries: the pictures.
            image: how the first one looks.
        """
        if not entries:
            return Qt.DropAction.IgnoreAction
        drag = QDrag(source)
        drag.setMimeData(PictureFiles([entry.path for entry in entries]))
        if image is not None:
            ratio = source.devicePixelRatioF()
            side = round(_DRAGGED_PX * ratio)
            pixmap = QPixmap.fromImage(image).scaled(
                QSize(side, side),
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            pixmap.setDevicePixelRatio(ratio)
            drag.setPixmap(pixmap)
            drag.setHotSpot(QPoint(_DRAGGED_PX // 2, _DRAGGED_PX // 2))
        return drag.exec(Qt.DropAction.CopyAction, Qt.DropAction.CopyAction)  # never moved away

    def _saved(self, path: Path) -> None:
        self._notices.post(f"Saved as {path}.")

    def _copied(self, entry: Entry, image: QImage) -> None:
        QGuiApplication.clipboard().setMimeData(copied([entry.path], image))
        self._notices.post("Copied.")

    def _copied_file(self, entry: Entry, error: StudioError) -> None:
        del entry
        self._notices.post(f"The picture cannot be copied: {error}", kind="error")

    def _shown(self, entry: Entry, shown: bool) -> None:
        if not shown and not QDesktopServices.openUrl(QUrl.fromLocalFile(str(entry.path.parent))):
            self._notices.post(f"No program opens the folder {entry.path.parent}.", kind="error")

    def _failed(self, error: StudioError) -> None:
        self._notices.post(str(error), kind="error")


def _save(source: Path, to: Path, factor: int, smooth: bool) -> Path:
    # Late, and in another thread: it brings numpy and Pillow.
    from studio.gallery.export import save_file  # noqa: PLC0415

    return save_file(source, to, factor, smooth=smooth)
