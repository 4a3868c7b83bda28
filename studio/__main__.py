"""``stepwise``: the window, or a command; returns an exit code."""

from __future__ import annotations

import sys

from studio.cli.main import run


def main() -> int:
    """Open the window if there are no arguments, else run the command line; return the exit code."""
    arguments = sys.argv[1:]
    return run(arguments) if arguments else _open_window()


def _open_window() -> int:
    from studio.ui.shell.display import display_fault

    fault = display_fault()
    if fault is None:
        try:
            from studio.ui.app import main as open_window
        except ImportError as error:
            fault = f"No window can be opened, because Qt cannot be loaded ({error}); see stepwise --help."
        else:
            return open_window([])
    print(f"stepwise: {fault}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
