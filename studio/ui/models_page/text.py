"""Texts of the page of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.ui.language import tr, trn

if TYPE_CHECKING:
    from studio.checkpoints.catalog import InstalledModel


def origin(model: InstalledModel) -> str:
    """Return a model's name and where it comes from."""
    if model.card is None:
        return tr("Cannot be used, in {folder}", folder=model.folder)
    if model.shipped:
        return tr("{name}, shipped with the program", name=model.name)
    return tr("{name}, in {folder}", name=model.name, folder=model.folder)


def no_own_models() -> str:
    return tr(
        "You have no models of your own yet. Add a folder that has Stable Diffusion or SDXL files, drop a file on this "
        "window, train a model on the Train page (Ctrl+5), or copy a folder with card.json and model.safetensors into "
        "the models folder and press Reload."
    )


def added(usable: int, unusable: int) -> str:
    """Return what was found in the files and folders that were added."""
    if usable + unusable == 0:
        return tr("No models were found there.")
    found = trn("{count} model was added.", "{count} models were added.", usable)
    if not unusable:
        return found
    broken = trn("{count} cannot be used.", "{count} cannot be used.", unusable)
    return f"{found} {broken}"
