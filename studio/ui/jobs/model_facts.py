"""What a model's card says, as labelled facts. Plain text, since a card may come from a stranger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio import format as quantity
from studio.checkpoints.card import headline_figures
from studio.diffusion.samplers import SAMPLERS
from studio.errors import shorten
from studio.ui.language import tr

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from studio.checkpoints.card import ModelCard

LONGEST = 2_000
"""Characters shown of a card's own text; the rest is in the file."""
_MOST_FIGURES = 6
_NETWORKS = {"unet": "U-Net", "dit": "DiT"}


def facts(card: ModelCard) -> list[tuple[str, str]]:
    """Return what there is to know of a model, each fact with its label."""
    network = _NETWORKS.get(card.backbone.kind, card.backbone.kind)
    size = quantity.parameters(card.parameters)
    return [
        (tr("Pictures"), sizes(card)),
        (tr("Network"), tr("{network}, {parameters}", network=network, parameters=size)),
        (tr("Noise schedule"), schedule(card)),
        (tr("Prediction"), card.prediction),
        (tr("Default settings"), default_settings(card)),
        (tr("Evaluation"), figures(card.evaluation)),
        (tr("Trained on"), shorten(card.training_data, LONGEST)),
        (tr("Licence"), shorten(card.licence, LONGEST)),
    ]


def sizes(card: ModelCard) -> str:
    """Return the sizes of a model's pictures, and whether it takes text."""
    listed = ", ".join(f"{width} × {height}" for width, height in card.sizes)
    if card.text is not None:
        return tr("{sizes} px, from text", sizes=listed)
    return tr("{sizes} px, without text", sizes=listed)


def schedule(card: ModelCard) -> str:
    """Return a model's noise schedule with its settings."""
    numbers = [f"{name} {value:g}" for name, value in card.schedule.config.items() if _is_number(value)]
    return ", ".join([card.schedule.kind, *numbers[:_MOST_FIGURES]])


def default_settings(card: ModelCard) -> str:
    """Return sampler, steps and guidance that the card recommends."""
    defaults = card.defaults
    sampler = tr(SAMPLERS[defaults.sampler].title)
    if card.text is None:
        return tr("{sampler}, {steps} steps", sampler=sampler, steps=defaults.steps)
    return tr(
        "{sampler}, {steps} steps, guidance {guidance:g}",
        sampler=sampler,
        steps=defaults.steps,
        guidance=defaults.guidance,
    )


def figures(evaluation: Mapping[str, Any]) -> str:
    """Return the headline figures of an evaluation: shares that are known by name, else its first numbers."""
    known = headline_figures(evaluation)
    if known:
        return ", ".join(tr("{name} {share:.1%}", name=name, share=share) for name, share in known)
    numbers = [f"{shorten(key, 30)} {value:g}" for key, value in evaluation.items() if _is_number(value)]
    return ", ".join(numbers[:_MOST_FIGURES]) or tr("not measured")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
