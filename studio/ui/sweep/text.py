"""Texts of the sweep: its settings, progress and cost, the empty page, and the labels of its cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.messages import Message
from studio.ui.jobs.text import settings_of
from studio.ui.language import tr, trn

if TYPE_CHECKING:
    from collections.abc import Collection

    from studio.engine.requests.generate import GenerateRequest


def values_tip() -> str:
    return tr("The values, separated by commas; by semicolons if a value itself contains commas.")


def values_of(axis: str) -> str:
    """Return the accessible name of the field with an axis's values."""
    return tr("{axis}: values", axis=axis)


def facts(request: GenerateRequest, swept: Collection[str]) -> str:
    """Return the settings that all cells share; ``swept`` names the two that they do not."""
    settings = settings_of(request)
    keys = ("sampler", "steps", "seed", "guidance", "model", "negative")
    return ", ".join(settings[key] for key in keys if key not in swept and settings[key])


def value(label: str) -> str:
    """Return a value as it stands along an edge; titles of samplers are translated."""
    return tr(label) if isinstance(label, Message) else label


def title(prompt: str) -> str:
    return tr("Sweep of {prompt}", prompt=prompt or tr("(no prompt)"))


def progress(finished: int, count: int) -> str:
    """Return how many pictures of a sweep are finished."""
    return trn(
        "{finished} of {total} picture finished",
        "{finished} of {total} pictures finished",
        count,
        finished=f"{finished:,}",
        total=f"{count:,}",
    )


def plan(pictures: int, model_calls: int) -> str:
    """Return what a sweep costs."""
    return trn(
        "{total} picture, {calls} model calls",
        "{total} pictures, {calls} model calls",
        pictures,
        total=f"{pictures:,}",
        calls=f"{model_calls:,}",
    )


def empty_title() -> str:
    return tr("Every combination of two settings")


def empty(prompt: str) -> str:
    """Return what the page says before the first sweep."""
    if not prompt:
        return tr("Choose two settings and their values. Sweep makes one picture for each combination.")
    return tr(
        "Choose two settings and their values. Sweep makes one picture of “{prompt}” for each combination.",
        prompt=prompt,
    )


def sheet_title(prompt: str, across: str, down: str) -> str:
    """Return the title of the picture that a sweep is saved as."""
    return tr("{prompt}: {across} across, {down} down", prompt=prompt, across=across, down=down)


def cell_name(across: tuple[str, str], down: tuple[str, str]) -> str:
    """Return how a screen reader names a cell; ``across`` and ``down`` are setting and value of its column and row."""
    return tr("{across}, {down}", across=cell(*across), down=cell(*down))


def cell(setting: str, value: str) -> str:
    return tr("{setting} {value}", setting=setting, value=value)
