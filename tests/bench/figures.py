"""The README's curves, drawn from what the cards of the models say that was measured.

    python -m tests.bench.figures [MODEL ...] [--measure [--full]] [--log NAME=FILE ...] [--out FOLDER]

Without names, the shipped models. ``--measure`` first measures what their cards lack (``stepwise evaluate --quick
--missing --write``, ten minutes a model; with ``--full`` everything anew and at length, one to two hours). The figures:

    figures-guidance     accuracy, distance and diversity over the guidance scale
    figures-steps        accuracy and detail over steps, for every sampler
    figures-schedules    linear and cosine: alpha_bar, signal to noise, and accuracy of the models that learned on them
    figures-models       what each model gets right, side by side
    figures-training     loss over steps, for trainings whose output is given with --log NAME=FILE

A band is one standard error (Wilson) of a share.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from studio.checkpoints.catalog import find_model, list_models
from studio.cli import main as stepwise
from studio.folders import Folders, resources_dir
from tests.bench.figures_panels import OF_MODELS, Subject, guidance, models, schedules, steps
from tests.bench.figures_training import training
from tests.bench.measure import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


NETWORKS = {"unet": "U-Net", "dit": "DiT"}


def subjects_of(names: Sequence[str]) -> list[Subject]:
    """Return the named models, or those that are shipped."""
    folders = Folders.find()
    found = [find_model(name, folders) for name in names] or [
        model for model in list_models(folders) if model.shipped
    ]
    cards = [model.card for model in found if model.card is not None]
    titles = [
        f"{NETWORKS.get(card.backbone.kind, card.backbone.kind)}, {card.schedule.kind}" for card in cards
    ]
    told = [
        title if titles.count(title) == 1 else f"{card.name} ({title})"
        for title, card in zip(titles, cards, strict=True)
    ]
    return [Subject(*one) for one in zip(told, OF_MODELS, cards, strict=False)]


def draw_figures(
    subjects: Sequence[Subject], out: Path, logs: Mapping[str, Path] | None = None
) -> list[Path]:
    """Draw every figure for which there is something to show, and return their files.

    Args:
        subjects: the models.
        out: where the figures go.
        logs: what trainings told, by the names that their lines get.
    """
    # Here and not above: what is measured needs no Qt.
    from PySide6.QtGui import QGuiApplication  # noqa: PLC0415

    from tests.bench.chart import draw  # noqa: PLC0415

    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QGuiApplication.instance() or QGuiApplication([])  # held until all is drawn
    out.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, (panels, columns, caption) in {
        "guidance": guidance(subjects),
        "steps": steps(subjects),
        "schedules": schedules(subjects),
        "models": models(subjects),
        "training": training(logs or {}, OF_MODELS),
    }.items():
        if panels:
            drawn.append(out / f"figures-{name}.png")
            draw(drawn[-1], panels, columns, caption)
    del app
    return drawn


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure if asked to, and draw."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.figures", description="Draw the README's curves."
    )
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help="names or folders (default: the shipped ones)"
    )
    parser.add_argument(
        "--measure", action="store_true", help="measure what the cards lack, and keep it there"
    )
    parser.add_argument("--full", action="store_true", help="measure at length")
    parser.add_argument(
        "--log",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="what a training told on stderr, to draw its loss; may be given for several",
    )
    parser.add_argument("--out", type=Path, default=resources_dir() / "readme", help="where the figures go")
    args = parser.parse_args(arguments)
    logs = {name: Path(path) for name, _, path in (log.partition("=") for log in args.log)}
    names = args.models or [subject.card.name for subject in subjects_of([])]
    if args.measure:
        for name in names:
            say(f"figures: measuring {name}")
            flags = ["--write", *([] if args.full else ["--quick", "--missing"])]
            if code := stepwise.run(["evaluate", name, *flags]):
                return code
    for path in draw_figures(subjects_of(names), args.out, logs):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
