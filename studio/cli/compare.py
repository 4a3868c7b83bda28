"""``stepwise compare``: several pictures from the same noise, made in lockstep and shown side by side."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.cli.arguments import add_device, add_sampler_options, number, sampler_options, size
from studio.cli.making import (
    DONE,
    FAILED,
    INTERRUPTED,
    cancelled_by_interrupt,
    check_writable,
    run_request,
    save_and_show,
)
from studio.cli.output import table
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.spacings import SPACINGS
from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.generate import GenerateRequest
from studio.engine.requests.plan import plan as resolve
from studio.errors import RequestError, StorageError
from studio.folders import Folders
from studio.messages import message
from studio.prompts.emphasis import EMPHASES
from studio.storage import storage_error

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from studio.engine.events import Event, PictureDone
    from studio.gallery.store import PictureStore
    from studio.runs.writer import RunRecorded

AXES = ("model", "sampler", "steps", "spacing", "guidance", "emphasis", "clip_skip", "seed")
_NUMBERS = ("steps", "guidance", "clip_skip", "seed")
_COLUMNS = ("pane", "model calls", "seconds", "PSNR to the first")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to compare.

    Attributes:
        request: for the engine.
        labels: how each pane differs from the others.
        columns: of the sheet, in panes.
    """

    request: CompareRequest
    labels: tuple[str, ...]
    columns: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("prompt", metavar="PROMPT", help="what to make")
    parser.add_argument("--negative", metavar="TEXT", default="", help="what to avoid")
    lists = parser.add_argument_group("what to compare: a comma-separated list makes a pane for each value")
    lists.add_argument(
        "--model", metavar="NAMES", default="starter", help="models' names or folders (default: starter)"
    )
    lists.add_argument("--sampler", metavar="NAMES", help=f"{', '.join(SAMPLERS)} (default: the model's)")
    lists.add_argument("--steps", metavar="NUMBERS", help="1 to 1000 (default: the model's)")
    lists.add_argument("--spacing", metavar="NAMES", help=f"{', '.join(SPACINGS)} (default: the model's)")
    lists.add_argument("--guidance", metavar="NUMBERS", help="0 to 30, 1 is off (default: the model's)")
    lists.add_argument(
        "--emphasis",
        metavar="NAMES",
        help=f"how weights in prompts act: {', '.join(EMPHASES)} (default: the model's)",
    )
    lists.add_argument(
        "--clip-skip",
        metavar="NUMBERS",
        help="which layer of CLIP is used, counted from the last, which is 1 (default: the model's)",
    )
    lists.add_argument("--seed", metavar="NUMBERS", default="0", help="of the noise (default: 0)")
    parser.add_argument(
        "--size", metavar="WxH", help="in pixels, a size of the models (default: their first)"
    )
    parser.add_argument(
        "--exact",
        action="store_true",
        help="never batch the panes' model calls: each picture is bit-identical to one made alone",
    )
    add_sampler_options(parser)
    output = parser.add_argument_group("output")
    output.add_argument("--out", metavar="PNG", type=Path, help="the sheet to write, a new file")
    output.add_argument("--json", action="store_true", help="print the results as JSON")
    output.add_argument("--no-record", action="store_true", help="do not record the runs")
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    """Make the pictures, which are saved and recorded as by ``generate``, and write the sheet and the table."""
    plan, folders = plan_of(args), Folders.find()
    resolve(plan.request, folders)  # an invalid request is reported before torch is imported
    if args.out is not None:
        if os.path.lexists(args.out):
            raise StorageError(args.out, message("exists already, and pictures are never overwritten"))
        check_writable(args.out.absolute().parent)
    # Imported late because they need torch and numpy, and --help does not.
    from studio.engine.engine import Engine
    from studio.gallery.store import PictureStore
    from studio.runs.store import RunStore

    with cancelled_by_interrupt() as cancelled:
        runs = None if args.no_record else RunStore.of(folders)
        events = run_request(Engine(folders, args.device), plan.request, cancelled, runs)
        found = _collect(events, len(plan.labels), PictureStore.of(folders))
    if found is None:
        return INTERRUPTED
    done = [pane.done for pane in found]
    if args.out is not None:
        _write(args.out, _sheet(plan, done, args.prompt))
    panes: list[dict[str, Any]] = [
        {"pane": label, "path": str(pane.path), "run": pane.run, **_facts(pane.done, done[0])}
        for label, pane in zip(plan.labels, found, strict=True)
    ]
    code = FAILED if any(pane.fault for pane in found) else DONE
    if args.json:
        out = str(args.out) if args.out is not None else None
        print(json.dumps({"exact": args.exact, "out": out, "panes": panes}))
        return code
    rows = [
        [
            pane["pane"],
            str(pane["model_calls"]),
            f"{pane['seconds']:.2f}",
            _similarity(pane) if index else "-",
        ]
        for index, pane in enumerate(panes)
    ]
    print("\n".join(table([_COLUMNS, *rows])))
    if args.out is not None:
        print(args.out)
    return code


def plan_of(args: argparse.Namespace) -> Plan:
    """Return the comparison that the arguments describe.

    Raises:
        RequestError: one of them is invalid, or they make fewer than two panes or more than six.
    """
    width, height = size(args.size) if args.size is not None else (None, None)
    axes = {name: _values(getattr(args, name), name) for name in AXES}
    options, unused = sampler_options(args), set(sampler_options(args))
    panes, labels = [], []
    varied = [name for name in AXES if len(axes[name]) > 1]
    for values in itertools.islice(itertools.product(*axes.values()), 1000):
        chosen: dict[str, Any] = dict(zip(AXES, values, strict=True))
        known = _options_of(chosen["sampler"])
        own = {name: value for name, value in options.items() if known is None or name in known}
        unused -= own.keys()
        panes.append(
            GenerateRequest(
                prompt=args.prompt, negative=args.negative, **chosen, options=own, width=width, height=height
            )
        )
        labels.append(", ".join(_label(name, chosen[name]) for name in varied))
    if unused:
        reason = message("{name} is not an option of any of the samplers", name=repr(sorted(unused)[0]))
        raise RequestError("options", reason)
    request = CompareRequest(requests=tuple(panes), batched=not args.exact).validate()
    columns = len(axes[varied[-1]])
    return Plan(request=request, labels=tuple(labels), columns=columns)


def _values(text: str | None, name: str) -> list[Any]:
    """Return the values of a comma-separated list."""
    if text is None:
        return [None]
    words = [word.strip() for word in text.split(",")]
    values = [number(word) for word in words] if name in _NUMBERS else words
    if len(set(values)) != len(values):
        raise RequestError(name, message("has the same value twice; the panes would be identical"))
    return values


def _options_of(sampler: object) -> set[str] | None:
    """Return the names of a sampler's options; None if the sampler is not given or unknown."""
    known = SAMPLERS.get(sampler) if isinstance(sampler, str) else None
    return None if known is None else {field.name for field in fields(known.Options)}


def _label(name: str, value: object) -> str:
    if name == "steps":
        return f"{value} steps"
    return str(value) if name in ("sampler", "model") else f"{name.replace('_', ' ')} {value}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Pane:
    """One finished pane.

    Attributes:
        done: its picture.
        path: of the saved file.
        run: id of the recorded run; None if it was not recorded.
        fault: whether the picture could not be saved where it should be.
    """

    done: PictureDone
    path: Path
    run: str | None = None
    fault: bool = False


def _collect(events: Iterator[Event | RunRecorded], count: int, store: PictureStore) -> list[Pane] | None:
    """Save every picture and show the progress; return the panes, or None if it was interrupted.

    Raises:
        StorageError: a picture could not be written anywhere.
    """
    from studio.engine.events import JobCancelled
    from studio.gallery.store import PictureSaved
    from studio.runs.writer import RunRecorded

    found: dict[int, Pane] = {}
    with contextlib.closing(save_and_show(events, count, store)) as shown:
        for event in shown:
            match event:
                case PictureSaved():
                    found[event.done.image] = Pane(
                        done=event.done, path=event.entry.path, fault=event.fault is not None
                    )
                case RunRecorded() if event.image in found:
                    found[event.image] = replace(found[event.image], run=event.run_id)
                case JobCancelled():
                    return None
    return [found[index] for index in range(count)]


def _facts(done: PictureDone, first: PictureDone) -> dict[str, Any]:
    return {
        **{name: getattr(done.request, name) for name in AXES},
        "options": dict(done.request.options),
        "model_calls": done.model_calls,
        "seconds": round(done.seconds, 3),
        "identical": done.pixels.tobytes() == first.pixels.tobytes(),
        "psnr_db": _psnr(done, first),
        "x_T_sha256": done.x_T_sha256,
        "final_sha256": done.final_sha256,
    }


def _similarity(pane: dict[str, Any]) -> str:
    if pane["identical"]:
        return "identical"
    return "of another size" if pane["psnr_db"] is None else f"{pane['psnr_db']:.1f} dB"


def _psnr(done: PictureDone, first: PictureDone) -> float | None:
    """Return the peak signal-to-noise ratio in decibels; None if the pictures are identical, or their sizes differ."""
    from studio.metrics import psnr

    if done.pixels.shape != first.pixels.shape:
        return None
    decibels = psnr(done.pixels, first.pixels)
    return round(decibels, 2) if math.isfinite(decibels) else None


def _sheet(plan: Plan, done: Sequence[PictureDone], prompt: str) -> bytes:
    from studio.gallery.export import Cell, draw_sheet

    cells = [
        Cell(pixels=one.pixels, lines=(label, f"{one.model_calls} model calls, {one.seconds:.2f} s"))
        for label, one in zip(plan.labels, done, strict=True)
    ]
    noises = {one.x_T_sha256 for one in done}
    noise = f"    x_T {done[0].x_T_sha256[:12]}" if len(noises) == 1 else ""
    return draw_sheet(cells, plan.columns, f"{prompt}{noise}")


def _write(path: Path, data: bytes) -> None:
    try:
        with open(path, "xb") as file:
            file.write(data)
    except OSError as error:
        raise storage_error(path, error) from error
