"""The user's folders on this machine. Nothing here creates a folder.

``STEPWISE_HOME=DIR`` puts every folder under DIR;
otherwise they are where the system keeps such things (platformdirs), with pictures in the user's own pictures
folder.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import platformdirs

HOME_VARIABLE = "STEPWISE_HOME"
APP_NAME = "stepwise-studio"


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
        except RuntimeError:  # expanduser: an unknown user, or no home folder
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


def resources_dir() -> Path:
    """Return the folder of what ships with the program: in the installed package, else in the checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "_resources"
    return installed if installed.is_dir() else package.parent / "resources"


def interface_font(*, bold: bool = False) -> Path:
    """Return the file of the font that the window and exported pictures are lettered in, regular or semibold."""
    return resources_dir() / "fonts" / f"Pretendard-{'SemiBold' if bold else 'Regular'}.otf"
