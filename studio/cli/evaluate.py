"""``stepwise evaluate``: measure how well a model draws what it is asked for."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from studio.cli.evaluate_words import sentences
from studio.errors import CheckpointError, RequestError, UnknownNameError
from studio.folders import Folders, resources_dir

if TYPE_CHECKING:
    import argparse

    from studio.checkpoints.card import ModelCard
    from studio.evaluation.evaluate import Progress
    from studio.evaluation.plan import Plan

SUMMARY = "measure a model: names, backgrounds, compositions, guidance, steps, memory"
MEASUREMENTS = ("naming", "background", "compositions", "guidance", "steps", "memory")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a model's name or folder")
    parser.add_argument(
        "--only",
        metavar="NAMES",
        default=",".join(MEASUREMENTS),
        help=f"which measurements, with commas between (default: {','.join(MEASUREMENTS)})",
    )
    parser.add_argument(
        "--missing", action="store_true", help="leave out the measurements whose figures the card has"
    )
    parser.add_argument(
        "--quick", action="store_true", help="measure less: about ten minutes for a starter on one core"
    )
    parser.add_argument(
        "--most-queries",
        type=int,
        metavar="N",
        help="end a sampler's curve over steps where a picture would take more than N (quick: 150, else 5000)",
    )
    parser.add_argument("--concepts", type=int, metavar="N", help="name N concepts, evenly chosen")
    parser.add_argument("--seeds", type=int, metavar="N", help="pictures of each of these")
    parser.add_argument("--steps", type=int, metavar="N", help="steps of DDIM (default: 30)", default=30)
    parser.add_argument("--guidance", type=float, metavar="W", help="guidance (default: the model's own)")
    parser.add_argument(
        "--batch", type=int, default=64, metavar="N", help="pictures in one model call (default: 64)"
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps, ... (default: the best there is)")
    parser.add_argument(
        "--write",
        action="store_true",
        help="keep the figures in the model's card, each as soon as it is there",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    # Late, so that --help does not wait for torch.
    from studio.checkpoints import native
    from studio.checkpoints.catalog import find_model
    from studio.checkpoints.folder import read_card, write_card
    from studio.engine.device.device import choose
    from studio.evaluation.evaluate import FIGURE_OF, Measured, evaluate, merged
    from studio.training.pictograms.pictogram_list import load_pictograms

    only = chosen(args.only)
    installed = find_model(args.model, Folders.find())
    model = native.load(installed.folder, device=choose(args.device).torch_name)
    if model.text_encoder is None:
        raise CheckpointError(installed.folder, "takes no prompt, so there is nothing to ask it for")
    if args.missing:
        only = tuple(name for name in only if FIGURE_OF[name] not in model.card.evaluation)
    plan = dataclasses.replace(plan_of(args, model.card), names=learned_names(model.card))
    pictograms = load_pictograms(resources_dir() / "recipes" / "pictograms.json")
    figures: dict[str, Any] = {}
    teller = ProgressLine()
    for step in evaluate(model, pictograms, plan, only):
        if isinstance(step, Measured):
            figures |= step.figures
            if args.write:
                card = read_card(
                    installed.folder
                )  # anew: another measurement may have been written meanwhile
                write_card(installed.folder, dataclasses.replace(card, evaluation=merged(card, step.figures)))
        else:
            teller.tell(step)
    teller.clear()
    sys.stdout.write((json.dumps(figures) if args.json else "\n".join(sentences(figures))) + "\n")
    return 0


def chosen(names: str) -> tuple[str, ...]:
    """Return the measurements of a list with commas, in the usual order.

    Raises:
        UnknownNameError: there is no such measurement.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in MEASUREMENTS:
            raise UnknownNameError("measurement", name, MEASUREMENTS)
    return tuple(name for name in MEASUREMENTS if name in wanted)


def plan_of(args: argparse.Namespace, card: ModelCard) -> Plan:
    """Return how much is measured.

    Raises:
        RequestError: an argument is out of range.
    """
    from studio.evaluation.plan import Plan, Settings

    ranges = {
        "concepts": (args.concepts, 100_000),
        "seeds": (args.seeds, 100),
        "steps": (args.steps, 1000),
        "most-queries": (args.most_queries, 1_000_000),
        "batch": (args.batch, 4096),
    }
    for name, (value, most) in ranges.items():
        if value is not None and not 1 <= value <= most:
            raise RequestError(name, f"must be 1 to {most}, not {value}")
    guidance = card.defaults.guidance if args.guidance is None else args.guidance
    if not 0 <= guidance <= 30:
        raise RequestError("guidance", f"must be 0 to 30, not {guidance}")
    plan = Plan(settings=Settings(steps=args.steps, guidance=float(guidance)), batch=args.batch)
    if args.quick:
        plan = plan.quick()
    return dataclasses.replace(
        plan,
        concepts=plan.concepts if args.concepts is None else args.concepts,
        seeds=plan.seeds if args.seeds is None else tuple(range(args.seeds)),
        most_queries=plan.most_queries if args.most_queries is None else args.most_queries,
    )


def learned_names(card: ModelCard) -> tuple[str, ...]:
    """Return the concepts that a model's shipped recipe names; none where it names none, or is not shipped."""
    from studio.training.recipe import load_recipe  # brings torch: not before the arguments are read

    path = resources_dir() / "recipes" / Path(card.recipe).name  # a card is not trusted with folders
    return load_recipe(path).data.concepts if card.recipe and path.is_file() else ()


class ProgressLine:
    """Says on stderr how far an evaluation is: a line that redraws itself on a terminal, else one now and then."""

    SELDOM = 10.0
    OFTEN = 0.2

    def __init__(self, stream: TextIO | None = None) -> None:
        """Take where to write (None: stderr)."""
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._began = time.monotonic()
        self._told, self._drawn = -self.SELDOM, 0

    def tell(self, progress: Progress) -> None:
        """Say how far it is, if it is time to."""
        passed = time.monotonic() - self._began
        last = progress.made == progress.wanted
        if not last and passed - self._told < (self.OFTEN if self._live else self.SELDOM):
            return
        self._told = passed
        line = (
            f"{progress.measurement}: {progress.made}/{progress.wanted} pictures, {progress.done:.0%} of all"
        )
        if 0.005 < progress.done < 1:
            line += f", {_clock(passed / progress.done - passed)} left"
        self._stream.write(f"\r{line:<{self._drawn}}" if self._live else line + "\n")
        self._stream.flush()
        self._drawn = len(line)

    def clear(self) -> None:
        """Take the line away, where there is one."""
        if self._live and self._drawn:
            self._stream.write("\r" + " " * self._drawn + "\r")
            self._stream.flush()


def _clock(seconds: float) -> str:
    minutes = round(seconds) // 60
    return f"{minutes} min" if minutes else f"{seconds:.0f} s"
