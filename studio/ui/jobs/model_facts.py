"""What a model's card says, for people: plain text, since a card may come from a stranger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.checkpoints.card import headline_figures
from studio.diffusion.samplers import SAMPLERS
from studio.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from studio.checkpoints.card import ModelCard

LONGEST = 2_000
"""Characters shown of a card's own text; the rest is in the file."""
_MOST_FIGURES = 6
_NETWORKS = {"unet": "U-Net", "dit": "DiT"}


def facts(card: ModelCard) -> list[tuple[str, str]]:
    """Return what is to be known of a model, each fact with its label."""
    network = _NETWORKS.get(card.backbone.kind, card.backbone.kind)
    return [
        ("Pictures", sizes(card)),
        ("Network", f"{network}, {parameters(card.parameters)}"),
        ("Noise schedule", schedule(card)),
        ("Prediction", card.prediction),
        ("Usual settings", usual(card)),
        ("Measured", figures(card.evaluation)),
        ("Trained on", shorten(card.training_data, LONGEST)),
        ("Licence", shorten(card.licence, LONGEST)),
    ]


def sizes(card: ModelCard) -> str:
    """Return the sizes of a model's pictures, and whether it takes text."""
    listed = ", ".join(f"{width} × {height}" for width, height in card.sizes)
    return f"{listed} px, from text" if card.text is not None else f"{listed} px, without text"


def parameters(count: int) -> str:
    """Return a number of parameters, rounded."""
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= unit:
            return f"{count / unit:.1f} {name} parameters"
    return f"{count} parameters"


def schedule(card: ModelCard) -> str:
    """Return a model's noise schedule with its settings."""
    numbers = [f"{name} {value:g}" for name, value in card.schedule.config.items() if _is_number(value)]
    return ", ".join([card.schedule.kind, *numbers[:_MOST_FIGURES]])


def usual(card: ModelCard) -> str:
    """Return a model's defaults."""
    defaults = card.defaults
    guidance = f", guidance {defaults.guidance:g}" if card.text is not None else ""
    return f"{SAMPLERS[defaults.sampler].title}, {defaults.steps} steps{guidance}"


def figures(evaluation: Mapping[str, Any]) -> str:
    """Return the headline figures of an evaluation: shares that are known by name, else its first numbers."""
    known = headline_figures(evaluation)
    if known:
        return ", ".join(f"{name} {share:.1%}" for name, share in known)
    numbers = [f"{shorten(key, 30)} {value:g}" for key, value in evaluation.items() if _is_number(value)]
    return ", ".join(numbers[:_MOST_FIGURES]) or "not measured"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
