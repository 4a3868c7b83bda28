"""``stepwise models``: list the installed models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from studio.checkpoints.card import headline_figures
from studio.checkpoints.catalog import InstalledModel, list_models
from studio.cli.output import table
from studio.errors import shorten
from studio.folders import Folders

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from studio.families.interface import ModelInfo

_COLUMNS = ("name", "backbone", "size", "schedule", "parameters", "licence", "evaluation")
_WIDEST, _WIDEST_FIGURES = 40, 140


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print their cards as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    folders = Folders.find()
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
