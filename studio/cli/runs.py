"""``stepwise runs``: list, show, pin and trim the recorded runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from studio.cli.arguments import number
from studio.cli.output import table
from studio.engine.requests.checks import check_whole
from studio.errors import RequestError, StorageError, shorten
from studio.folders import Folders
from studio.messages import message
from studio.runs.store import MAX_RUNS, RunStore

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from studio.runs.format import StepLog
    from studio.runs.reader import StoredRun

_COLUMNS = ("run", "started", "model", "sampler", "steps", "prompt", "notes")
_STEP_COLUMNS = ("step", "t", "s", "sigma", "change", "guidance", "ms", "model calls")
_ACTIONS = ("list", "show", "pin", "unpin", "trim")
_MIB = 2**20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument(
        "action",
        metavar="ACTION",
        nargs="?",
        default="list",
        choices=_ACTIONS,
        help="list (if none is given); show RUN: its settings and every step; pin RUN: its steps are never deleted; "
        "unpin RUN; trim: delete steps of old runs now, until all runs fit the storage limit",
    )
    parser.add_argument("run", metavar="RUN", nargs="*", help="a run's number or id, or last")
    parser.add_argument(
        "--limit", metavar="N", type=number, default=50, help="list the newest N, 0 is all (default: 50)"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Carry out the action."""
    store = RunStore.of(Folders.find())
    check_whole("limit", args.limit, 0, MAX_RUNS)
    alone = args.action in ("list", "trim")
    if alone and args.run:
        reason = message(
            "{action} takes no run, but was given {run}", action=args.action, run=repr(shorten(args.run[0]))
        )
        raise RequestError("runs", reason)
    if not alone and not args.run:
        reason = message("{action} needs a run: its number, its id, or last", action=args.action)
        raise RequestError("runs", reason)
    runs = [store.find(text) for text in args.run]
    match args.action:
        case "list":
            _list(store, args.limit or MAX_RUNS, as_json=args.json)
        case "show":
            _show(store, runs, as_json=args.json)
        case "trim":
            freed = store.trim()
            result = {"freed_bytes": freed, "used_bytes": store.used_bytes()}
            print(
                json.dumps(result) if args.json else f"{freed / _MIB:.1f} MiB were deleted. {_usage(store)}"
            )
        case action:
            for name in runs:
                (store.pin if action == "pin" else store.unpin)(name)
                print(json.dumps({"run": name, "pinned": action == "pin"}) if args.json else name)
    return 0


def _list(store: RunStore, limit: int, *, as_json: bool) -> None:
    found: list[StoredRun] = []
    faults: list[str] = []
    names = store.runs()
    for name in names[:limit]:
        try:
            found.append(store.open(name))
        except StorageError as error:
            faults.append(str(error))
    if as_json:
        print(json.dumps([_facts(store, one) for one in found], indent=2))
        return
    if found:
        print("\n".join(table([_COLUMNS, *(_row(store, one) for one in found)])))
    else:
        print("There are no recorded runs yet.")
    if len(names) > limit:
        print(f"... and {len(names) - limit:,} older ones (--limit 0 lists all)")
    print(_usage(store))
    for fault in faults:
        print(f"Cannot be read: {fault}")


def _show(store: RunStore, names: Sequence[str], *, as_json: bool) -> None:
    found = [store.open(name) for name in names]
    if as_json:
        steps = [{**_facts(store, one), "journal": [_step(step) for step in one.steps]} for one in found]
        print(json.dumps(steps, indent=2))
        return
    for one in found:
        facts = _facts(store, one)
        request = facts.pop("request")
        rows = [[name, _shown(value)] for name, value in {**facts, **request}.items()]
        print("\n".join(f"{name:<12}  {value}" for name, value in rows))
        print()
        cells = [[_shown(value) for value in _step(step).values()] for step in one.steps]
        print("\n".join(table([_STEP_COLUMNS, *cells])))


def _row(store: RunStore, one: StoredRun) -> tuple[str, ...]:
    header, request = one.header, one.header.request
    prompt = "".join(letter if letter.isprintable() else " " for letter in request["prompt"])
    return (
        one.id,
        f"{header.created.astimezone():%Y-%m-%d %H:%M}",
        header.model,
        str(request["sampler"]),
        f"{len(one.steps)} of {header.last_index - header.first_index}",
        prompt,
        ", ".join(_notes(store, one)),
    )


def _notes(store: RunStore, one: StoredRun) -> list[str]:
    header = one.header
    notes = [f"fork of {header.parent} at step {header.parent_step}"] if header.parent is not None else []
    if store.is_pinned(one.id):
        notes.append("pinned")
    if one.states_deleted:
        notes.append("steps deleted")
    elif not one.complete:
        notes.append("incomplete")
    return notes


def _facts(store: RunStore, one: StoredRun) -> dict[str, Any]:
    header = one.header
    return {
        "run": one.id,
        "folder": str(store.path(one.id)),
        "created": header.created.isoformat(),
        "model": header.model,
        "model_sha256": header.model_sha256,
        "device": header.device,
        "dtype": header.dtype,
        "versions": dict(header.versions),
        "seed": header.seed,
        "image": header.image,
        "steps": {"first": header.first_index, "last": header.last_index, "recorded": len(one.steps)},
        "kept": list(one.kept),
        "complete": one.complete,
        "pinned": store.is_pinned(one.id),
        "parent": header.parent,
        "parent_step": header.parent_step,
        "forks": list(store.forks_of(one.id)),
        "x_T_sha256": header.x_T_sha256,
        "final_sha256": one.picture.final_sha256 if one.picture is not None else None,
        "adapters": [vars(one) for one in header.adapters],
        "precisions": dict(header.precisions),
        "request": dict(header.request),
    }


def _step(step: StepLog) -> dict[str, Any]:
    return {
        "step": step.step,
        "t": step.t,
        "s": step.s,
        "sigma": round(step.sigma, 6),
        "change": step.change,
        "guidance": step.guidance,
        "ms": step.ms,
        "model_calls": step.model_calls,
    }


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) and value.isprintable() else json.dumps(value)


def _usage(store: RunStore) -> str:
    return (
        f"Runs take {store.used_bytes() / _MIB:.1f} of {store.budget_bytes / _MIB:,.0f} MiB in {store.folder}"
    )
