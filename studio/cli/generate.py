"""``stepwise generate``: make pictures of a prompt and save them as PNG files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.cli.arguments import (
    add_device,
    add_output,
    add_sampler_options,
    add_text_options,
    number,
    sampler_options,
    size,
)
from studio.cli.making import cancelled_by_interrupt, check_writable, report, run_request
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.spacings import SPACINGS
from studio.engine.requests.generate import GenerateRequest
from studio.engine.requests.plan import plan
from studio.folders import Folders

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument(
        "prompt", metavar="PROMPT", help='what to make, such as "a red apple"; "" for no prompt'
    )
    parser.add_argument("--negative", metavar="TEXT", default="", help="what to avoid")
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
        "--count",
        metavar="N",
        type=number,
        default=1,
        help="number of pictures, with consecutive seeds (default: 1)",
    )
    parser.add_argument("--size", metavar="WxH", help="in pixels, a size of the model (default: its first)")
    add_text_options(parser, "the model's")
    add_sampler_options(parser)
    add_output(parser)
    add_device(parser)


def request_of(args: argparse.Namespace) -> GenerateRequest:
    """Return the validated request that the arguments describe.

    Raises:
        RequestError: one of them is invalid.
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
        emphasis=args.emphasis,
        clip_skip=args.clip_skip,
    ).validate()


def run(args: argparse.Namespace) -> int:
    """Make the pictures; each is saved before the next is started."""
    request, folders = request_of(args), Folders.find()
    plan(request, folders)  # an invalid request is reported before torch is imported
    if args.out is not None:
        check_writable(args.out)
    # Imported late because they need torch and numpy, and --help does not.
    from studio.engine.engine import Engine
    from studio.gallery.store import PictureStore
    from studio.runs.store import RunStore

    with cancelled_by_interrupt() as cancelled:
        runs = None if args.no_record else RunStore.of(folders)
        events = run_request(Engine(folders, args.device), request, cancelled, runs)
        return report(events, request.count, PictureStore.of(folders), args.out, as_json=args.json)
