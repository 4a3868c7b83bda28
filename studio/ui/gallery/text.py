"""The texts of the gallery and the viewer, translated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio import format as quantity
from studio.errors import capitalised
from studio.ui.jobs.text import accessible_text, no_prompt, one_line, tile_tip
from studio.ui.language import tr, trn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from studio.errors import StudioError
    from studio.gallery.index import Entry
    from studio.gallery.metadata import Origin
    from studio.ui.jobs.session import LiveTile


# ------------------------------------------------------------------------------------------------------------ the grid
def empty() -> str:
    return tr("The pictures you make appear here.")


def empty_hint() -> str:
    return tr("Ctrl+Enter makes the first one.")


def not_found() -> str:
    return tr("No picture matches the search.")


def pictures(count: int) -> str:
    return trn("{count:,} picture", "{count:,} pictures", count)


def loading() -> str:
    """Return what a screen reader says of a tile whose entry is still being read."""
    return tr("Loading")


def tile_name(entry: Entry) -> str:
    """Return what a screen reader says of a tile: the picture, and its origin if it has one."""
    if entry.metadata.origin is None:
        return accessible_text(entry)
    return tr("{picture}, {origin}", picture=accessible_text(entry), origin=origin(entry.metadata.origin))


def tile_tooltip(entry: Entry, fault: str) -> str:
    """Return the tooltip of a tile, with the origin of the picture as its last line."""
    tip = tile_tip(entry, fault)
    return (
        f"{tip}\n{capitalised(origin(entry.metadata.origin))}" if entry.metadata.origin is not None else tip
    )


def live_tile(tile: LiveTile) -> str:
    """Return what a screen reader says of the picture in progress."""
    return tr(
        "In progress: {prompt}, step {step} of {steps}",
        prompt=one_line(tile.prompt) or no_prompt(),
        step=tile.step,
        steps=tile.steps,
    )


# ------------------------------------------------------------------------------------------------------------- actions
def settings_unusable(error: StudioError) -> str:
    return tr("The settings of this picture cannot be used: {reason}", reason=error.message)


def copied(count: int) -> str:
    return tr("Copied.") if count == 1 else trn("{count} picture copied.", "{count} pictures copied.", count)


def not_copied(error: StudioError) -> str:
    return tr("The picture cannot be copied: {reason}", reason=error.message)


def file_missing(path: Path) -> str:
    return tr("{path} cannot be found. Was it moved, or is its drive not connected?", path=path)


def saved(path: Path) -> str:
    return tr("Saved as {path}.", path=path)


def no_file_manager(folder: Path) -> str:
    return tr("No program can open the folder {folder}.", folder=folder)


# --------------------------------------------------------------------------------------------------------------- trash
def trashed(count: int) -> str:
    if count == 1:
        return tr("Moved to the trash.")
    return trn("{count} picture moved to the trash.", "{count} pictures moved to the trash.", count)


def restored_unlisted(path: Path, error: StudioError) -> str:
    return tr("{path} is back, but not in the list yet: {reason}", path=path, reason=error.message)


def restored_without_run(path: Path) -> str:
    return tr("{name} is back; its recorded run was deleted meanwhile.", name=path.name)


def run_not_trashed(path: Path, error: StudioError) -> str:
    return tr(
        "{name} is in the trash, but its recorded run is not: {reason}", name=path.name, reason=error.message
    )


def errors(sentences: Sequence[str]) -> str:
    """Return the first of several errors, and how many more there are."""
    more = len(sentences) - 1
    if not more:
        return sentences[0]
    return trn(
        "{first} {count} more could not be moved either.",
        "{first} {count} more could not be moved either.",
        more,
        first=sentences[0],
    )


# -------------------------------------------------------------------------------------------------------------- verify
def verify_button(*, running: bool) -> str:
    return tr("Stop verifying") if running else tr("Verify")


def verify_tip() -> str:
    return tr("Generate this picture again with the settings in its file, and compare every pixel (V)")


def verify_waiting() -> str:
    return tr("Waiting for the device")


def verify_step(step: int, steps: int) -> str:
    return tr("Generating it again, step {step} of {steps}", step=step, steps=steps)


def verify_failed(sentence: str) -> str:
    return tr("The picture cannot be reproduced: {reason}", reason=sentence)


# -------------------------------------------------------------------------------------------------------------- viewer
def viewer_name(title: str) -> str:
    """Return the accessible name of the viewer."""
    return tr("Picture: {title}", title=title)


def position(place: int, count: int) -> str:
    """Return which picture of how many is shown; ``place`` counts from 0."""
    return tr("{number:,} of {count:,}", number=place + 1, count=count)


def use_tip() -> str:
    return tr("Fill the form with the settings of this picture, including its seed.")


def watch_tip() -> str:
    return tr("Show the recorded steps of this picture (W)")


def compare_tip() -> str:
    return tr("Compare the recorded run of this picture with others")


def save_tip() -> str:
    return tr("Save a copy of this picture, in its own size or enlarged")


def copy_tip() -> str:
    return tr("Copy the picture and its file (Ctrl+C)")


def labelled(label: str, value: str) -> str:
    """Return what a screen reader says of a value in the list."""
    return tr("{label}: {value}", label=label, value=value)


def origin(origin: Origin) -> str:
    """Return the origin of a picture that is not the last step of a run from noise."""
    if origin.kind == "fork":
        return tr("forked at step {step} of {steps}", step=origin.step, steps=origin.of)
    return tr("step {step} of {steps}", step=origin.step, steps=origin.of)


def unrecorded_run() -> str:
    return tr("not recorded")


def size(width: int, height: int) -> str:
    return f"{width} × {height}"


def seconds(value: float) -> str:
    return tr(quantity.duration(value)) if value >= 90 else tr("{seconds:.1f} s", seconds=value)


def created(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")
