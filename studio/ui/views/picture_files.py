"""Pictures handed to other programs: copied, dragged, shown among their files."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusPendingCallWatcher

from studio.errors import StorageError
from studio.ui.models.gallery_reading import read_picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PySide6.QtCore import QMetaType, QObject
    from PySide6.QtGui import QImage

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
