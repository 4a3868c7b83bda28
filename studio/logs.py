"""Unexpected errors: one sentence for the user, the traceback for the log. Standard library only."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from studio import __version__
from studio.errors import StudioError
from studio.folders import Folders
from studio.messages import message
from studio.storage import ensure_folder

if TYPE_CHECKING:
    from pathlib import Path

    from studio.messages import Message

LOG_NAME = "errors.log"


def report_unexpected(error: BaseException) -> Message:
    """Return a sentence about an unexpected error, after writing its traceback to the log file if possible."""
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("studio"):
        return message(
            "The Python package {name} is missing; start the program with `python3 packaging/launch.py`, "
            "which installs everything.",
            name=repr(error.name),
        )
    said = (_words_of(error).splitlines() or [""])[0][:200].rstrip(".")
    log = write_log("".join(traceback.format_exception(error)))
    fault = f"{type(error).__name__} ({said})" if said else type(error).__name__
    if log is None:
        return message("Something unexpected went wrong: {fault}.", fault=fault)
    return message("Something unexpected went wrong: {fault}; details are in {log}.", fault=fault, log=log)


def write_log(text: str) -> Path | None:
    """Append to the log file and return its path; None if it cannot be written."""
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
    except Exception:  # noqa: BLE001 - reporting an error must not fail
        return ""
