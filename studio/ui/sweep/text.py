"""Texts of the sweep."""

from __future__ import annotations

from studio.ui.language import tr, trn


def values_tip() -> str:
    return tr("The values, separated by commas; by semicolons if a value itself contains commas.")


def values_of(axis: str) -> str:
    """Return the accessible name of the field with an axis's values."""
    return tr("{axis}: values", axis=axis)


def title(prompt: str) -> str:
    """Return the title of a sweep."""
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


def empty(prompt: str) -> str:
    """Return what the page says before there is a sweep."""
    if not prompt:
        return tr("Choose two settings and their values. Sweep makes one picture for each combination.")
    return tr(
        "Choose two settings and their values. Sweep makes one picture of “{prompt}” for each combination.",
        prompt=prompt,
    )


def sheet_title(prompt: str, across: str, down: str) -> str:
    """Return the title of the picture that a sweep is saved as."""
    return tr("{prompt}: {across} across, {down} down", prompt=prompt, across=across, down=down)


def cell(setting: str, value: str) -> str:
    """Return the label of one setting of a cell."""
    return tr("{setting} {value}", setting=setting, value=value)
