"""How the form's values follow one another: a model brings its defaults, a picture its settings. Knows no Qt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from studio.engine.requests import MAX_STEPS
from studio.ui.models.form_values import SUGGESTION, FormValues

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard
    from studio.engine.requests import GenerateRequest


def first_values(card: ModelCard | None, seed: int) -> FormValues:
    """Return what stands in the form at the first start.

    Args:
        card: the model to start with, None where there is none.
        seed: drawn at random.
    """
    values = FormValues(prompt=SUGGESTION, seed=seed)
    if card is None:
        return values
    return replace(values, model=card.name, **_defaults(card))


def most_steps(card: ModelCard | None) -> int:
    """Return how many steps a model can take: as many as its schedule has times."""
    times = None if card is None else card.schedule.config.get("T")
    return times if isinstance(times, int) and 1 <= times < MAX_STEPS else MAX_STEPS


def takes_text(card: ModelCard | None) -> bool:
    """Whether a prompt means something to the model (where it is not known, assume so)."""
    return card is None or card.text is not None


def fitted(values: FormValues, card: ModelCard | None) -> FormValues:
    """Return the values with what the model does not allow put right: a size it does not make, too many steps."""
    if card is None:
        return values
    width, height = values.size if values.size in card.sizes else card.sizes[0]
    return replace(values, steps=min(values.steps, most_steps(card)), width=width, height=height)


def with_model(values: FormValues, old: ModelCard | None, new: ModelCard | None, name: str) -> FormValues:
    """Return the values after another model was chosen.

    What stood at the old model's defaults moves to the new one's; what the user set stays, if it is allowed.
    """
    values = replace(values, model=name)
    if new is None:
        return values
    before = {} if old is None else _defaults(old)
    moved = {key: value for key, value in _defaults(new).items() if before.get(key) == getattr(values, key)}
    if not {"width", "height"} <= moved.keys():  # a size is one value
        moved = {key: value for key, value in moved.items() if key not in ("width", "height")}
    return fitted(replace(values, **moved), new)


def with_request(
    values: FormValues, request: GenerateRequest, card: ModelCard | None
) -> tuple[FormValues, str]:
    """Return the values that make a request again, and a sentence on what of it cannot be had ("" mostly).

    Args:
        values: what stands in the form.
        request: such as a picture's; what it leaves open is the model's default.
        card: of the request's model, None where that model is not here.
    """
    defaults = _defaults(card) if card is not None else {}
    wanted: dict[str, Any] = {
        "prompt": request.prompt,
        "negative": request.negative,
        "model": request.model,
        "sampler": request.sampler or defaults.get("sampler", values.sampler),
        "steps": request.steps or defaults.get("steps", values.steps),
        "guidance": defaults.get("guidance", values.guidance)
        if request.guidance is None
        else request.guidance,
        "spacing": request.spacing or defaults.get("spacing", values.spacing),
        "width": request.width or defaults.get("width", values.width),
        "height": request.height or defaults.get("height", values.height),
        "seed": request.seed,
        "seed_locked": False,
        "seed_used": False,
        "count": request.count,
    }
    options = {**values.options, wanted["sampler"]: request.options}
    asked = replace(values, **wanted, options=options)
    had = fitted(asked, card)
    return had, _missed(asked, had)


def _missed(asked: FormValues, had: FormValues) -> str:
    if asked.size != had.size:
        return (
            f"The model {had.model} makes no pictures of {asked.width} × {asked.height} pixels; "
            f"the size is now {had.width} × {had.height}."
        )
    if asked.steps != had.steps:
        return f"The model {had.model} takes at most {had.steps} steps, not {asked.steps}."
    return ""


def _defaults(card: ModelCard) -> dict[str, Any]:
    width, height = card.sizes[0]
    return {
        "sampler": card.defaults.sampler,
        "steps": card.defaults.steps,
        "guidance": float(card.defaults.guidance),
        "spacing": card.defaults.spacing,
        "width": width,
        "height": height,
    }
