"""The downloading process: the only code of the program that goes online, and only for what it was asked for.

huggingface_hub decides when it is imported whether it may use the network. The program imports it offline, and this
process online, with an environment of its own (`studio.downloads.process`); killing it ends a download at once. Its
client sends requests about the one repository and nothing else: telemetry, the daily list of agents and every other
address are refused before they leave, whatever a newer version of the library may add.

Requests are read from stdin and events are written to stdout, each as one line of JSON. The process ends with its
stdin.

The library removes an interrupted file and compares only sizes. So its `http_get` is called with files of our own,
which stay, are continued later, and are verified against the Hub's checksum.
"""

from __future__ import annotations

import hashlib
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

import msgspec
from huggingface_hub import HfApi, constants, get_session, hf_hub_url, set_client_factory
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils._http import default_client_factory, hf_raise_for_status, parse_ratelimit_headers

from studio.downloads.files import RemoteFile
from studio.downloads.protocol import (
    Done,
    Event,
    Failed,
    Fault,
    Fetch,
    Header,
    Listed,
    ListFiles,
    Progress,
    ReadHeader,
    Request,
    Waiting,
)
from studio.weights.header import MAX_HEADER_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from httpx2 import Client, Response
    from httpx2 import Request as HttpRequest

T = TypeVar("T")

CHUNK = 1 << 18
"""Bytes between two writes; what has not been written when the connection is lost is downloaded again."""
REPORT_S = 0.2
TRIES = 5
LOST_TRIES = 2
"""How often a connection is tried that brings nothing; http_get tries several times each."""
TIMEOUT_S = 20.0
LONGEST_WAIT_S = 3600.0
_READ = 1 << 22
_LENGTH_BYTES = 8
_HEADER_CHUNK = 1 << 16

# The base of the client's errors, whichever client this version of the library uses.
_HttpError = cast("type[Exception]", HfHubHTTPError.__bases__[0])


class _Damaged(Exception):
    """The bytes of a file are not those that the Hub announces."""


class _TooLong(Exception):
    """More bytes arrived than the Hub announces."""


class _NotAskedFor(Exception):
    """A request that nothing here needs."""


def main() -> int:
    """Answer requests until stdin ends; return the exit code."""
    lines: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_read_lines, args=(lines,), daemon=True).start()
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK
    while True:
        request = msgspec.json.decode(lines.get(), type=Request)
        _emit(_answer(request))


def _read_lines(lines: queue.Queue[bytes]) -> None:
    for line in sys.stdin.buffer:
        lines.put(line)
    os._exit(0)  # whoever asked is gone, and the main thread may be waiting for the network


def _emit(event: Event) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
    sys.stdout.buffer.flush()


def _answer(request: Request) -> Event:
    """Do what is requested, and return its last event."""
    set_client_factory(_Gate(request.repository).client)
    file = ""
    try:
        if isinstance(request, ListFiles):
            return _list(request)
        if isinstance(request, ReadHeader):
            return Header(raw=_header(request))
        fetching = _Fetching(request)
        for wanted in request.files:
            file = wanted.path
            fetching.fetch(wanted)
        return Done()
    except Exception as error:  # noqa: BLE001 - the other process says it in a sentence
        return _failed(error, file)


def _failed(error: Exception, file: str) -> Failed:
    details = f"{type(error).__name__}: {error}"[:500]
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return Failed(fault=_fault(error, status), file=file, status=status, details=details)
    if isinstance(error, _HttpError):
        return Failed(fault="connection", file=file, details=details)
    if isinstance(error, _Damaged):
        return Failed(fault="damaged", file=file)
    if isinstance(error, _TooLong):
        return Failed(fault="size", file=file)
    if isinstance(error, OSError):
        # Without a number it is http_get's complaint about the size: the other side closed the connection early.
        fault: Fault = "disk" if error.errno is not None else "connection"
        return Failed(fault=fault, file=file, errno=error.errno or 0, details=details)
    return Failed(fault="other", file=file, details=details)


def _fault(error: HfHubHTTPError, status: int) -> Fault:
    if isinstance(error, GatedRepoError) or error.response.headers.get("X-Error-Code") == "GatedRepo":
        return "gated"
    if isinstance(error, RemoteEntryNotFoundError | RevisionNotFoundError):
        return "missing file"
    if isinstance(error, RepositoryNotFoundError) and status == 404:
        return "missing"
    if status in (401, 403):
        return "refused"
    if status == 404:
        return "missing"
    if status == 429:
        return "busy"
    return "server" if status >= 500 else "other"


class _Gate:
    """Makes clients that send requests about one repository only."""

    def __init__(self, repository: str) -> None:
        self._allowed = (f"/api/models/{repository}/", f"/{repository}/resolve/")
        self._redirected: set[str] = set()

    def client(self) -> Client:
        """Return the library's own client, with its requests filtered."""
        client = default_client_factory()
        hooks = client.event_hooks
        hooks["request"] = [self._check, *hooks["request"]]
        hooks["response"] = [*hooks["response"], self._on_response]
        client.event_hooks = hooks
        return client

    def _check(self, request: HttpRequest) -> None:
        url = request.url
        if str(url) in self._redirected:
            return
        ours = str(url).startswith(constants.ENDPOINT + "/") and f"{url.path}/".startswith(self._allowed)
        if not ours:
            raise _NotAskedFor(f"{request.method} {url}")

    def _on_response(self, response: Response) -> None:
        if response.next_request is not None:
            following = response.next_request.url
            if following.scheme == "https" or not constants.ENDPOINT.startswith("https:"):
                self._redirected.add(str(following))
        elif response.status_code == 429:
            _emit(Waiting(seconds=_wait_s(response)))


def _wait_s(response: Response) -> float:
    """Return how long the Hub asks to wait; 1 s if it does not say."""
    limit = parse_ratelimit_headers(response.headers)
    if limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    said = response.headers.get("Retry-After", "").strip()
    return float(said) if said.isdigit() else 1.0


def _patiently(call: Callable[[], T]) -> T:
    """Return what ``call`` returns, waiting as the Hub asks where it refuses too many requests."""
    for _ in range(TRIES - 1):
        try:
            return call()
        except HfHubHTTPError as error:
            if error.response.status_code != 429 or (seconds := _wait_s(error.response)) > LONGEST_WAIT_S:
                raise
            time.sleep(seconds)
    return call()


def _list(request: ListFiles) -> Listed:
    api = HfApi(token=request.token or False)
    info = _patiently(
        lambda: api.model_info(
            request.repository, revision=request.revision, files_metadata=True, timeout=TIMEOUT_S
        )
    )
    files = []
    for sibling in info.siblings or ():
        sha256 = sibling.lfs.sha256 if sibling.lfs is not None else ""
        size = sibling.lfs.size if sibling.lfs is not None else sibling.size
        if size is not None:
            files.append(
                RemoteFile(path=sibling.rfilename, size=size, sha256=sha256, git=sibling.blob_id or "")
            )
    licence = ""
    if info.card_data is not None:
        # "other" is explained by a name of its own.
        named = info.card_data.get("license_name") if info.card_data.get("license") == "other" else None
        licence = str(named or info.card_data.get("license") or "")
    return Listed(
        commit=info.sha or request.revision, files=tuple(files), licence=licence[:100], gated=bool(info.gated)
    )


def _header(request: ReadHeader) -> bytes:
    """Read the header of a file, and nothing of its tensors."""
    url = hf_hub_url(request.repository, request.path, revision=request.commit)
    headers = {"Accept-Encoding": "identity", "Range": f"bytes=0-{MAX_HEADER_BYTES + _LENGTH_BYTES - 1}"}
    if request.token:
        headers["Authorization"] = f"Bearer {request.token}"
    raw, needed = bytearray(), _LENGTH_BYTES
    with get_session().stream("GET", url, headers=headers, timeout=TIMEOUT_S) as response:
        hf_raise_for_status(response)
        for data in response.iter_bytes(_HEADER_CHUNK):
            raw += data
            if needed == _LENGTH_BYTES and len(raw) >= needed:
                needed += int.from_bytes(raw[:_LENGTH_BYTES], "little")
                if needed > MAX_HEADER_BYTES:
                    return b""
            if len(raw) >= needed > _LENGTH_BYTES:
                return bytes(raw[:needed])
    return b""


class _Counted:
    """A file that reports its growth and never grows beyond what was announced."""

    def __init__(self, file: BinaryIO, size: int, grown: Callable[[int], None]) -> None:
        self._file, self._size, self._grown = file, size, grown

    def write(self, data: bytes) -> int:
        if self._file.tell() + len(data) > self._size:
            raise _TooLong
        written = self._file.write(data)
        self._grown(self._file.tell())
        return written

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else http_get does with a file
        return getattr(self._file, name)


class _Fetching:
    """Downloads the files of a request, one after the other."""

    def __init__(self, request: Fetch) -> None:
        self._request = request
        self._partial, self._complete = Path(request.partial), Path(request.complete)
        self._before = 0  # bytes of the files that are done
        self._file, self._reported = "", 0.0
        self._headers = {"Accept-Encoding": "identity"}
        if request.token:
            self._headers["Authorization"] = f"Bearer {request.token}"

    def fetch(self, wanted: RemoteFile) -> None:
        """Download a file unless it is there, and verify it."""
        self._file = wanted.path
        target = self._complete / wanted.path
        if not (target.is_file() and target.stat().st_size == wanted.size):
            part = self._partial / wanted.part_name(self._request.commit)
            self._receive(wanted, part)
            self._report(wanted.size, checking=True)
            if not _matches(part, wanted):
                part.unlink(missing_ok=True)
                raise _Damaged
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(part, target)
        self._before += wanted.size
        self._report(0)

    def _receive(self, wanted: RemoteFile, part: Path) -> None:
        request = self._request
        url = hf_hub_url(request.repository, wanted.path, revision=request.commit)
        with part.open("ab"):
            pass  # it is there now
        with part.open("r+b") as file:
            counted = cast("BinaryIO", _Counted(file, wanted.size, self._grown))
            left = LOST_TRIES
            while True:
                have = file.seek(0, os.SEEK_END)
                if have > wanted.size:
                    have = file.truncate(0)
                    file.seek(0)
                try:
                    http_get(
                        url,
                        counted,
                        resume_size=have,
                        headers=self._headers,
                        expected_size=wanted.size,
                        displayed_filename=wanted.path,
                    )
                    break
                except HfHubHTTPError:
                    raise
                except _HttpError:
                    file.flush()
                    left = LOST_TRIES if file.tell() > have else left - 1
                    if left <= 0:
                        raise
                    time.sleep(1)
            file.flush()
            os.fsync(file.fileno())

    def _grown(self, size: int) -> None:
        if time.monotonic() - self._reported > REPORT_S:
            self._report(size)

    def _report(self, size: int, *, checking: bool = False) -> None:
        self._reported = time.monotonic()
        _emit(Progress(file=self._file, done=self._before + size, checking=checking))


def _matches(part: Path, wanted: RemoteFile) -> bool:
    """Whether a file has the checksum that the Hub announces: SHA-256 of a large file, git's SHA-1 of a small one."""
    if wanted.sha256:
        digest, expected = hashlib.sha256(), wanted.sha256
    elif wanted.git:
        digest, expected = hashlib.sha1(b"blob %d\0" % wanted.size, usedforsecurity=False), wanted.git
    else:
        return part.stat().st_size == wanted.size
    with part.open("rb") as file:
        while data := file.read(_READ):
            digest.update(data)
    return digest.hexdigest() == expected.lower()
