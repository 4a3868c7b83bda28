"""``stepwise evaluate``: measure how well a model follows its prompts."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from studio.cli.output import StatusLine
from studio.engine.requests.checks import check_whole
from studio.errors import CheckpointError, RequestError, UnknownNameError
from studio.folders import Folders, resources_dir
from studio.format import estimate
from studio.messages import message

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from studio.checkpoints.card import ModelCard
    from studio.evaluation.evaluate import Progress
    from studio.evaluation.plan import Plan

MEASUREMENTS = ("naming", "background", "compositions", "guidance", "steps", "memory")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a model's name or folder")
    parser.add_argument(
        "--only",
        metavar="NAMES",
        default=",".join(MEASUREMENTS),
        help=f"measurements, separated by commas (default: {','.join(MEASUREMENTS)})",
    )
    parser.add_argument(
        "--missing", action="store_true", help="skip the measurements whose results are in the card"
    )
    parser.add_argument(
        "--quick", action="store_true", help="measure less: about ten minutes for a starter on one core"
    )
    parser.add_argument(
        "--most-queries",
        type=int,
        metavar="N",
        help="end a sampler's curve over steps where a picture would take more than N predictions "
        "(quick: 150, else 5000)",
    )
    parser.add_argument("--concepts", type=int, metavar="N", help="prompt for N concepts, evenly spaced")
    parser.add_argument("--seeds", type=int, metavar="N", help="pictures of each")
    parser.add_argument("--steps", type=int, metavar="N", default=30, help="steps of DDIM (default: 30)")
    parser.add_argument("--guidance", type=float, metavar="W", help="guidance (default: the model's own)")
    parser.add_argument(
        "--batch", type=int, default=64, metavar="N", help="pictures in one model call (default: 64)"
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps, ... (default: the best that works)")
    parser.add_argument(
        "--write",
        action="store_true",
        help="store the results in the model's card, each measurement as soon as it is done",
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON")


def run(args: argparse.Namespace) -> int:
    """Measure, print the results and store them if asked to."""
    # Imported late because they need torch, and --help does not.
    from studio.checkpoints import native
    from studio.checkpoints.card import ModelCard
    from studio.checkpoints.catalog import find_model
    from studio.checkpoints.folder import read_card, write_card
    from studio.engine.device.device import choose
    from studio.evaluation.evaluate import FIGURE_OF, Measured, evaluate, merged
    from studio.training.pictograms.pictogram_list import load_pictograms

    only = chosen(args.only)
    installed = find_model(args.model, Folders.find())
    if not isinstance(installed.card, ModelCard):
        reason = message("is not a model that was trained with this program; only those can be evaluated")
        raise CheckpointError(installed.path, reason)
    model = native.load(installed.folder, device=choose(args.device).torch_name)
    if model.text_encoder is None:
        reason = message("takes no prompt, so there is nothing to measure")
        raise CheckpointError(installed.folder, reason)
    if args.missing:
        only = tuple(name for name in only if FIGURE_OF[name] not in model.card.evaluation)
    plan = dataclasses.replace(plan_of(args, model.card), names=learned_names(model.card))
    pictograms = load_pictograms(resources_dir() / "recipes" / "pictograms.json")
    figures: dict[str, Any] = {}
    progress = ProgressLine()
    for step in evaluate(model, pictograms, plan, only):
        if isinstance(step, Measured):
            figures |= step.figures
            if args.write:
                # Read again: another process may have written a measurement meanwhile.
                card = read_card(installed.folder)
                write_card(installed.folder, dataclasses.replace(card, evaluation=merged(card, step.figures)))
        else:
            progress.show(step)
    progress.clear()
    print(json.dumps(figures) if args.json else "\n".join(sentences(figures)))
    return 0


def chosen(names: str) -> tuple[str, ...]:
    """Return the measurements of a comma-separated list, in the usual order.

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
        if value is not None:
            check_whole(name, value, 1, most)
    guidance = card.defaults.guidance if args.guidance is None else args.guidance
    if not 0 <= guidance <= 30:
        raise RequestError("guidance", message("must be 0 to 30, not {value}", value=guidance))
    settings = Settings(steps=args.steps, guidance=float(guidance), spacing=card.defaults.spacing)
    plan = Plan(settings=settings, batch=args.batch)
    if args.quick:
        plan = plan.quick()
    return dataclasses.replace(
        plan,
        concepts=plan.concepts if args.concepts is None else args.concepts,
        seeds=plan.seeds if args.seeds is None else tuple(range(args.seeds)),
        most_queries=plan.most_queries if args.most_queries is None else args.most_queries,
    )


def learned_names(card: ModelCard) -> tuple[str, ...]:
    """Return the concepts that the model's shipped recipe lists; none if it lists none or is not shipped."""
    from studio.training.recipe import load_recipe  # imported late because it needs torch

    path = (
        resources_dir() / "recipes" / Path(card.recipe).name
    )  # only the name: a card is not trusted with folders
    return load_recipe(path).data.concepts if card.recipe and path.is_file() else ()


class ProgressLine(StatusLine):
    """Progress of an evaluation on stderr: a line that redraws itself on a terminal, else a line now and then."""

    INTERVAL = 10.0
    """Seconds between two lines."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to ``stream`` (None: stderr)."""
        super().__init__(stream)
        self._began = time.monotonic()
        self._written = -self.INTERVAL

    def show(self, progress: Progress) -> None:
        """Show how much is done, with the estimated time left."""
        passed = time.monotonic() - self._began
        line = (
            f"{progress.measurement}: {progress.made}/{progress.wanted} pictures, {progress.done:.0%} of all"
        )
        if 0.005 < progress.done < 1:
            line += f", {estimate(passed / progress.done - passed)} left"
        if self.is_terminal:
            self.draw(line)
        elif progress.made == progress.wanted or passed - self._written >= self.INTERVAL:
            self._written = passed
            self.say(line)


LANGUAGES = {"en": "English", "ko": "Korean"}


def sentences(figures: Mapping[str, Any]) -> list[str]:
    """Return the results of an evaluation as lines of text; of measurements that were skipped, none."""
    lines: list[str] = []
    if "settings" in figures:
        settings = figures["settings"]
        how = f"{settings['sampler']}, {settings['steps']} steps, guidance {settings['guidance']:g}"
        for language, shares in figures["languages"].items():
            lines.append(
                f"names in {LANGUAGES.get(language, language)}: {_named(shares)} ({shares['concepts']} concepts "
                f"among {figures['candidates']}, {len(figures['seeds'])} seeds, {how})"
            )
    if "background" in figures:
        lines.append(
            f"background: {figures['background']:.1%} of {figures['background_pairs']} pairs held out of training"
        )
    if figures.get("compositions", {}).get("scenes"):
        lines += _compositions(figures["compositions"])
    for point in figures.get("guidance", {}).get("curve", ()):
        lines.append(f"guidance {point['guidance']:g}: {_named(point)}, diversity {point['diversity']:.3f}")
    for sampler, curve in figures.get("steps", {}).get("curves", {}).items():
        lines += [f"{sampler}, {point['steps']} steps: {_named(point)}" for point in curve]
    if "memory" in figures:
        near = figures["memory"]
        lines.append(
            f"memory: pictures are {near['sample']:.3f} from the nearest drawing learned, drawings "
            f"{near['training']:.3f} from each other; {near['copied']:.1%} repeat one, with "
            f"{near['detail']:.0%} of its detail"
        )
    return lines


def _named(shares: Mapping[str, Any]) -> str:
    return f"top-1 {shares['top1']:.1%}, top-5 {shares['top5']:.1%}"


def _compositions(found: Mapping[str, Any]) -> list[str]:
    truth = found["truth"]
    words = {
        "count": "number",
        "position": "position",
        "size": "size",
        "named_top1": "all things named first",
        "named_top5": "all among the first five",
    }
    shares = [f"{word} {found[key]:.1%} (truth: {truth[key]:.1%})" for key, word in words.items()]
    whole = f"{found['scenes']} combinations held out of training, {found['seeds']} seeds: "
    return [whole + ", ".join(shares)]
