"""The texts of the form. Those about the settings themselves are in `studio.ui.jobs.text`: comparisons use them too."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from studio.diffusion.samplers import SAMPLERS
from studio.errors import shorten
from studio.ui.jobs.text import choice_title, emphases, spacings
from studio.ui.language import tr, trn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from studio.families.interface import ModelInfo
    from studio.prompts.length import PromptLength
    from studio.ui.jobs.run_settings import FormValues


def prompt_hint() -> str:
    return tr("Ctrl+Enter to generate")


def ideas_tip() -> str:
    return tr("Prompts to try, and everything that this model knows by name.")


def length(length: PromptLength) -> str:
    return trn(
        "{tokens} of {room} token",
        "{tokens} of {room} tokens",
        length.room,
        tokens=length.tokens,
        room=length.room,
    )


def length_tip() -> str:
    return tr(
        "CLIP reads 75 tokens at a time: words, parts of words and punctuation. A longer prompt is read in several "
        "parts; BREAK begins the next one."
    )


def foreign_scripts(lengths: Iterable[PromptLength | None]) -> str:
    """Return that the prompts are in scripts that the text encoder did not learn; "" if they are not."""
    scripts = sorted({length.script for length in lengths if length is not None and length.script})
    return " ".join(
        tr("This model's text encoder learned English; it hardly understands {script}.", script=script)
        for script in scripts
    )


def add_lora_tip() -> str:
    return tr("Adds a LoRA to the prompt, which says which LoRAs are used and how strongly.")


def lora_weight(name: str) -> str:
    return tr("Weight of {name}", name=name)


def lora_weight_tip() -> str:
    return tr(
        "How strongly this LoRA changes the model: 0 is not at all, 1 is as it was trained. Hu et al. 2021, "
        "arXiv 2106.09685"
    )


def remove_lora(name: str) -> str:
    return tr("Remove {name} from the prompt", name=name)


def more_loras(count: int) -> str:
    return trn("{count} more in the prompt", "{count} more in the prompt", count)


def missing_loras(names: Sequence[str]) -> str:
    """Return that no file fits these names; "" for none."""
    if not names:
        return ""
    listed = ", ".join(shorten(name, 40) for name in names)
    return tr("No LoRA of this name fits the model: {names}", names=listed)


def add_words(words: str) -> str:
    return tr("Add “{words}” to the prompt", words=words)


def loras_found(found: int, every: int) -> str:
    """Return how many of the LoRAs that fit the model were found."""
    if not every:
        return tr("No LoRA here fits this model. Add a folder with LoRAs on the Models page.")
    if found == every:
        return trn("{count} fits this model", "{count} fit this model", every)
    return trn("{found} of {total}", "{found} of {total}", every, found=found, total=every)


def no_text() -> str:
    """Return why a prompt has no effect with a model that takes no text."""
    return tr("This model takes no text: it makes pictures of whatever it was trained on.")


def changed_settings(values: FormValues, card: ModelInfo | None) -> str:
    """Return the folded settings that differ from the defaults, for the header; "" if none does."""
    changed = []
    options = SAMPLERS[values.sampler].Options
    for field in fields(options):
        value = values.options_of(values.sampler)[field.name]
        if value != field.default:
            shown = f"{value:g}" if isinstance(value, int | float) else choice_title(str(value))
            changed.append(tr("{option} {value}", option=field.metadata["label"], value=shown))
    if card is not None and values.spacing != card.defaults.spacing:
        changed.append(spacings().get(values.spacing, (values.spacing, "", ""))[0])
    if card is not None and card.text_defaults is not None:
        if values.emphasis is not None:
            changed.append(
                tr("{option} {value}", option=tr("Emphasis"), value=emphases()[values.emphasis][0])
            )
        if values.clip_skip is not None:
            changed.append(tr("{option} {value}", option=tr("Clip skip"), value=values.clip_skip))
    return ", ".join(changed)


def name_replaces() -> str:
    return tr("The name you choose replaces the prompt; Ctrl+Z restores it.")


def name_is_added() -> str:
    return tr("The name you choose is added at the cursor.")


def names_offered(names: Sequence[str]) -> str:
    """Return what a screen reader says when names are offered: how many, and the first one."""
    return trn("{count} name, {first}", "{count} names, {first}", len(names), first=names[0])


def names_found(found: int, every: int) -> str:
    """Return how many of a model's names were found."""
    if found == every:
        return trn("{total} name", "All {total} names", every, total=f"{every:,}")
    return trn(
        "{found} of {total} name", "{found} of {total} names", every, found=f"{found:,}", total=f"{every:,}"
    )
