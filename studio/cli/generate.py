"""``stepwise generate``: from a prompt to PNG files."""

from __future__ import annotations

import contextlib
import json
import signal
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from studio.checkpoints.catalog import find_model
from studio.cli.arguments import add_device, add_sampler_options, number, sampler_options, size
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.spacings import SPACINGS
from studio.engine.requests import GenerateRequest
from studio.folders import Folders, ensure, storage_error

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from studio.engine.events import Event
    from studio.gallery.keeping import PictureKept
    from studio.gallery.store import PictureStore

SUMMARY = "make pictures of a prompt"

_DONE, _FAILED, _INTERRUPTED = 0, 2, 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument(
        "prompt", metavar="PROMPT", help='what to make, such as "a red apple"; "" is anything'
    )
    parser.add_argument("--negative", metavar="TEXT", default="", help="what to keep away from")
    parser.add_argument(
        "--model", metavar="NAME", default="starter", help="a model's name or folder (default: starter)"
    )
    parser.add_argument("--sampler", metavar="NAME", help=f"{', '.join(SAMPLERS)} (default: the model's)")
    parser.add_argument("--steps", metavar="N", type=number, help="1 to 1000 (default: the model's)")
    parser.add_argument("--spacing", metavar="NAME", help=f"{', '.join(SPACINGS)} (default: the model's)")
    parser.add_argument(
        "--guidance", metavar="W", type=number, help="0 to 30, 1 is off (default: the model's)"
    )
    parser.add_argument(
        "--seed", metavar="N", type=number, default=0, help="of the first picture (default: 0)"
    )
    parser.add_argument(
        "--count", metavar="N", type=number, default=1, help="pictures, seed and up (default: 1)"
    )
    parser.add_argument("--size", metavar="WxH", help="pixels, one the model makes (default: its first)")
    add_sampler_options(parser)
    output = parser.add_argument_group("output")
    output.add_argument(
        "--out", metavar="FOLDER", type=Path, help="where to (default: Stepwise in your pictures)"
    )
    output.add_argument("--json", action="store_true", help="print one JSON object for each picture")
    add_device(parser)


def request_of(args: argparse.Namespace) -> GenerateRequest:
    """Return the validated request that the arguments describe.

    Raises:
        RequestError: one of them cannot be used.
    """
    width, height = size(args.size) if args.size is not None else (None, None)
    return GenerateRequest(
        prompt=args.prompt,
        negative=args.negative,
        model=args.model,
        sampler=args.sampler,
        options=sampler_options(args),
        steps=args.steps,
        spacing=args.spacing,
        guidance=args.guidance,
        seed=args.seed,
        count=args.count,
        width=width,
        height=height,
    ).validate()


def run(args: argparse.Namespace) -> int:
    """Make the pictures; each is on disk before the next is begun."""
    request, folders = request_of(args), Folders.find()
    installed = find_model(request.model, folders)
    if installed.card is not None:
        request.resolve(installed.card)  # what this model cannot make is said before torch is there
    if args.out is not None:
        check_writable(args.out)
    # Late: they bring torch and numpy, and --help needs neither.
    from studio.engine.engine import Engine
    from studio.gallery.store import PictureStore

    with cancelled_by_interrupt() as cancelled:
        events = Engine(folders, args.device).run(request, cancelled=cancelled)
        return _report(events, request.count, PictureStore.of(folders), args.out, as_json=args.json)


def _report(
    events: Iterator[Event], count: int, store: PictureStore, out: Path | None, *, as_json: bool
) -> int:
    """Keep every picture, tell of everything, and return the exit code."""
    from studio.cli.progress import Progress
    from studio.engine.events import JobCancelled, JobStarted, ModelLoading, StepDone
    from studio.gallery.keeping import PictureKept, keep

    progress, code = Progress(count), _DONE
    try:
        for event in keep(events, store, out):
            match event:
                case ModelLoading():
                    progress.say(f"Loading the model {event.model} ...")
                case JobStarted():
                    progress.say(f"{event.model_title} on {event.device}, {event.dtype}")
                    for note in event.notes:
                        progress.say(f"Note: {note}")
                case StepDone():
                    progress.step(event)
                case PictureKept():
                    progress.picture(event.done)
                    for note in event.entry.notes:
                        progress.say(f"Note: {note}")
                    print(_as_json(event) if as_json else event.entry.path, flush=True)
                    if event.fault is not None:
                        progress.say(f"stepwise: {event.fault} The picture was kept as {event.entry.path}.")
                        return _FAILED
                case JobCancelled():
                    progress.say(f"Interrupted; {event.pictures} of {count} pictures are saved.")
                    code = _INTERRUPTED
    finally:
        progress.clear()
    return code


def check_writable(folder: Path) -> None:
    """Create the folder, and refuse one that takes no files before anyone has waited for a picture.

    Raises:
        StorageError: it cannot be created or written.
    """
    ensure(folder)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise storage_error(folder, error) from error


@contextlib.contextmanager
def cancelled_by_interrupt() -> Iterator[threading.Event]:
    """Give an event that Ctrl+C sets, so that a job ends between two model calls and no picture is lost.

    A second Ctrl+C interrupts at once.
    """
    cancelled = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield cancelled
        return

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        cancelled.set()

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield cancelled
    finally:
        signal.signal(signal.SIGINT, before)


def _as_json(kept: PictureKept) -> str:
    done = kept.done
    return json.dumps(
        {
            "path": str(kept.entry.path),
            "seed": done.seed,
            "sampler": done.request.sampler,
            "steps": done.request.steps,
            "model_calls": done.model_calls,
            "seconds": round(done.seconds, 3),
            "x_T_sha256": done.x_T_sha256,
            "final_sha256": done.final_sha256,
        }
    )
