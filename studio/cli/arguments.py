"""Arguments that several commands share, and the flags of the samplers' options. Imports neither torch nor numpy.

Values that are not numbers are passed on as typed: they are validated in one place, by the request, with the same
sentences for the window and the command line.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

from studio.diffusion.samplers import SAMPLERS
from studio.errors import RequestError, shorten
from studio.messages import message
from studio.prompts.emphasis import EMPHASES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from studio.diffusion.samplers.options import Options

_SIZE = re.compile(r"([0-9]{1,20})[xX×]([0-9]{1,20})")
_OPTION = "option_"


def number(text: str) -> int | float | str:
    """Return the text as a number; as it is if it is not one, to be rejected later."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def size(text: str) -> tuple[int, int]:
    """Return (width, height) in pixels of a text such as "64x64".

    Raises:
        RequestError: it has another form.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise RequestError("size", message("must look like 64x64, not {value}", value=repr(shorten(text))))
    return int(found[1]), int(found[2])


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``."""
    parser.add_argument(
        "--device",
        default="auto",
        metavar="NAME",
        help="cpu, cuda:0, mps, ... (default: the best that works)",
    )


def add_text_options(parser: argparse.ArgumentParser, default: str) -> None:
    """Add ``--emphasis`` and ``--clip-skip``; the help says that ``default`` is used if they are not given."""
    parser.add_argument(
        "--emphasis",
        metavar="NAME",
        help=f"how weights in prompts act: {', '.join(EMPHASES)} (default: {default})",
    )
    parser.add_argument(
        "--clip-skip",
        metavar="N",
        type=number,
        help=f"which layer of CLIP is used, counted from the last, which is 1 (default: {default})",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add where pictures are saved, the output format, and whether runs are recorded."""
    output = parser.add_argument_group("output")
    output.add_argument(
        "--out",
        metavar="FOLDER",
        type=Path,
        help="where to save the pictures (default: Stepwise in your pictures)",
    )
    output.add_argument("--json", action="store_true", help="print one JSON object for each picture")
    output.add_argument(
        "--no-record", action="store_true", help="do not record the run's steps (see stepwise runs)"
    )


def add_sampler_options(parser: argparse.ArgumentParser) -> None:
    """Add a flag for every option of every sampler; options of the same name share a flag."""
    group = parser.add_argument_group("options of the samplers")
    for name, samplers in _options().items():
        field = samplers[0][1]
        default = field.default
        group.add_argument(
            f"--{name.replace('_', '-')}",
            dest=f"{_OPTION}{name}",
            type=str if isinstance(default, str) else number,
            metavar="NAME" if isinstance(default, str) else "N" if isinstance(default, int) else "X",
            help=f"{', '.join(sampler for sampler, _ in samplers)}: {_described(field)}".replace("%", "%%"),
        )


def sampler_options(args: argparse.Namespace) -> dict[str, int | float | str]:
    """Return the sampler options that were given, by name."""
    given = vars(args)
    return {
        name.removeprefix(_OPTION): value
        for name, value in given.items()
        if name.startswith(_OPTION) and value is not None
    }


def _options() -> dict[str, list[tuple[str, dataclasses.Field[object]]]]:
    """Return the samplers that have each option, with its field."""
    found: dict[str, list[tuple[str, dataclasses.Field[object]]]] = {}
    for sampler, field in _fields():
        found.setdefault(field.name, []).append((sampler, field))
    return found


def _fields() -> Iterator[tuple[str, dataclasses.Field[object]]]:
    for name, sampler in SAMPLERS.items():
        options: type[Options] = sampler.Options
        for field in dataclasses.fields(options):
            yield name, field


def _described(field: dataclasses.Field[object]) -> str:
    known = field.metadata
    allowed = (
        " or ".join(known["choices"])
        if "choices" in known
        else f"{known['minimum']:g} to {known['maximum']:g}"
    )
    return f"{known['help'].rstrip('.')} ({allowed}; default {field.default})"
