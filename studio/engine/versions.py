"""The versions of the software that the exact bits of a picture depend on. Importable without torch."""

from __future__ import annotations

import contextlib
import functools
import platform
from importlib import metadata

from studio import __version__


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of this program, Python and torch by name, without torch if it has no package metadata."""
    found = {"stepwise-studio": __version__, "python": platform.python_version()}
    with contextlib.suppress(metadata.PackageNotFoundError):
        found["torch"] = metadata.version("torch")
    return found


def same_version(first: str, second: str) -> bool:
    """Return whether two versions differ at most in their local part (PEP 440: the build, as in "2.13.0+cu130").

    For the same build, `torch.__version__` has that part and the distribution's version may lack it. Builds are
    distinguished by their device.
    """
    return first.partition("+")[0] == second.partition("+")[0]
