"""Texts of the form. Those about the settings themselves are in `studio.ui.jobs.text`, since comparisons use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.diffusion.samplers import SAMPLERS
from studio.ui.jobs.text import choice_title, spacings
from studio.ui.language import tr, trn

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard
    from studio.ui.jobs.run_settings import FormValues


def prompt_hint() -> str:
    return tr("Ctrl+Enter to generate")


def ideas_tip() -> str:
    return tr("Prompts to try, and everything that this model knows by name.")


def no_text() -> str:
    """Return why a prompt does nothing with a model that takes no text."""
    return tr("This model takes no text: it makes pictures of whatever it was trained on.")


def changed_settings(values: FormValues, card: ModelCard | None) -> str:
    """Return those of the folded settings that differ from the defaults, for the header; "" where none does."""
    changed = []
    sampler = SAMPLERS[values.sampler]
    defaults = sampler.Options()
    for name, value in values.options_of(values.sampler).items():
        if value != getattr(defaults, name):
            shown = f"{value:g}" if isinstance(value, int | float) else choice_title(str(value))
            changed.append(tr("{option} {value}", option=name.replace("_", " "), value=shown))
    if card is not None and values.spacing != card.defaults.spacing:
        changed.append(spacings().get(values.spacing, (values.spacing, "", ""))[0])
    return ", ".join(changed)


def name_replaces() -> str:
    return tr("The name you choose replaces the prompt; Ctrl+Z restores it.")


def name_is_added() -> str:
    return tr("The name you choose is added at the cursor.")


def names_found(found: int, every: int) -> str:
    """Return how many of a model's names were found."""
    if found == every:
        return trn("{total} name", "All {total} names", every, total=f"{every:,}")
    return trn(
        "{found} of {total} name", "{found} of {total} names", every, found=f"{found:,}", total=f"{every:,}"
    )
