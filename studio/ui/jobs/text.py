"""What the form says: rows of its choices, what they mean and where that comes from, and what a run costs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.spacings import SPACINGS
from studio.errors import shorten
from studio.ui.jobs.run_settings import calls_per_step
from studio.ui.language import tr, trn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.checkpoints.card import ModelCard
    from studio.checkpoints.catalog import InstalledModel
    from studio.engine.requests import GenerateRequest
    from studio.ui.jobs.run_settings import Estimate, FormValues

Item = tuple[str, str, str, str]
"""A row of a choice: key, text, detail, tooltip."""

PROMPT_TIP = "What to make. A model knows the words it was trained with."
NEGATIVE_TIP = (
    "What to keep away from: it takes the place of the empty prompt in guidance. "
    "Ho & Salimans 2022, arXiv 2207.12598"
)
MODEL_TIP = "The network that denoises, with the schedule and the pictures it was trained with."
SAMPLER_TIP = "How each step leads from a noisier state to a cleaner one; every sampler asks the same model."
STEPS_TIP = (
    "How many noise levels are visited: fewer are faster, more follow the path more closely. "
    "Song, Meng & Ermon 2021, arXiv 2010.02502"
)
GUIDANCE_TIP = (
    "How far the prompt pulls: 1 is off and costs half the model calls, more is closer to the prompt and less varied. "
    "Ho & Salimans 2022, arXiv 2207.12598"
)
SPACING_TIP = "Which of the schedule's noise levels are visited. Lin et al. 2023, arXiv 2305.08891"
SIZE_TIP = "Width and height in pixels; a model makes the sizes it was trained with."
COUNT_TIP = "How many pictures; each one's seed is one higher than the last one's."

IDEAS_TIP = "Prompts to try, and everything that this model knows by name."

NO_TEXT = "This model takes no text: it makes pictures of whatever it learned."
NO_GUIDANCE = "Has no effect at guidance 1."

_SPACINGS = {
    "trailing": (
        "from pure noise",
        "Ends just above clean data and starts at pure noise; right for few steps.",
    ),
    "leading": ("down to the last level", "Ends at the cleanest level and leaves out the noisiest."),
    "linspace": ("both ends", "Spreads the steps evenly, the noisiest and the cleanest level included."),
}


def model_items(models: Sequence[InstalledModel], chosen: str) -> list[Item]:
    """Return the models that can be chosen; the chosen one even if it is not here."""
    items = [
        (card.name, card.title, model_detail(card), f"{card.name}, in {model.folder}")
        for model in models
        if (card := model.card) is not None
    ]
    if chosen and chosen not in [item[0] for item in items]:
        items.insert(0, (chosen, shorten(chosen), "not here", ""))
    return items


def model_detail(card: ModelCard) -> str:
    """Return a model's size and schedule."""
    return f"{side(card.sizes[0])}, {card.schedule.kind}"


_BRACKETS = re.compile(r"\([^()]*\)")


def model_line(card: ModelCard | None) -> str:
    """Return what a model was trained on and what it predicts, for two lines."""
    if card is None:
        return ""
    data = " ".join(_BRACKETS.sub("", card.training_data).split())  # licences stand among the facts
    return f"Trained on {shorten(data, 70)}; {card.prediction} prediction"


def side(size: tuple[int, int]) -> str:
    """Return a size in as few words as it takes."""
    width, height = size
    return f"{width} px" if width == height else f"{width} × {height} px"


def sampler_items(values: FormValues) -> list[Item]:
    """Return the samplers, each with its model calls as its options stand in the form."""
    return [
        (name, sampler.title, _calls(calls_per_step(name, values)), f"{sampler.summary} {sampler.paper}")
        for name, sampler in SAMPLERS.items()
    ]


def _calls(count: int) -> str:
    return "1 call a step" if count == 1 else f"{count} calls a step"


def spacing_items() -> list[Item]:
    """Return the spacings."""
    return [(name, name.capitalize(), *_SPACINGS.get(name, ("", ""))) for name in SPACINGS]


def size_items(card: ModelCard | None) -> list[Item]:
    """Return the sizes a model makes."""
    sizes = () if card is None else card.sizes
    return [(size_key(size), f"{size[0]} × {size[1]}", "", "") for size in sizes]


def size_key(size: tuple[int, int]) -> str:
    """Return a size as the key of a choice."""
    return f"{size[0]}x{size[1]}"


def cost(estimate: Estimate) -> str:
    """Return what a request costs, in half a sentence."""
    each = estimate.model_calls // estimate.pictures
    calls = "1 model call" if each == 1 else f"{each:,} model calls"
    if estimate.pictures > 1:
        calls = f"{estimate.pictures} × {calls}"
    if estimate.seconds is None:
        return calls
    return f"{calls}, {duration(estimate.seconds)} on this machine"


def cost_tip(estimate: Estimate, steps: int) -> str:
    """Return how the model calls come about."""
    asked = f"{steps} steps ask the model {estimate.queries:,} times for each picture"
    return f"{asked}; guidance doubles that." if estimate.calls_per_query > 1 else f"{asked}."


def duration(seconds: float) -> str:
    """Return a time as an estimate is spoken of."""
    if seconds < 1:
        return "under 1 s"
    if seconds < 9.5:
        return f"about {seconds:.0f} s"
    if seconds < 90:
        return f"about {round(seconds / 5) * 5} s"
    if seconds < 90 * 60:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.0f} h"


def compare_pictures(count: int) -> str:
    """Return the entry of a menu that compares several pictures."""
    return trn("Compare {count} picture", "Compare {count} pictures", count)


def trash_pictures(count: int) -> str:
    """Return the entry of a menu that moves several pictures to the trash."""
    return trn("Move {count} picture to the trash", "Move {count} pictures to the trash", count)


def in_lockstep(runs: int, seed: int) -> str:
    """Return what a job of the queue makes: a comparison."""
    return trn(
        "{count} run in lockstep, seed {seed}", "{count} runs in lockstep, seed {seed}", runs, seed=seed
    )


def from_step(first: int, steps: int, request: GenerateRequest) -> str:
    """Return what a job of the queue makes: a fork."""
    sampler = (request.sampler or "").upper()
    return tr(
        "From step {first}: {steps} steps of {sampler}, seed {seed}",
        first=first,
        steps=steps,
        sampler=sampler,
        seed=request.seed,
    )


def of_queue(request: GenerateRequest) -> str:
    """Return what a job of the queue makes: pictures."""
    return trn(
        "{count} picture, {steps} steps of {sampler}, seed {seed}",
        "{count} pictures, {steps} steps of {sampler}, seed {seed}",
        request.count,
        steps=request.steps,
        sampler=(request.sampler or "").upper(),
        seed=request.seed,
    )
