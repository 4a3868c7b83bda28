"""``stepwise train FOLDER``: the window's training, told on a terminal."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.cli.arguments import number
from studio.cli.making import DONE, INTERRUPTED, cancelled_by_interrupt, check_writable
from studio.engine.training.events import (
    CheckpointFailed,
    CheckpointSaved,
    TrainEvent,
    TrainingFinished,
    TrainingPreparing,
    TrainingRecovered,
    TrainingSampled,
    TrainingStarted,
    TrainingStepped,
    TrainingStopped,
)
from studio.engine.training.request import PICTOGRAMS, SCHEDULE_NAMES, TrainRequest, default_request
from studio.engine.training.scales import SCALES
from studio.storage import storage_error

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from studio.engine.engine import Engine
    from studio.folders import Folders

REPORT_SECONDS = 5.0
MAX_REFUSED = 20
"""Files whose refusal is told one by one."""
_NUMBERS = {
    "size": ("PIXELS", "side of the pictures, a multiple of 16"),
    "dropout": ("P", "how often the caption is left out"),
    "steps": ("N", "of the backbone"),
    "batch": ("N", "pictures of a step"),
    "learning_rate": ("X", "at its highest"),
    "min_snr": ("GAMMA", "min-SNR weighting, 5 is usual"),
    "seed": ("N", "of everything random"),
    "codec_steps": ("N", "of the codec"),
    "text_steps": ("N", "of the text encoder; 0 teaches it with the backbone"),
    "sample_seconds": ("S", "time between samples"),
    "save_seconds": ("S", "time between checkpoints"),
    "keep_last": ("N", "how many of the latest checkpoints stay"),
    "keep_every": ("N", "every checkpoint at a multiple of this stays"),
}
_NAMES = {
    "name": ("NAME", "of the model (default: from the folder)"),
    "title": ("TEXT", "the model's name for people"),
    "backbone": ("KIND", "unet or dit"),
    "scale": ("NAME", ", ".join(SCALES["unet"])),
    "schedule": ("NAME", ", ".join(SCHEDULE_NAMES)),
    "prediction": ("NAME", "eps, v or x0"),
    "base": ("MODEL", "go on from this model, with its codec and text encoder"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what a folder is trained with."""
    group = parser.add_argument_group('of a folder of pictures, or of "pictograms"')
    defaults = {field.name: field.default for field in dataclasses.fields(TrainRequest)}
    for kind, named in ((str, _NAMES), (number, _NUMBERS)):
        for name, (shown, told) in named.items():
            default = defaults[name]
            tail = f" (default: {default})" if default not in (dataclasses.MISSING, "", None) else ""
            flag = f"--{name.replace('_', '-')}"
            group.add_argument(flag, metavar=shown, type=kind, help=told + tail)
    group.add_argument("--pixels", action="store_true", help="learn in pixels, without a codec")
    group.add_argument(
        "--prompt", metavar="TEXT", action="append", help="what samples show; may be given several times"
    )
    group.add_argument("--samples", metavar="FOLDER", type=Path, help="where samples go, as PNG files")
    group.add_argument(
        "--estimate", action="store_true", help="say what it would take here, and train nothing"
    )
    group.add_argument("--json", action="store_true", help="print one JSON object for each event")


def request_of(args: argparse.Namespace) -> TrainRequest:
    """Return the validated request that the arguments describe.

    Raises:
        RequestError: one of them cannot be used.
    """
    given = {name: getattr(args, name) for name in (*_NUMBERS, *_NAMES) if getattr(args, name) is not None}
    if args.pixels:
        given["latents"] = False
    if args.prompt:
        given["sample_prompts"] = tuple(args.prompt)
    return dataclasses.replace(default_request(args.source), **given).validate()


def run(args: argparse.Namespace, folders: Folders) -> int:
    """Train, or say what it would take; Ctrl+C stops, and the same command goes on."""
    request = request_of(args)
    if args.samples is not None:
        check_writable(args.samples)
    from studio.engine.engine import Engine  # late: it brings torch

    engine = Engine(folders, args.device)
    if args.estimate:
        return _estimate(engine, request, as_object=args.json)
    with cancelled_by_interrupt() as cancelled:
        return _report(engine.train(request, cancelled=cancelled), args)


def _estimate(engine: Engine, request: TrainRequest, *, as_object: bool) -> int:
    """Say what would be learned from, which files are of no use, and what it would take."""
    from studio.training.data.folder_source import NoPicturesError  # late: they bring Pillow and numpy
    from studio.training.data.inspect import Found, Refused, inspect_folder

    pictures, refused = None, []
    if request.source != PICTOGRAMS:
        folder = Path(request.source)
        listed = list(inspect_folder(folder))
        refused = [item for item in listed if isinstance(item, Refused)]
        pictures = sum(isinstance(item, Found) for item in listed)
        if not pictures:
            raise NoPicturesError(folder, tuple(refused))
    found = engine.rehearse_training(request)
    sentences = [item.sentence for item in refused]
    if as_object:
        print(json.dumps({**dataclasses.asdict(found), "pictures": pictures, "refused": sentences}))
        return DONE
    for sentence in sentences[:MAX_REFUSED]:
        _say(f"Not used: {sentence}")
    if len(sentences) > MAX_REFUSED:
        _say(f"Not used: {len(sentences) - MAX_REFUSED:,} more")
    print(
        ("" if pictures is None else f"{pictures:,} pictures, " if pictures > 1 else "1 picture, ")
        + f"{found.parameters / 1e6:.1f} million numbers, about {found.memory_bytes / 1e9:.1f} GB of memory and "
        f"{_span(found.seconds)}"
    )
    return DONE


def _report(events: Iterator[TrainEvent], args: argparse.Namespace) -> int:
    lines, code = _Lines(), DONE
    for event in events:
        if isinstance(event, TrainingSampled) and args.samples is not None:
            _keep(event, args.samples)
        if args.json:
            print(json.dumps(as_json(event)), flush=True)
        else:
            lines.tell(event)
        if isinstance(event, TrainingStopped):
            code = INTERRUPTED
    return code


def as_json(event: TrainEvent) -> dict[str, Any]:
    """Return an event as JSON values; pictures are left out."""
    values: dict[str, Any] = {"event": type(event).__name__}
    for field in dataclasses.fields(event):
        value = getattr(event, field.name)
        if field.name in ("pictures", "originals") and isinstance(event, TrainingSampled):
            continue
        if isinstance(value, TrainRequest):
            value = value.to_dict()
        elif isinstance(value, Path):
            value = str(value)
        elif isinstance(value, float):
            value = round(value, 6)
        values[field.name] = value
    return values


class _Lines:
    """Tells a person, every few seconds of steps and at once of everything else."""

    def __init__(self) -> None:
        self._said, self._stage, self._losses = 0.0, "", list[float]()
        self._preparing = ""

    def tell(self, event: TrainEvent) -> None:
        match event:
            case TrainingPreparing():
                if event.what != self._preparing:
                    self._preparing = event.what
                    _say(f"{event.what} ...")
            case TrainingStarted():
                refused = f" ({event.refused:,} files not used)" if event.refused else ""
                _say(
                    f"Training {event.request.name!r} on {event.pictures:,} pictures{refused}, {event.device}, "
                    f"{event.dtype}. Ctrl+C stops, the same command goes on."
                )
                for note in event.notes:
                    _say(f"Note: {note}")
            case TrainingStepped():
                self._step(event)
            case CheckpointSaved():
                _say(f"Saved the model {event.model}")
            case CheckpointFailed() | TrainingRecovered():
                _say(f"Note: {event.sentence}")
            case TrainingFinished():
                _say(f"Done in {_span(event.seconds)}: the model {event.model}")
            case TrainingStopped():
                where = f" at step {event.step:,} of the {event.stage}" if event.stage else ""
                _say(f"Stopped{where}; the same command goes on from there.")
            case _:
                pass

    def _step(self, event: TrainingStepped) -> None:
        if event.stage != self._stage:
            self._stage, self._losses = event.stage, []
        self._losses.append(event.loss)
        now = time.monotonic()
        if now - self._said < REPORT_SECONDS and event.step < event.steps:
            return
        left = "" if event.seconds_left is None else f"  {_span(event.seconds_left)} left"
        _say(
            f"{event.stage} {event.step}/{event.steps}  loss {sum(self._losses) / len(self._losses):.4f}  "
            f"{event.pictures_per_second:.0f} pictures/s{left}"
        )
        self._said, self._losses = now, []


def _keep(sampled: TrainingSampled, folder: Path) -> None:
    """Write samples as one row; raises StorageError."""
    import numpy as np
    from PIL import Image

    path = folder / f"{sampled.stage}-{sampled.step:06}.png"
    try:
        Image.fromarray(np.concatenate(list(sampled.pictures), axis=1)).save(path)
    except OSError as error:
        raise storage_error(path, error) from error


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "an unknown time"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
