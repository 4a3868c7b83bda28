"""What stops a set-up, said in a sentence: our own errors, and the reading of pip's."""

from __future__ import annotations

DISK_FULL = "The disk is full; free some space and start again: what was downloaded is kept."
BROKE_OFF = "The download broke off; start again: what was downloaded is kept."
NOT_WRITTEN = (
    "A file could not be written: the folder belongs to someone else, or another program has the file open."
)

SENTENCES = (
    (
        ("no space left", "errno 28", "not enough space", "disk quota exceeded"),
        DISK_FULL,
    ),
    (
        ("certificate_verify_failed", "certificate verify failed", "sslerror"),
        "The connection's certificate was not accepted; if a proxy stands in between, tell pip its certificate with "
        "`pip config set global.cert FILE`.",
    ),
    (
        ("proxyerror", "407 proxy"),
        "The proxy refused the connection; set HTTPS_PROXY, or `pip config set global.proxy ADDRESS`.",
    ),
    (
        (
            "name resolution",
            "getaddrinfo failed",
            "nodename nor servname",
            "name or service not known",
            "network is unreachable",
            "connection refused",
            "newconnectionerror",
            "nameresolutionerror",
        ),
        "The package index cannot be reached; check the network and start again. Only the first start needs it.",
    ),
    (
        ("read timed out", "readtimeouterror", "connectionreseterror", "incompleteread", "connection broken"),
        BROKE_OFF,
    ),
    (
        ("do not match the hashes", "hash mismatch"),
        "A download is not what the index promised; start again, and if it stays so, run `pip cache purge` first.",
    ),
    (
        ("permission denied", "errno 13", "access is denied"),
        NOT_WRITTEN,
    ),
    (
        ("no matching distribution", "could not find a version"),
        "The package index has no build of this for your system and Python; on Linux PySide6 needs glibc 2.34 or "
        "newer (Debian 12, Ubuntu 22.04).",
    ),
    (
        ("conflicting dependencies", "resolutionimpossible"),
        "The wanted versions cannot be had together; look for a constraint of your own in `pip config list`.",
    ),
)
"""Each pair: marks in pip's output (lower case), and what they mean. The first pair that matches wins."""

UNKNOWN = "What went wrong is in the lines above."


class LaunchError(Exception):
    """A set-up that cannot go on. ``str(error)`` is whole sentences: what is wrong, and what to do."""


class CommandError(LaunchError):
    """A command of the set-up failed."""

    def __init__(self, what: str, output: str) -> None:
        """Say that ``what`` failed and what its ``output`` means."""
        reason = explain(output)
        self.worth_another_place = reason not in (DISK_FULL, BROKE_OFF, NOT_WRITTEN)
        super().__init__(f"{what} failed. {reason}")


def explain(output: str) -> str:
    """Return a sentence for the errors in the ``output`` of pip or venv; ``UNKNOWN`` when nothing is recognised."""
    text = output.lower()
    for marks, sentence in SENTENCES:
        if any(mark in text for mark in marks):
            return sentence
    return UNKNOWN
