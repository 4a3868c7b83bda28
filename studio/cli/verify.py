"""``stepwise verify``: make a picture again from the metadata of its file, and compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from studio.checkpoints.catalog import find_model
from studio.cli.arguments import add_device
from studio.cli.making import DONE, INTERRUPTED, cancelled_by_interrupt
from studio.folders import Folders
from studio.gallery import png
from studio.runs.replay import verify
from studio.runs.store import RunStore

if TYPE_CHECKING:
    import argparse

DIFFERENT = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("picture", metavar="PNG", type=Path, help="a picture that this program made")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    """Make the picture again; the exit code is 0 if it is identical and 3 if it is not."""
    metadata = png.metadata_of(args.picture)
    folders = Folders.find()
    find_model(metadata.model, folders)  # a missing model is reported before torch is imported
    from studio.engine.engine import Engine  # imported late because it needs torch, and --help does not
    from studio.gallery.images import read_pixels

    pixels = read_pixels(args.picture)
    with cancelled_by_interrupt() as cancelled:
        engine, runs = Engine(folders, args.device), RunStore.of(folders)
        verdict = verify(pixels, metadata, engine, runs, folders, cancelled)
    if verdict is None:
        return INTERRUPTED
    print(json.dumps(vars(verdict)) if args.json else verdict.sentence)
    return DONE if verdict.identical else DIFFERENT
