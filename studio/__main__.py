"""``stepwise``: arguments in, an exit code out."""

from __future__ import annotations

import sys

from studio.cli.main import run


def main() -> int:
    """Run the command line with the process's arguments; return its exit code."""
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
