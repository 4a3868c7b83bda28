"""``stepwise evaluate``: measure how well a model draws what it is asked for."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.errors import CheckpointError, RequestError
from studio.folders import Folders, resources_dir

if TYPE_CHECKING:
    import argparse

    from studio.checkpoints.card import ModelCard
    from studio.engine.evaluate import Plan

SUMMARY = "measure a model: names recognised, backgrounds right, samplers compared"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a model's name or folder")
    parser.add_argument(
        "--concepts", type=int, metavar="N", help="name N concepts, evenly chosen (default: all)"
    )
    parser.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="pictures of each concept (default: 3)"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="steps of DDIM (default: 30)", default=30)
    parser.add_argument("--guidance", type=float, metavar="W", help="guidance (default: the model's own)")
    parser.add_argument("--no-samplers", action="store_true", help="do not compare samplers")
    parser.add_argument(
        "--batch", type=int, default=64, metavar="N", help="pictures in one model call (default: 64)"
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps, ... (default: the best there is)")
    parser.add_argument("--write", action="store_true", help="keep the figures in the model's card")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    # Late, so that --help does not wait for torch.
    from studio.checkpoints import native
    from studio.checkpoints.catalog import find_model
    from studio.checkpoints.folder import write_card
    from studio.engine.device import choose
    from studio.engine.evaluate import Progress, evaluate
    from studio.training.pictogram_list import load_pictograms

    installed = find_model(args.model, Folders.find())
    model = native.load(installed.folder, device=choose(args.device).torch_name)
    if model.text_encoder is None:
        raise CheckpointError(installed.folder, "takes no prompt, so there is nothing to ask it for")
    plan = dataclasses.replace(plan_of(args, model.card), names=learned_names(model.card))
    pictograms = load_pictograms(resources_dir() / "recipes" / "pictograms.json")
    figures: dict[str, Any] = {}
    for step in evaluate(model, pictograms, plan):
        if isinstance(step, Progress):
            sys.stderr.write(f"{step.measurement}: {step.made}/{step.wanted}, {step.right:.1%} right\n")
            sys.stderr.flush()
        else:
            figures = step
    if args.write:
        write_card(installed.folder, dataclasses.replace(model.card, evaluation=figures))
    sys.stdout.write((json.dumps(figures) if args.json else "\n".join(sentences(figures))) + "\n")
    return 0


def plan_of(args: argparse.Namespace, card: ModelCard) -> Plan:
    """Return what to measure.

    Raises:
        RequestError: an argument is out of range.
    """
    from studio.engine.evaluate import Plan, Settings  # brings torch: not before the arguments are read

    ranges = {"concepts": (args.concepts, 100_000), "seeds": (args.seeds, 100), "batch": (args.batch, 4096)}
    for name, (value, most) in {**ranges, "steps": (args.steps, 1000)}.items():
        if value is not None and not 1 <= value <= most:
            raise RequestError(name, f"must be 1 to {most}, not {value}")
    guidance = card.defaults.guidance if args.guidance is None else args.guidance
    if not 0 <= guidance <= 30:
        raise RequestError("guidance", f"must be 0 to 30, not {guidance}")
    ddim = Settings(steps=args.steps, guidance=guidance)
    compared = {
        "ddim": ddim,
        "pc": dataclasses.replace(ddim, sampler="pc"),
        "langevin": dataclasses.replace(ddim, sampler="langevin", steps=100),
        "ddpm": dataclasses.replace(ddim, sampler="ddpm", steps=1000),
    }
    return Plan(
        settings=ddim,
        seeds=tuple(range(args.seeds)),
        concepts=args.concepts,
        samplers={} if args.no_samplers else compared,
        batch=args.batch,
    )


def learned_names(card: ModelCard) -> tuple[str, ...]:
    """Return the concepts that a model's shipped recipe names; none where it names none, or is not shipped."""
    from studio.training.recipe import load_recipe  # brings torch: not before the arguments are read

    path = resources_dir() / "recipes" / Path(card.recipe).name  # a card is not trusted with folders
    return load_recipe(path).data.concepts if card.recipe and path.is_file() else ()


def sentences(figures: dict[str, Any]) -> list[str]:
    """Return the figures as lines for people."""
    settings = figures["settings"]
    how = f"{settings['sampler']}, {settings['steps']} steps, guidance {settings['guidance']:g}"
    lines = [
        f"names: top-1 {figures['top1']:.1%}, top-5 {figures['top5']:.1%} "
        f"({figures['concepts']} concepts among {figures['candidates']}, {len(figures['seeds'])} seeds, {how})",
        f"background: {figures['background']:.1%} of {figures['background_pairs']} pairs held out of training",
    ]
    compared = figures.get("samplers")
    if compared:
        for name, result in compared["by_name"].items():
            lines.append(
                f"{name}, {result['steps']} steps: top-1 {result['top1']:.1%}, top-5 {result['top5']:.1%} "
                f"({compared['concepts']} concepts)"
            )
    return lines
