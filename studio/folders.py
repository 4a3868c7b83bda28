"""Where things are kept on this machine, and how a storage fault is put into words.

Nothing here creates a folder unless asked by `ensure`. ``STEPWISE_HOME=DIR`` puts every folder under DIR;
otherwise they are where the system keeps such things (platformdirs), with pictures in the user's own pictures
folder.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import platformdirs

from studio.errors import StorageError

HOME_VARIABLE = "STEPWISE_HOME"
APP_NAME = "stepwise-studio"

_REASONS = {
    errno.ENOSPC: "cannot be written: the disk is full",
    errno.EDQUOT: "cannot be written: the space allowed to this user is used up",
    errno.EFBIG: "cannot be written: the file is larger than this file system allows",
    errno.EROFS: "cannot be written: the file system is read-only",
    errno.EACCES: "cannot be written: this user has no permission there",
    errno.EPERM: "cannot be written: this user has no permission there",
    errno.EIO: "cannot be used: the disk reports a fault (input/output error)",
    errno.ENODEV: "cannot be used: the device is gone (was the drive unplugged?)",
    errno.ENXIO: "cannot be used: the device is gone (was the drive unplugged?)",
    errno.ENOENT: "cannot be found (was it moved, or the drive unplugged?)",
    errno.ENOTDIR: "cannot be used: a file stands where a folder is needed",
    errno.EEXIST: "cannot be written: something of that name is there already",
    errno.EISDIR: "cannot be written: a folder of that name is there already",
    errno.ENAMETOOLONG: "cannot be used: the name is too long for this file system",
    errno.EMFILE: "cannot be opened: too many files are open",
    errno.ENFILE: "cannot be opened: too many files are open",
    errno.ELOOP: "cannot be used: its links point at each other",
    errno.EBUSY: "cannot be used: another program holds it",
    errno.ETIMEDOUT: "cannot be reached: the network drive does not answer",
}

# Windows tells these apart where errno says only "no permission" or nothing of use.
_WINDOWS_REASONS = {
    19: "cannot be written: the disk is write-protected",
    21: "cannot be used: the drive is not ready (was it unplugged?)",
    32: "cannot be used: another program holds it",
    53: "cannot be reached: the network drive does not answer",
    206: "cannot be used: the path is too long for this system",
}


@dataclass(frozen=True, kw_only=True)
class Folders:
    """The folders of one user. Finding them creates nothing.

    Attributes:
        models: models the user added, one folder each.
        outputs: finished pictures; the truth from which the catalogue can be rebuilt.
        catalogue: holds the SQLite index of the pictures.
        runs: recorded runs, one folder each.
        cache: may be deleted at any time, except its ``rescued`` pictures.
        logs: log files.
        settings: the user's settings.
    """

    models: Path
    outputs: Path
    catalogue: Path
    runs: Path
    cache: Path
    logs: Path
    settings: Path

    @classmethod
    def find(cls) -> Self:
        """Return this user's folders: under ``STEPWISE_HOME`` if it is set, else the system's usual ones."""
        home = os.environ.get(HOME_VARIABLE, "").strip()
        return cls.under(Path(home)) if home else cls._of_the_system()

    @classmethod
    def under(cls, home: Path) -> Self:
        """Return folders that all lie under ``home`` (made absolute; a leading ``~`` is the user's home)."""
        try:
            root = home.expanduser().absolute()
        except RuntimeError:  # expanduser: nobody of that name, or no home at all
            root = home.absolute()
        return cls(
            models=root / "models",
            outputs=root / "outputs",
            catalogue=root / "catalogue",
            runs=root / "runs",
            cache=root / "cache",
            logs=root / "logs",
            settings=root / "settings",
        )

    @classmethod
    def _of_the_system(cls) -> Self:
        known = platformdirs.PlatformDirs(APP_NAME, appauthor=False)
        return cls(
            models=known.user_data_path / "models",
            outputs=known.user_pictures_path / "Stepwise",
            catalogue=known.user_data_path / "catalogue",
            runs=known.user_data_path / "runs",
            cache=known.user_cache_path,
            logs=known.user_log_path,
            settings=known.user_config_path / "settings",
        )


def ensure(path: Path) -> Path:
    """Create the folder ``path`` (and those above it) unless it is there, and return it.

    Raises:
        StorageError: it cannot be created, or a file stands in its place.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StorageError(path, _REASONS[errno.ENOTDIR]) from error
    except (OSError, ValueError) as error:
        raise storage_error(path, error) from error
    return path


def absolute(path: Path) -> Path:
    """Return ``path`` made absolute. Raises StorageError where the folder the program was started in is gone."""
    try:
        return path.absolute()
    except OSError as error:
        raise storage_error(path, error) from error


def storage_error(path: Path | str, error: OSError | ValueError) -> StorageError:
    """Return the sentence for what the operating system said about ``path``.

    A ValueError is what Python raises for a path no system can hold (one with a NUL character in it).
    """
    if isinstance(error, ValueError):
        shown = str(path).replace("\0", "?")
        return StorageError(shown, "cannot be used: it is not a path this system can hold")
    reason = _WINDOWS_REASONS.get(getattr(error, "winerror", None) or 0) or _REASONS.get(error.errno or 0)
    if reason is None:
        said = error.strerror or type(error).__name__
        reason = f"cannot be used: {said[:1].lower()}{said[1:]}"
    return StorageError(path, reason)


def resources_dir() -> Path:
    """Return the folder of what ships with the program: in the installed package, else in the checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "_resources"
    return installed if installed.is_dir() else package.parent / "resources"


def interface_font(*, bold: bool = False) -> Path:
    """Return the file of the font that the window and exported pictures are lettered in, regular or semibold."""
    return resources_dir() / "fonts" / f"Pretendard-{'SemiBold' if bold else 'Regular'}.otf"
