"""Arguments that several commands share, and how a sampler's options become flags. Imports nothing heavy.

Values are handed on as they were typed where they are no numbers: what a value must be is said in one place, by the
request, in the same sentence for the window and for the command line.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

from studio.diffusion.samplers import SAMPLERS
from studio.errors import RequestError, shorten

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from studio.diffusion.samplers.options import Options

_SIZE = re.compile(r"([0-9]{1,20})[xX×]([0-9]{1,20})")
_OPTION = "option_"


def number(text: str) -> int | float | str:
    """Return the number that a text spells; a text that spells none as it is, to be refused by name later."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def size(text: str) -> tuple[int, int]:
    """Return (width, height) in pixels of a text such as "64x64".

    Raises:
        RequestError: it does not look like that.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise RequestError("size", f"must look like 64x64, not {shorten(text)!r}")
    return int(found[1]), int(found[2])


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``."""
    parser.add_argument(
        "--device",
        default="auto",
        metavar="NAME",
        help="cpu, cuda:0, mps, ... (default: the best that works)",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add where pictures go, how they are told of, and whether their runs are recorded."""
    output = parser.add_argument_group("output")
    output.add_argument(
        "--out", metavar="FOLDER", type=Path, help="where to (default: Stepwise in your pictures)"
    )
    output.add_argument("--json", action="store_true", help="print one JSON object for each picture")
    output.add_argument(
        "--no-record", action="store_true", help="do not record the run's steps (see stepwise runs)"
    )


def add_sampler_options(parser: argparse.ArgumentParser) -> None:
    """Add a flag for every option of every sampler; samplers that name an option alike share its flag."""
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
    """Return for each option's name the samplers that have it, with its field."""
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
