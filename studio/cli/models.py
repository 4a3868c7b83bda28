"""``stepwise models``: list the installed models, and download one."""

from __future__ import annotations

import getpass
import json
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from studio.checkpoints.card import headline_figures
from studio.checkpoints.catalog import InstalledModel, list_models
from studio.cli.output import StatusLine, table
from studio.downloads.address import parse_address
from studio.downloads.download import download, plan, what_it_is
from studio.downloads.process import HubProcess
from studio.downloads.protocol import Waiting
from studio.downloads.suggested import (
    commercial_use,
    description,
    fits,
    fitting_first,
    machine_memory,
    suggested_models,
)
from studio.errors import UnknownNameError, shorten
from studio.folders import Folders
from studio.format import duration, size
from studio.storage import ensure_folder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from studio.downloads.download import Plan
    from studio.downloads.files import Choice
    from studio.downloads.protocol import Progress
    from studio.families.interface import ModelInfo

_COLUMNS = ("name", "backbone", "size", "schedule", "parameters", "licence", "evaluation")
_WIDEST, _WIDEST_FIGURES = 40, 140
_OTHERS = 12
"""How many other variants of a repository are printed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print their cards as JSON")
    parser.add_argument(
        "--suggested",
        action="store_true",
        help="list models that can be downloaded, those that fit this machine first",
    )
    download = parser.add_argument_group("download, from huggingface.co; the only command that goes online")
    download.add_argument(
        "--download",
        metavar="REPO_OR_URL",
        help="print what would be downloaded and how large it is, ask, and download it into the models folder",
    )
    download.add_argument("--yes", action="store_true", help="do not ask")
    download.add_argument(
        "--variant",
        metavar="NAME",
        help="another of the listed variants (default: the first, the smallest complete one)",
    )
    download.add_argument(
        "--token",
        metavar="TOKEN",
        help="an access token of huggingface.co for gated models, or - to be asked for it; it is not stored",
    )


def run(args: argparse.Namespace) -> int:
    """Print the table, or download a model."""
    folders = Folders.find()
    if args.download is not None:
        return _download(args, folders)
    if args.suggested:
        _print_suggested()
        return 0
    models = list_models(folders)
    if args.json:
        print(json.dumps([_as_json(model) for model in models], indent=2))
        return 0
    rows = [_row(model.card) for model in models if model.card is not None]
    if rows:
        print("\n".join(table([_COLUMNS, *rows], widest=_WIDEST_FIGURES)))
    else:
        print("There are no models yet.")
    print(f"Your own models go into {folders.models}")
    for model in models:
        if model.error is not None:
            print(f"Cannot be used: {model.error}")
    return 0


# ------------------------------------------------------------------------------------------------------------ downloads
def _print_suggested() -> None:
    memory = machine_memory()
    for model in fitting_first(suggested_models(), memory):
        fit = "fits this machine" if fits(model, memory) else f"needs {size(model.memory)} of memory"
        print(f"{model.title}: {size(model.size)}, {fit}")
        print(f"    {description(model)}")
        print(f"    {model.licence}: {commercial_use(model)}")
        print(
            f"    stepwise models --download {model.repository + ('/blob/main/' + model.file if model.file else '')}"
        )


def _download(args: argparse.Namespace, folders: Folders) -> int:
    address = parse_address(args.download)
    token = getpass.getpass("Access token: ") if args.token == "-" else args.token or ""
    hub = HubProcess()
    try:
        planned = plan(hub, address, token)
        choice = _chosen(planned, args.variant)
        _print_plan(planned, choice)
        if (found := what_it_is(hub, planned, choice, token)) is not None:
            print(found.advice or found.title)
        if not args.yes and not _agreed():
            return 0
        line = StatusLine()
        report = partial(_report, line, choice, time.monotonic())
        where = download(hub, planned, choice, ensure_folder(folders.models), token=token, report=report)
        line.clear()
    finally:
        hub.close()
    print(where)
    return 0


def _chosen(planned: Plan, variant: str | None) -> Choice:
    if variant is None:
        return planned.choices[0]
    for choice in planned.choices:
        if variant in (choice.title, choice.title.partition(" ")[0]):
            return choice
    raise UnknownNameError("variant", variant, [choice.title for choice in planned.choices])


def _print_plan(planned: Plan, choice: Choice) -> None:
    for file in choice.files:
        print(f"{size(file.size):>12}  {file.path}")
    licence = planned.licence or "not named"
    print(f"{size(choice.size):>12}  in all, of {planned.address.repository}; licence: {licence}")
    if planned.gated:
        print(f"Its licence must be accepted first, at {planned.address.page}.")
    others = [other for other in planned.choices if other is not choice]
    if others:
        print("Also there: " + ", ".join(f"{other.title} ({size(other.size)})" for other in others[:_OTHERS]))


def _agreed() -> bool:
    if not sys.stdin.isatty():
        print("Add --yes to download it.")
        return False
    return input("Download it? [y/N] ").strip().lower() in ("y", "yes")


def _report(line: StatusLine, choice: Choice, begun: float, event: Progress | Waiting) -> None:
    if isinstance(event, Waiting):
        line.say(f"The Hub asks to wait {duration(event.seconds)}.")
    elif event.checking:
        line.draw(f"Checking {event.file}")
    else:
        speed = event.done / max(time.monotonic() - begun, 0.1)
        line.draw(f"{size(event.done)} of {size(choice.size)}, {size(round(speed))}/s  {event.file}")


def headline(evaluation: Mapping[str, Any]) -> str:
    """Return the main results of an evaluation, such as "top-1 86.0%, background 97.1%"; "" if there are none."""
    return ", ".join(f"{name} {share:.1%}" for name, share in headline_figures(evaluation))


def _row(card: ModelInfo) -> tuple[str, ...]:
    return (
        card.name,
        card.backbone.kind,
        shorten(", ".join(f"{width}x{height}" for width, height in card.sizes), _WIDEST),
        card.schedule.kind,
        f"{card.parameters / 1e6:.1f} M",
        shorten((card.licence.splitlines() or ["not known"])[0], _WIDEST),
        headline(card.evaluation) or "not measured",
    )


def _as_json(model: InstalledModel) -> dict[str, Any]:
    card = model.card.to_dict() if model.card is not None else None
    return {
        "name": model.name,
        "folder": str(model.folder),
        "shipped": model.shipped,
        "error": model.error,
        "card": card,
    }
