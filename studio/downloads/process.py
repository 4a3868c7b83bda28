"""The downloading process as the rest of the program sees it: requests in, events out, ended at any time."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

import studio
from studio.downloads.protocol import MAX_LINE, Done, Event, Failed, Header, Listed, Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ONLINE: Final = {
    "HF_HUB_OFFLINE": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    # Its own connections and cache could be neither counted nor continued.
    "HF_HUB_DISABLE_XET": "1",
}
"""Environment variables of the downloading process."""

_KEPT: Final = frozenset({"HF_ENDPOINT"})
_NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)


class DownloadCancelled(Exception):
    """The download was cancelled; what has arrived is kept."""


def online_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the downloading process: that of this one, with no other setting of the library.

    A mirror of the Hub (``HF_ENDPOINT``) is kept; a token in the environment is not.
    """
    plain = {
        name: value
        for name, value in environment.items()
        if name in _KEPT or not name.startswith(("HF_", "HUGGING", "TRANSFORMERS_"))
    }
    return plain | ONLINE


class HubProcess:
    """Starts the downloading process when it is first needed, and asks it one thing at a time.

    `cancel` may be called from any thread; everything else belongs to one.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._cancelled = False

    def ask(self, request: Request) -> Iterator[Event]:
        """Yield the events that answer a request, up to the last: `Listed`, `Header`, `Done` or `Failed`.

        Raises:
            DownloadCancelled: `cancel` was called.
        """
        try:
            process = self._running()
        except OSError as error:
            yield Failed(fault="other", errno=error.errno or 0, details=str(error))
            return
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(msgspec.json.encode(request) + b"\n")
            process.stdin.flush()
            while line := process.stdout.readline(MAX_LINE):
                event = msgspec.json.decode(line, type=Event)
                yield event
                if isinstance(event, Listed | Header | Done | Failed):
                    return
        except (OSError, ValueError, msgspec.DecodeError):
            pass  # it ended while it was asked
        if self._cancelled:
            raise DownloadCancelled
        self.close()
        yield Failed(fault="other", details="the downloading process ended")

    def cancel(self) -> None:
        """End the process, and with it whatever it is doing; it is not started again."""
        with self._lock:
            self._cancelled = True
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """End the process; it is started again when it is needed."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # what was written last was never read
                        pipe.close()

    def _running(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._cancelled:
                raise DownloadCancelled
            if self._process is None:
                self._process = subprocess.Popen(
                    command(),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=online_environment(os.environ),
                    creationflags=_NO_WINDOW,
                )
            return self._process


def command() -> list[str]:
    """Return the command of the downloading process."""
    root = str(Path(studio.__file__).resolve().parents[1])
    code = (
        f"import sys; sys.path.insert(0, {root!r})\n"
        "from studio.downloads.worker import main\n"
        "sys.exit(main())"
    )
    return [sys.executable, "-P", "-W", "ignore", "-X", "utf8", "-c", code]
