"""What the window's process and the downloading process say to each other: one JSON object a line."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from studio.downloads.files import RemoteFile  # noqa: TC001 - msgspec reads it from the annotations

MAX_LINE: Final = 64 << 20

Fault = Literal[
    "gated",
    "refused",
    "missing",
    "missing file",
    "busy",
    "server",
    "connection",
    "disk",
    "damaged",
    "size",
    "other",
]
"""Why a download ended.

gated: the repository's licence was not accepted; refused: the token is not valid, or may not read it; missing: there is
no such repository (or it is private); missing file: no such file or revision; busy: the Hub refused too many requests;
server: an error of the Hub; connection: none, or it was lost; disk: it is full, or cannot be written;
damaged: other bytes arrived than the Hub announces; size: more bytes; other: unexpected.
"""


class ListFiles(msgspec.Struct, frozen=True, kw_only=True, tag="list"):
    """The request to list a repository's files."""

    repository: str
    revision: str
    token: str = ""


class Fetch(msgspec.Struct, frozen=True, kw_only=True, tag="fetch"):
    """The request to download files of a commit.

    Attributes:
        partial: the folder of what has arrived in part.
        complete: the folder of files that are complete and verified.
    """

    repository: str
    commit: str
    files: tuple[RemoteFile, ...]
    partial: str
    complete: str
    token: str = ""


class ReadHeader(msgspec.Struct, frozen=True, kw_only=True, tag="header"):
    """The request for the header of a safetensors file."""

    repository: str
    commit: str
    path: str
    token: str = ""


Request: TypeAlias = ListFiles | Fetch | ReadHeader


class Listed(msgspec.Struct, frozen=True, kw_only=True, tag="listed"):
    """The files of a commit; ``licence`` is the one named on the repository's page, "" if none is."""

    commit: str
    files: tuple[RemoteFile, ...]
    licence: str = ""
    gated: bool = False


class Header(msgspec.Struct, frozen=True, kw_only=True, tag="head"):
    """The header of a file with the bytes of its length; empty if it is longer than any."""

    raw: bytes


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """So many bytes of all files are there; ``checking`` while a finished file is being verified."""

    file: str
    done: int
    checking: bool = False


class Waiting(msgspec.Struct, frozen=True, kw_only=True, tag="waiting"):
    """The Hub asks to wait for so many seconds."""

    seconds: float


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """Every file is complete and verified."""


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """It ended early; what has arrived is kept."""

    fault: Fault
    file: str = ""
    status: int = 0
    errno: int = 0
    details: str = ""


Event: TypeAlias = Listed | Header | Progress | Waiting | Done | Failed
