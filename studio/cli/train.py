"""``stepwise train``: train a model on a folder of pictures, on the pictograms, or from a recipe."""

from __future__ import annotations

import dataclasses
import json
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.cli.arguments import add_device, number
from studio.cli.making import DONE, INTERRUPTED, cancelled_by_interrupt, check_writable
from studio.cli.output import StatusLine
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
from studio.errors import RequestError
from studio.folders import Folders
from studio.format import duration, parameters, size
from studio.messages import message
from studio.storage import as_storage_error

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from studio.engine.engine import Engine

REPORT_SECONDS = 5.0
MAX_REFUSED = 20
"""Number of unusable files that are listed one by one."""
NO_SAMPLES = 1e6
"""Seconds between samples that are not saved."""
_NUMBERS = {
    "size": ("PIXELS", "side of the pictures, a multiple of 16"),
    "dropout": ("P", "caption dropout: how often the caption is left out"),
    "steps": ("N", "optimizer steps of the backbone"),
    "batch": ("N", "batch size"),
    "learning_rate": ("X", "highest learning rate"),
    "min_snr": ("GAMMA", "min-SNR loss weighting, 5 is usual"),
    "seed": ("N", "of everything random"),
    "codec_steps": ("N", "optimizer steps of the codec"),
    "text_steps": ("N", "optimizer steps of the text encoder; 0 trains it with the backbone"),
    "sample_seconds": ("S", "time between samples"),
    "save_seconds": ("S", "time between checkpoints"),
    "keep_last": ("N", "number of the latest checkpoints to keep"),
    "keep_every": ("N", "keep every checkpoint at a multiple of this step"),
}
_NAMES = {
    "name": ("NAME", "of the model (default: from the folder)"),
    "title": ("TEXT", "the model's display name"),
    "backbone": ("KIND", "unet or dit"),
    "scale": ("NAME", ", ".join(SCALES["unet"])),
    "schedule": ("NAME", ", ".join(SCHEDULE_NAMES)),
    "prediction": ("NAME", "eps, v or x0"),
    "base": ("MODEL", "start from this model, with its codec and text encoder"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument(
        "source", metavar="FOLDER|RECIPE", help='a folder of pictures, "pictograms", or a recipe (.toml)'
    )
    add_device(parser)
    _add_folder_arguments(parser)
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
        help="train only the preview decoder, for a finished model",
    )


def _add_folder_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('of a folder of pictures, or of "pictograms"')
    defaults = {field.name: field.default for field in dataclasses.fields(TrainRequest)}
    for kind, named in ((str, _NAMES), (number, _NUMBERS)):
        for name, (metavar, description) in named.items():
            default = defaults[name]
            tail = f" (default: {default})" if default not in (dataclasses.MISSING, "", None) else ""
            flag = f"--{name.replace('_', '-')}"
            group.add_argument(flag, metavar=metavar, type=kind, help=description + tail)
    group.add_argument("--pixels", action="store_true", help="train in pixels, without a codec")
    group.add_argument(
        "--prompt", metavar="TEXT", action="append", help="prompt of a sample; may be given several times"
    )
    group.add_argument("--samples", metavar="FOLDER", type=Path, help="where samples go, as PNG files")
    group.add_argument(
        "--estimate",
        action="store_true",
        help="print time and memory that it would take here, and train nothing",
    )
    group.add_argument("--json", action="store_true", help="print one JSON object for each event")


def run(args: argparse.Namespace) -> int:
    """Train the model; Ctrl+C stops, and the same command resumes."""
    folders = Folders.find()
    if args.samples is not None:
        check_writable(args.samples)
    if args.source.lower().endswith(".toml"):
        return _run_recipe(args, folders)
    if args.out is not None or args.preview:
        flag = "out" if args.out is not None else "preview"
        raise RequestError(flag, message("is for recipes; a folder's model has a name"))
    return _run_folder(args, folders)


# ------------------------------------------------------------------------------------------------------------- folders
def request_of(args: argparse.Namespace) -> TrainRequest:
    """Return the validated request that the arguments describe.

    Raises:
        RequestError: one of them is invalid.
    """
    given = {name: getattr(args, name) for name in (*_NUMBERS, *_NAMES) if getattr(args, name) is not None}
    if args.pixels:
        given["latents"] = False
    if args.prompt:
        given["sample_prompts"] = tuple(args.prompt)
    return dataclasses.replace(default_request(args.source), **given).validate()


def _run_folder(args: argparse.Namespace, folders: Folders) -> int:
    request = request_of(args)
    from studio.engine.engine import Engine  # imported late because it needs torch

    engine = Engine(folders, args.device)
    if args.estimate:
        return _estimate(engine, request, as_object=args.json)
    with cancelled_by_interrupt() as cancelled:
        return _report(engine.train(request, cancelled=cancelled), args, _Lines())


def _estimate(engine: Engine, request: TrainRequest, *, as_object: bool) -> int:
    """Print the number of pictures, the files that cannot be used, and what the training would take."""
    from studio.training.data.folder_source import (
        NoPicturesError,
    )  # imported late: they need Pillow and numpy
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
    counted = "" if pictures is None else f"{pictures:,} pictures, " if pictures > 1 else "1 picture, "
    time_needed = "an unknown time" if found.seconds is None else duration(found.seconds)
    memory = size(found.memory_bytes)
    print(f"{counted}{parameters(found.parameters)}, about {memory} of memory and {time_needed}")
    return DONE


# ------------------------------------------------------------------------------------------------------------- recipes
def _run_recipe(args: argparse.Namespace, folders: Folders) -> int:
    # Imported late because they need torch, and --help does not.
    from studio.engine.device.device import choose
    from studio.engine.training.pipeline import train, train_preview_decoder
    from studio.training.recipe import load_recipe

    recipe = load_recipe(Path(args.source))
    out: Path = args.out or folders.models / recipe.about.name
    device, job_id = choose(args.device), uuid.uuid4().hex
    request = TrainRequest(
        source=args.source,
        name=recipe.about.name,
        save_seconds=60 * args.save_minutes,
        sample_seconds=(args.sample_seconds or 20.0) if args.samples is not None else NO_SAMPLES,
        sample_prompts=tuple(args.prompt or ()),
        keep_every=recipe.loop.steps,
    )
    what = "preview decoder" if args.preview else "model"
    _say(
        f"Training {recipe.about.name} on {device.torch_name}; the {what} goes to {out}. "
        "Ctrl+C stops, the same command resumes."
    )
    with cancelled_by_interrupt() as cancelled:
        if args.preview:
            events = train_preview_decoder(request, out, device, cancelled=cancelled, job_id=job_id)
        else:
            events = train(request, folders, device, cancelled=cancelled, job_id=job_id, recipe_folder=out)
        code = _report(events, args, _Lines(recipe=True))
    if code == DONE:
        _say(f"Done: {out}")
    return code


# -------------------------------------------------------------------------------------------------------------- events
def _report(events: Iterator[TrainEvent], args: argparse.Namespace, lines: _Lines) -> int:
    code = DONE
    for event in events:
        if isinstance(event, TrainingSampled) and args.samples is not None:
            _save_sample(event, args.samples)
        if args.json:
            print(json.dumps(as_json(event)), flush=True)
        else:
            lines.show(event)
        if isinstance(event, TrainingStopped):
            code = INTERRUPTED
    return code


def as_json(event: TrainEvent) -> dict[str, Any]:
    """Return an event as JSON values; pictures are left out."""
    return {"event": type(event).__name__, **_fields(event)}


def _fields(event: TrainEvent) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(event)]
    if isinstance(event, TrainingSampled):
        names = [name for name in names if name not in ("pictures", "originals")]
    return {name: _json_value(getattr(event, name)) for name in names}


def _json_value(value: Any) -> Any:  # noqa: ANN401 - JSON is whatever it is
    if isinstance(value, TrainRequest):
        return value.to_dict()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, tuple):
        return [_fields(item) if dataclasses.is_dataclass(item) else item for item in value]  # type: ignore[arg-type]
    return value


class _Lines:
    """Prints events on stderr: steps every few seconds, everything else at once."""

    def __init__(self, *, recipe: bool = False) -> None:
        """Report a training; for a ``recipe`` the command itself prints start and end."""
        self._recipe = recipe
        self._printed, self._stage, self._losses = 0.0, "", list[float]()
        self._preparing = ""

    def show(self, event: TrainEvent) -> None:
        match event:
            case TrainingPreparing():
                if event.what != self._preparing:
                    self._preparing = event.what
                    _say(f"{event.what} ...")
            case TrainingStarted():
                if not self._recipe:
                    refused = f" ({event.refused:,} files not used)" if event.refused else ""
                    _say(
                        f"Training {event.request.name!r} on {event.pictures:,} pictures{refused}, {event.device}, "
                        f"{event.dtype}. Ctrl+C stops, the same command resumes."
                    )
                for note in event.notes:
                    _say(f"Note: {note}")
            case TrainingStepped():
                self._show_step(event)
            case CheckpointSaved():
                _say(f"Saved the model {event.model}")
            case CheckpointFailed() | TrainingRecovered():
                _say(f"Note: {event.sentence}")
            case TrainingFinished():
                if not self._recipe:
                    _say(f"Done in {duration(event.seconds)}: the model {event.model}")
            case TrainingStopped():
                where = f" at step {event.step:,} of the {event.stage}" if event.stage else ""
                _say(f"Stopped{where}; the same command resumes.")
            case _:
                pass

    def _show_step(self, event: TrainingStepped) -> None:
        if event.stage != self._stage:
            self._stage, self._losses = event.stage, []
        self._losses.append(event.loss)
        now = time.monotonic()
        if now - self._printed < REPORT_SECONDS and event.step < event.steps:
            return
        left = "" if event.seconds_left is None else f"  {duration(event.seconds_left)} left"
        _say(
            f"{event.stage} {event.step}/{event.steps}  loss {sum(self._losses) / len(self._losses):.4f}  "
            f"{event.pictures_per_second:.0f} pictures/s{left}"
        )
        self._printed, self._losses = now, []


def _save_sample(sampled: TrainingSampled, folder: Path) -> None:
    """Write the pictures of a sample as one row; raises StorageError."""
    import numpy as np
    from PIL import Image

    path = folder / f"{sampled.stage}-{sampled.step:06}.png"
    with as_storage_error(path):
        Image.fromarray(np.concatenate(list(sampled.pictures), axis=1)).save(path)


def _say(line: str) -> None:
    StatusLine().say(line)
