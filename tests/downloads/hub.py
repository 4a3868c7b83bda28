"""A small Hub on the loopback address: repositories in memory, and faults on request."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Repository:
    """Files by path, and what goes wrong with them.

    Attributes:
        status: answered to every request for a file, instead of it.
        limited: so many requests are refused with 429 first.
        drops: the connection is lost after so many bytes, once for each entry.
        flipped: whether another byte arrives than announced.
        slow: whether the second half of a file never comes.
        token: the token that is needed.
    """

    files: dict[str, bytes]
    status: int = 0
    limited: int = 0
    drops: list[int] = field(default_factory=list)
    flipped: bool = False
    slow: bool = False
    token: str = ""
    gated: bool = False


@dataclass
class Hub:
    """The server: its repositories, and the requests that it got."""

    address: str
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    going: threading.Event = field(default_factory=threading.Event)


def info(name: str, repository: Repository) -> dict[str, Any]:
    siblings = []
    for path, data in repository.files.items():
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        entry: dict[str, Any] = {"rfilename": path, "size": len(data), "blobId": blob}
        if path.endswith(".safetensors"):
            entry["lfs"] = {
                "sha256": hashlib.sha256(data).hexdigest(),
                "size": len(data),
                "pointerSize": 134,
            }
        siblings.append(entry)
    return {
        "id": name,
        "modelId": name,
        "sha": COMMIT,
        "siblings": siblings,
        "gated": "auto" if repository.gated else False,
        "private": False,
        "tags": [],
        "cardData": {"license": "openrail++"},
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self) -> None:
        self.hub.requests.append(self.path)
        path = unquote(self.path.partition("?")[0])
        pieces = path.strip("/").split("/")
        if pieces[:2] == ["api", "models"]:
            name = "/".join(pieces[2:4])
            repository = self.hub.repositories.get(name)
            if repository is None:
                self.answer(404, {"X-Error-Code": "RepoNotFound"})
            elif repository.limited:
                repository.limited -= 1
                self.answer(429, {"Retry-After": "0"})
            else:
                self.answer(
                    200, {"Content-Type": "application/json"}, json.dumps(info(name, repository)).encode()
                )
            return
        name, file = "/".join(pieces[:2]), "/".join(pieces[4:])
        repository = self.hub.repositories.get(name)
        if repository is None or file not in repository.files:
            self.answer(404, {"X-Error-Code": "EntryNotFound"})
        elif repository.token and self.headers.get("Authorization") != f"Bearer {repository.token}":
            self.answer(401, {"X-Error-Code": "GatedRepo"} if repository.gated else {})
        elif repository.status:
            self.answer(repository.status)
        else:
            self.send(repository, repository.files[file])

    def send(self, repository: Repository, data: bytes) -> None:
        start = 0
        asked = self.headers.get("Range", "")
        if asked:
            self.hub.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").partition("-")[0])
        if repository.flipped:
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        end = repository.drops.pop(0) if repository.drops else len(data)
        if repository.slow:
            self.wfile.write(data[start : len(data) // 2])
            self.wfile.flush()
            self.hub.going.wait(20)
            end = start
        else:
            self.wfile.write(data[start:end])
        if end < len(data):
            self.close_connection = True

    def answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def serving() -> Iterator[Hub]:
    """Serve a Hub without repositories."""
    handler = type("OneHub", (Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # a client that has read enough closes its connection
        hub = handler.hub = Hub(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield hub
        finally:
            hub.going.set()
            server.shutdown()
            thread.join()
