"""The command line: the commands, the parsing of their arguments, and the handling of errors.

A command is a module of this package with ``add_arguments(parser)`` and ``run(arguments) -> exit code``; adding one
needs a file and a line in `COMMANDS`. Only the module of the given command is imported, and neither torch nor numpy
before its arguments are parsed, so that ``--help`` answers immediately.

Exit codes: 0 success, 1 the reader of the output closed the pipe, 2 an error (one sentence on stderr), 3 ``verify``
made a different picture than the given one, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from typing import IO, TYPE_CHECKING, NoReturn, Protocol, cast

from studio import __version__
from studio.errors import StudioError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "stepwise"
COMMANDS = {
    "generate": "make pictures of a prompt",
    "compare": "make several pictures in lockstep from the same noise, side by side",
    "runs": "list the recorded runs; show, pin, unpin or trim them",
    "fork": "continue from any step of a recorded run, with other settings",
    "verify": "make a picture again from the metadata of its file, and compare",
    "models": "list the models: size, schedule, licence, evaluation; download one",
    "doctor": "show devices, versions, folders, free space and problems",
    "train": "train a model on a folder of pictures, or from a recipe; resumes after any interruption",
    "evaluate": "measure a model: names, backgrounds, compositions, guidance, steps, memory",
}
"""The summary of each command by its name. They are listed here so that ``--help`` imports no command."""

DONE, READER_GONE, FAILED, INTERRUPTED = 0, 1, 2, 130
WELCOME = f"""\
Stepwise Studio {__version__} makes pictures with diffusion models, step by step.

    {PROGRAM} generate "a red apple"     make a picture
    {PROGRAM} models                     list the models
    {PROGRAM} --help                     list all commands
"""


class Command(Protocol):
    """The interface of a command's module."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Describe the command's arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Run the command and return the exit code."""


class _Parser(argparse.ArgumentParser):
    """Reports errors in one sentence, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(FAILED, f"{self.prog}: {message} (see {self.prog} --help)\n")


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; every error is reported in one sentence.

    Args:
        arguments: without the program's name.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal with another encoding shows escapes
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run_command(arguments)
        sys.stdout.flush()
    except SystemExit as stop:  # argparse: --help, --version or a wrong argument
        code = stop.code if isinstance(stop.code, int) else DONE
    except StudioError as error:
        _report(str(error))
        code = FAILED
    except KeyboardInterrupt:
        _report("Interrupted.")
        code = INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        code = READER_GONE
    except Exception as error:  # noqa: BLE001 - the only place: the user gets a sentence, the log the traceback
        from studio.logs import report_unexpected  # only needed for errors

        _report(report_unexpected(error))
        code = FAILED
    return code


def _run_command(arguments: Sequence[str]) -> int:
    if not arguments:
        sys.stdout.write(WELCOME)
        return DONE
    name = arguments[0]
    if name.startswith("-"):
        _overview().parse_args(arguments)
        return DONE
    if name not in COMMANDS:
        raise UnknownNameError("command", name, COMMANDS)
    command = _load(name)
    parser = _Parser(prog=f"{PROGRAM} {name}", description=_sentence(COMMANDS[name]), allow_abbrev=False)
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments[1:]))


def _overview() -> argparse.ArgumentParser:
    """Return the parser of the options without a command."""
    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items())
    parser = _Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} COMMAND ...",
        description=f"Make pictures with diffusion models and watch them form.\n\ncommands:\n{listed}",
        epilog=f"{PROGRAM} COMMAND --help says more about one of them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"Stepwise Studio {__version__}")
    return parser


def _load(name: str) -> Command:
    return cast("Command", importlib.import_module(f"studio.cli.{name}"))


def _sentence(summary: str) -> str:
    return f"{summary[:1].upper()}{summary[1:]}."


def _report(sentence: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{PROGRAM}: {sentence}\n")
        sys.stderr.flush()


def _discard_output() -> None:
    """Redirect output to nowhere: Python would report the closed pipe at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(nowhere, cast("IO[str]", stream).fileno())
