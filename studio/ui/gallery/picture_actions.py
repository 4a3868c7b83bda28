"""Actions on finished pictures: copy, drag out, save, show in the file manager, reuse settings."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QMimeData, QObject, QPoint, QSize, Qt, QUrl, Slot
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusPendingCallWatcher
from PySide6.QtGui import QDesktopServices, QDrag, QGuiApplication, QPixmap

from studio.errors import RequestError
from studio.ui.gallery import text
from studio.ui.gallery.reading import read_picture
from studio.ui.jobs.picture_menu import ask_where, enlarged_name
from studio.ui.language import tr

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PySide6.QtCore import QMetaType
    from PySide6.QtGui import QImage
    from PySide6.QtWidgets import QWidget

    from studio.errors import StudioError
    from studio.gallery.index import Entry
    from studio.ui.core.intents import Intents
    from studio.ui.gallery.model import GalleryModel


_IMAGE = "application/x-qt-image"  # what Qt turns into image/png and the like
_SERVICE = "org.freedesktop.FileManager1"
_ASK_MS = 5000


class PictureFiles(QMimeData):
    """Pictures as files, their paths as text, and a single one as an image.

    Attributes:
        image: the image, once it has been read in another thread; until then, targets get the file alone.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__()
        self._single = len(paths) == 1
        self.image: QImage | None = None
        self.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        self.setText("\n".join(str(path) for path in paths))

    def formats(self) -> list[str]:
        return [*super().formats(), *([_IMAGE] if self._single else [])]

    def hasFormat(self, mime_type: str) -> bool:
        return mime_type in self.formats()

    def retrieveData(self, mime_type: str, preferred: QMetaType | QMetaType.Type) -> Any:  # noqa: ANN401 - Qt's
        """Return the data of a type; None if the picture has not been read, or cannot be."""
        if mime_type != _IMAGE or not self._single:
            return super().retrieveData(mime_type, preferred)
        return self.image

    def take(self, image: QImage) -> None:
        """Offer the image that was read."""
        self.image = image


def copied(paths: Sequence[Path], image: QImage | None = None) -> QMimeData:
    """Return the clipboard data. It holds the image itself, since the file may be gone when it is pasted."""
    mime = QMimeData()
    urls = [QUrl.fromLocalFile(str(path)) for path in paths]
    mime.setUrls(urls)
    mime.setText("\n".join(str(path) for path in paths))
    if image is not None:
        mime.setImageData(image)
    # Read by file managers on Linux when files are pasted.
    encoded = [bytes(url.toEncoded().data()) for url in urls]
    mime.setData("x-special/gnome-copied-files", b"\n".join([b"copy", *encoded]))
    return mime


def select_in_file_manager(path: Path) -> bool:
    """Open the file manager of Windows or macOS with the file selected; return False on other systems."""
    if sys.platform == "win32":
        # As one string: explorer parses its command line by its own rules.
        subprocess.Popen(f'explorer /select,"{path}"')
        return True
    if sys.platform == "darwin":
        return subprocess.run(["open", "-R", str(path)], check=False).returncode == 0
    return False


def ask_file_manager(path: Path, parent: QObject) -> QDBusPendingCallWatcher | None:
    """Ask the file manager of a Linux desktop over D-Bus to select a file; return None without a session bus.

    The watcher finishes with the answer. Waiting for it here would block the window.
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
    """Actions on the pictures of a `GalleryModel`; files are read and written in another thread."""

    def __init__(self, model: GalleryModel, intents: Intents, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model, self._intents, self._notices = model, intents, model.notices
        self._asked: dict[QDBusPendingCallWatcher, Entry] = {}

    def use_settings(self, entry: Entry) -> None:
        """Fill the form with the settings and the seed of a picture."""
        try:
            request = entry.metadata.generate_request()
        except RequestError as error:
            self._notices.post(text.settings_unusable(error), kind="error")
        else:
            self._intents.use_settings.emit(request)

    def copy(self, entries: Sequence[Entry]) -> None:
        """Copy pictures as files, and a single one as an image too."""
        if len(entries) == 1:
            read, then = partial(read_picture, entries[0].path), partial(self._copied, entries[0])
            self._model.background_reads.do(read, then, self._not_copied, key="copy")
        elif entries:
            QGuiApplication.clipboard().setMimeData(copied([entry.path for entry in entries]))
            self._notices.post(text.copied(len(entries)))

    def save(self, entry: Entry, factor: int, smooth: bool, parent: QWidget) -> None:
        """Ask for a file, and save the picture there, enlarged ``factor`` times."""
        path = ask_where(parent, enlarged_name(entry.path.stem, factor))
        if path is not None:
            work = partial(_save, entry.path, path, factor, smooth)
            self._model.background_reads.do(work, self._saved, self._failed)

    def show_in_folder(self, entry: Entry) -> None:
        """Show the file of a picture in the system's file manager."""
        there = partial(os.path.lexists, entry.path)
        self._model.background_reads.do(there, partial(self._show, entry), self._failed, key="show")

    def _show(self, entry: Entry, there: bool) -> None:
        if not there:
            self._notices.post(text.file_missing(entry.path), kind="error")
            return
        watcher = ask_file_manager(entry.path, self)
        if watcher is not None:
            self._asked[watcher] = entry
            watcher.finished.connect(self._on_asked)
        else:
            self._model.background_reads.do(
                partial(select_in_file_manager, entry.path),
                partial(self._shown, entry),
                self._failed,
                key="show",
            )

    @Slot(QDBusPendingCallWatcher)
    def _on_asked(self, watcher: QDBusPendingCallWatcher) -> None:
        self._shown(self._asked.pop(watcher), not watcher.isError())
        watcher.deleteLater()

    def drag(self, source: QWidget, entries: Sequence[Entry], image: QImage | None) -> Qt.DropAction:
        """Drag pictures out of the window as files, until they are dropped.

        Args:
            source: the widget the drag starts from.
            entries: the pictures.
            image: drawn at the mouse.
        """
        if not entries:
            return Qt.DropAction.IgnoreAction
        drag = QDrag(source)
        files = PictureFiles([entry.path for entry in entries])
        drag.setMimeData(files)
        if len(entries) == 1:  # read while it is dragged, for targets that take an image
            read = partial(read_picture, entries[0].path)
            self._model.background_reads.do(read, files.take, _ignore, key="drag")
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
        self._notices.post(text.saved(path))

    def _copied(self, entry: Entry, image: QImage) -> None:
        QGuiApplication.clipboard().setMimeData(copied([entry.path], image))
        self._notices.post(text.copied(1))

    def _not_copied(self, error: StudioError) -> None:
        self._notices.post(text.not_copied(error), kind="error")

    def _shown(self, entry: Entry, shown: bool) -> None:
        if not shown and not QDesktopServices.openUrl(QUrl.fromLocalFile(str(entry.path.parent))):
            self._notices.post(text.no_file_manager(entry.path.parent), kind="error")

    def _failed(self, error: StudioError) -> None:
        self._notices.post(tr(error.message), kind="error")


def _ignore(_: StudioError) -> None:
    """Do nothing: the file is dragged, whether or not its image can be read."""


def _save(source: Path, to: Path, factor: int, smooth: bool) -> Path:
    # Late, and in another thread: it brings numpy and Pillow.
    from studio.gallery.export import save_file  # noqa: PLC0415

    return save_file(source, to, factor, smooth=smooth)
