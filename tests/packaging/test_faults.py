"""pip's errors become sentences that say what to do."""

from __future__ import annotations

import pytest
from launcher.faults import UNKNOWN, CommandError, explain


@pytest.mark.parametrize(
    ("output", "word"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("NewConnectionError('<...>: Failed to establish a new connection: [Errno -3] Temporary failure in name "
         "resolution')\nERROR: No matching distribution found for torch", "cannot be reached"),
        ("ERROR: Could not find a version that satisfies the requirement PySide6_Essentials==6.11.3\nERROR: No "
         "matching distribution found for PySide6_Essentials==6.11.3", "glibc 2.34"),
        ("pip._vendor.urllib3.exceptions.ReadTimeoutError: Read timed out.", "broke off"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "certificate"),
        ("ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407 Proxy", "proxy"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "pip cache purge"),
        ("OSError: [Errno 13] Permission denied: '/x/.venv/lib'", "could not be written"),
        ("ERROR: ResolutionImpossible: for help visit", "constraint"),
    ],
)  # fmt: skip
def test_what_pip_says_is_explained(output: str, word: str) -> None:
    assert word in explain(output)


def test_what_nobody_knows_points_at_the_lines_above() -> None:
    assert explain("Segmentation fault") == UNKNOWN
    assert str(CommandError("Installing the libraries", "?")) == f"Installing the libraries failed. {UNKNOWN}"
