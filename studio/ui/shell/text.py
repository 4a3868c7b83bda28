"""Texts of the window's frame: pages, keyboard shortcuts, status bar, notices."""

from __future__ import annotations

from studio import format as quantity
from studio.ui.jobs.text import device_label, runs_limit
from studio.ui.language import tr


def page(key: str) -> str:
    """Return the name of a page; "" for a key that is none."""
    return {
        "create": tr("Create"),
        "compare": tr("Compare"),
        "gallery": tr("Gallery"),
        "models": tr("Models"),
        "train": tr("Train"),
        "settings": tr("Settings"),
    }.get(key, "")


def action(name: str) -> str:
    """Return what the keyboard shortcut of this name does; those named after a page open it."""
    return (
        page(name)
        or {
            "generate": tr("Generate, compare or train"),
            "cancel": tr("Cancel the running job, or go back"),
            "roll": tr("Roll a new seed"),
            "undo": tr("Undo"),
            "redo": tr("Redo in the form"),
            "prompt": tr("Go to the prompt"),
            "quantity": tr("Switch between x0 and x_t"),
            "live": tr("Show the running job"),
            "steps": tr("Move the focus to the timeline"),
            "queue": tr("Show or hide the queue"),
            "search": tr("Search pictures"),
            "form": tr("Show or hide the form"),
            "column": tr("Show or hide the picture column"),
            "shortcuts": tr("Keyboard shortcuts"),
            "quit": tr("Quit"),
            "step": tr("Step back or forward"),
            "five": tr("Five steps back or forward"),
            "ends": tr("First or last step"),
            "tenths": tr("Jump to a tenth of the run"),
            "play": tr("Play the steps"),
            "newest": tr("Newest step"),
            "keep": tr("Save this step as a picture"),
            "fork": tr("Fork from this step"),
            "layout": tr("Side by side, wipe, blink, difference, tile"),
            "turn": tr("Turn the wipe"),
            "line": tr("Move the wipe"),
            "scale": tr("Fit, or actual pixels"),
            "candidate": tr("Previous or next run as B"),
            "panes": tr("Panes: what the model predicts"),
            "pause_training": tr("Pause or resume training"),
            "samples": tr("Previous or next sample"),
            "sample": tr("Enlarge a sample"),
            "picture": tr("Open the finished picture"),
            "pin": tr("Pin this run"),
            "open": tr("Enlarge"),
            "next": tr("Previous or next picture"),
            "watch": tr("Watch it form"),
            "verify": tr("Verify: generate it again and compare"),
            "copy": tr("Copy"),
            "trash": tr("Move to the trash"),
            "reorder": tr("Move a waiting job"),
            "remove": tr("Remove a waiting job"),
        }[name]
    )


def group(name: str) -> str:
    """Return the heading of a group of keyboard shortcuts."""
    return {
        "make": tr("Make pictures"),
        "watch": tr("Watch a run"),
        "go_to": tr("Go to"),
        "window": tr("Window"),
        "compare": tr("Compare"),
        "train": tr("Train"),
        "pictures": tr("Pictures"),
        "queue": tr("Queue"),
    }[name]


KEYS_IN_WORDS = frozenset({"tenths", "samples"})
"""Actions with too many keys for their row of the list."""


def keys_in_words(name: str) -> str:
    """Return the keys of an action of `KEYS_IN_WORDS`."""
    return {"tenths": tr("0 to 9"), "samples": tr("Arrow keys")}[name]


def device(name: str, dtype: str) -> str:
    """Return what the engine runs on."""
    return tr("{device}, {dtype}", device=device_label(name), dtype=dtype) if dtype else device_label(name)


def queue(running: int, waiting: int) -> str:
    return tr("Queue: {running} running, {waiting} waiting", running=running, waiting=waiting)


def previews(budget: float, share: float | None) -> str:
    """Return the share of the last run that previews took (0 to 1), and the limit (``budget``; 1 is no limit)."""
    if budget <= 0:
        return tr("Previews off")
    if share is None:
        return tr("Previews: no limit") if budget >= 1 else tr("Previews: at most {limit:.0%}", limit=budget)
    if budget >= 1:
        return tr("Previews: {share:.1%} of the time", share=share)
    return tr("Previews: {share:.1%} of the time, at most {limit:.0%}", share=share, limit=budget)


def previews_tip() -> str:
    return tr(
        "How much of the last run's time went into showing it, and the limit. Change it under Settings."
    )


def runs(used: int, budget_gib: float) -> str:
    """Return the disk space of the recorded runs, used (in bytes) and allowed."""
    return tr("Runs: {used} of {budget:g} GiB", used=quantity.size(used), budget=budget_gib)


def runs_tip() -> str:
    return tr("Disk space of the recorded runs. {at_limit}", at_limit=runs_limit())


def local() -> str:
    return tr("Nothing leaves this machine")


def not_yet_comparable() -> str:
    return tr("This run can be compared with others once it is finished.")


def dropped_file() -> str:
    return tr("Drop to use the picture's settings")
