"""What a person gives as the address of a model: a repository's name, or a page of the Hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from studio.errors import DownloadError, shorten
from studio.messages import message

HUB: Final = "https://huggingface.co"
_HOSTS: Final = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
_PAGES: Final = frozenset({"blob", "resolve", "raw"})


@dataclass(frozen=True, kw_only=True)
class Address:
    """A repository of models on the Hub, or one file in it.

    Attributes:
        repository: "owner/name".
        revision: a branch, tag or commit.
        file: the path of a file in the repository; "": the program proposes what to download.
    """

    repository: str
    revision: str = "main"
    file: str = ""

    @property
    def name(self) -> str:
        """The repository's name without its owner."""
        return self.repository.rpartition("/")[2]

    @property
    def page(self) -> str:
        """The repository's page on the Hub, where its licence is accepted."""
        return f"{HUB}/{self.repository}"


def parse_address(text: str) -> Address:
    """Return the address in what a person typed or pasted.

    Accepted are ``owner/name``, ``https://huggingface.co/owner/name``, and the addresses of its files with ``/blob/``,
    ``/resolve/`` and ``/tree/``.

    Raises:
        DownloadError: it is something else.
    """
    given = text.strip()
    path = given
    if "://" in given or given.lower().startswith(("huggingface.co/", "www.huggingface.co/", "hf.co/")):
        try:
            parts = urlsplit(given if "://" in given else f"https://{given}")
            host = (parts.hostname or "").lower()
        except ValueError:
            raise _refused(given) from None
        if host not in _HOSTS:
            raise DownloadError(
                shorten(given),
                message("cannot be downloaded: only addresses of huggingface.co are supported"),
            )
        path = unquote(parts.path)
    pieces = [piece for piece in path.split("/") if piece]
    if len(pieces) < 2 or not all(_NAME.fullmatch(piece) for piece in pieces[:2]):
        raise _refused(given)
    if pieces[0] in ("datasets", "spaces", "kernels"):
        raise DownloadError(shorten(given), message("cannot be downloaded: it is not a repository of models"))
    if ".." in path or "--" in pieces[0]:
        raise _refused(given)
    repository, rest = "/".join(pieces[:2]), pieces[2:]
    if not rest:
        return Address(repository=repository)
    if len(rest) < 2 or rest[0] not in (*_PAGES, "tree") or not _REVISION.fullmatch(rest[1]):
        raise _refused(given)
    if rest[0] == "tree":
        return Address(repository=repository, revision=rest[1])
    if len(rest) < 3:
        raise _refused(given)
    return Address(repository=repository, revision=rest[1], file="/".join(rest[2:]))


def _refused(given: str) -> DownloadError:
    return DownloadError(
        repr(shorten(given)),
        message("is not the address of a model: write owner/name, or paste the address of its page or file"),
    )
