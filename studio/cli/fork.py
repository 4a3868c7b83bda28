"""``stepwise fork``: continue from any step of a recorded run, with other settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from studio.cli.arguments import (
    add_device,
    add_output,
    add_sampler_options,
    add_text_options,
    number,
    sampler_options,
)
from studio.cli.making import cancelled_by_interrupt, check_writable, report, run_request
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.spacings import SPACINGS
from studio.engine.requests.checks import check_whole
from studio.engine.requests.fork import fork_request
from studio.errors import RequestError
from studio.folders import Folders
from studio.messages import message
from studio.runs.replay import model_of, state_at
from studio.runs.store import RunStore

if TYPE_CHECKING:
    import argparse

    from studio.engine.requests.generate import GenerateRequest
    from studio.runs.format import RunHeader

_CHANGEABLE = ("prompt", "negative", "sampler", "spacing", "guidance", "seed", "emphasis", "clip_skip")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("run", metavar="RUN", help="a run's number or id, or last (see stepwise runs)")
    parser.add_argument(
        "--at", metavar="K", type=number, required=True, help="the step to continue from; 0 is the noise"
    )
    parser.add_argument("--prompt", metavar="TEXT", help="what to make from there (default: the run's)")
    parser.add_argument("--negative", metavar="TEXT", help="what to avoid (default: the run's)")
    parser.add_argument("--sampler", metavar="NAME", help=f"{', '.join(SAMPLERS)} (default: the run's)")
    parser.add_argument("--guidance", metavar="W", type=number, help="0 to 30, 1 is off (default: the run's)")
    parser.add_argument(
        "--seed", metavar="N", type=number, help="of the remaining noise (default: the run's)"
    )
    parser.add_argument(
        "--remaining",
        metavar="N",
        type=number,
        help="number of remaining steps, with new spacing (default: the run's steps)",
    )
    parser.add_argument(
        "--spacing", metavar="NAME", help=f"with --remaining: {', '.join(SPACINGS)} (default: the run's)"
    )
    add_text_options(parser, "the run's")
    add_sampler_options(parser)
    add_output(parser)
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    """Make the picture."""
    folders = Folders.find()
    runs = RunStore.of(folders)
    parent = runs.open(runs.find(args.run))
    check_step(parent.header, args.at)
    if args.spacing is not None and args.remaining is None:
        raise RequestError(
            "spacing", message("has no effect without --remaining: the times of the run are kept")
        )
    request = request_of(parent.header, args).validate()
    card = model_of(parent, folders)
    if args.at in parent.header.kept:
        parent.state(args.at)  # an unreadable file is reported before torch is imported
    if args.out is not None:
        check_writable(args.out)
    # Imported late because they need torch and numpy, and --help does not.
    from studio.engine.engine import Engine
    from studio.gallery.metadata import Origin
    from studio.gallery.store import PictureStore

    engine = Engine(folders, args.device)
    with cancelled_by_interrupt() as cancelled:
        start = state_at(parent, args.at, engine, cancelled)
        if start is None:
            raise KeyboardInterrupt
        sampler = parent.header.request["sampler"]
        fork = fork_request(request, start, card, sampler=sampler, remaining=args.remaining, parent=parent.id)
        store = None if args.no_record else runs
        events = run_request(engine, fork, cancelled, store, parent=parent.id, parent_step=args.at)
        origin = Origin(run=parent.id, step=args.at, of=parent.header.last_index, kind="fork")
        return report(events, 1, PictureStore.of(folders), args.out, as_json=args.json, origin=origin)


def check_step(header: RunHeader, step: object) -> None:
    """Reject a step that cannot be continued from.

    Raises:
        RequestError: the run has no such step, or it is its last.
    """
    first, last = header.first_index, header.last_index
    if step == last:
        reason = message(
            "must be below {last}, the last step of run {run}: no steps remain there",
            last=last,
            run=header.id,
        )
        raise RequestError("at", reason)
    check_whole("at", step, first, last - 1)


def request_of(header: RunHeader, args: argparse.Namespace) -> GenerateRequest:
    """Return how to continue: like the run, except for the given arguments.

    Raises:
        RequestError: the sampler has no such option.
    """
    whole = header.generate_request
    changes: dict[str, Any] = {
        name: getattr(args, name) for name in _CHANGEABLE if getattr(args, name) is not None
    }
    same = changes.get("sampler", whole.sampler) == whole.sampler
    options = {**(whole.options if same else {}), **sampler_options(args)}
    return replace(whole, **changes, options=options, steps=None)
