"""``stepwise train``: make a model from a folder of pictures, or from a recipe."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from studio.cli import train_folder
from studio.cli.arguments import add_device
from studio.errors import RecipeError, RequestError
from studio.folders import Folders

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from studio.engine.training.stage import TrainProgress
    from studio.training.recipe import Recipe

SUMMARY = "train a model on a folder of pictures, or from a recipe; goes on after any stop"
REPORT_SECONDS = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument(
        "source", metavar="FOLDER|RECIPE", help='a folder of pictures, "pictograms", or a recipe (.toml)'
    )
    add_device(parser)
    train_folder.add_arguments(parser)
    recipes = parser.add_argument_group("of a recipe")
    recipes.add_argument(
        "--out", metavar="FOLDER", type=Path, help="where the model goes (default: the models folder)"
    )
    recipes.add_argument(
        "--save-minutes", type=float, default=3.0, metavar="M", help="minutes between saves (default: 3)"
    )
    recipes.add_argument(
        "--preview",
        action="store_true",
        help="make only the preview decoder, for a model that is there already",
    )


def run(args: argparse.Namespace) -> int:
    """Train until done; Ctrl+C stops, and the same command goes on from where it was."""
    folders = Folders.find()
    if args.source.lower().endswith(".toml"):
        return _run_recipe(args, folders)
    if args.out is not None or args.preview:
        raise RequestError(
            "out" if args.out is not None else "preview", "is for recipes; a folder's model has a name"
        )
    return train_folder.run(args, folders)


def _run_recipe(args: argparse.Namespace, folders: Folders) -> int:
    # Late, so that --help does not wait for torch.
    import torch

    from studio.engine.device import choose
    from studio.engine.training.recipe_trainer import train_preview, train_recipe
    from studio.training.recipe import load_recipe

    recipe = load_recipe(Path(args.source))
    out = args.out or folders.models / recipe.about.name
    device = torch.device(choose(args.device).torch_name)
    train, what = (train_preview, "preview decoder") if args.preview else (train_recipe, "model")
    _say(
        f"Training {recipe.about.name} on {device}; the {what} goes to {out}. Ctrl+C stops, the same command resumes."
    )
    _report(train(recipe, out, device, save_seconds=60 * args.save_minutes), recipe)
    _say(f"Done: {out}")
    return 0


def _report(steps: Iterator[TrainProgress], recipe: Recipe) -> None:
    """Say every few seconds how far training is."""
    loops = {
        "codec": recipe.codec_loop,
        "decoder": recipe.decoder_loop,
        "preview": recipe.preview_loop,
        "text": recipe.text_loop,
        "backbone": recipe.loop,
    }
    stage, losses, begun, first = "", [0.0], 0.0, 0
    said = 0.0
    for progress in steps:
        done, now = progress.done, time.monotonic()
        if progress.stage != stage:
            stage, losses, begun, first = progress.stage, [], now - done.seconds, done.step
        losses.append(done.loss)
        if now - said < REPORT_SECONDS and done.step + 1 < done.steps:
            continue
        said = now
        loop = loops[stage]
        if loop is None:
            raise RecipeError(recipe.path, f"has no {stage} to train")
        rate = (done.step + 1 - first) / (now - begun)
        minutes = (done.steps - done.step - 1) / rate / 60
        _say(
            f"{stage} {done.step + 1}/{done.steps}  loss {sum(losses) / len(losses):.4f}  "
            f"{rate * loop.batch:.0f} pictures/s  {minutes:.0f} min left"
        )
        losses = []


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
