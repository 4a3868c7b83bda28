"""What nobody foresaw: a sentence for the person, the whole of it for the log file. Standard library only."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from studio import __version__
from studio.errors import StudioError
from studio.folders import Folders
from studio.storage import ensure_folder

if TYPE_CHECKING:
    from pathlib import Path

LOG_NAME = "errors.log"


def tell_unexpected(error: BaseException) -> str:
    """Return a sentence on an error nobody foresaw, and keep its details in the log file where that can be done."""
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("studio"):
        return (
            f"The Python package {error.name!r} is missing; "
            "start the program with `python3 packaging/launch.py`, which installs everything."
        )
    said = (_words_of(error).splitlines() or [""])[0][:200].rstrip(".")
    log = write_log("".join(traceback.format_exception(error)))
    kept = f"; details are in {log}" if log is not None else ""
    return f"Something unexpected went wrong: {type(error).__name__}{f' ({said})' if said else ''}{kept}."


def write_log(text: str) -> Path | None:
    """Append to the log file and return its path; None where that cannot be done."""
    try:
        path = ensure_folder(Folders.find().logs) / LOG_NAME
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"Stepwise Studio {__version__}\n{text}\n")
    except (OSError, StudioError):
        return None
    return path


def _words_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whoever tells of an error must not fall over it
        return ""
