"""Texts of the page of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio import format as quantity
from studio.checkpoints.choices import NO_TINY_VAE, path_key
from studio.checkpoints.family_models import VARIANTS, FamilyInfo
from studio.engine.memory_plan import RUNG_LABELS
from studio.families.family import PART_LABELS
from studio.families.recognition.kinds import FAMILY_TITLES, Component, Kind
from studio.messages import Message
from studio.ui.jobs.text import default_settings, sizes
from studio.ui.language import tr, trn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from studio.checkpoints.catalog import InstalledModel
    from studio.checkpoints.library.scan import ModelFile, Scan
    from studio.engine.memory_plan import MemoryPlan

    Item = tuple[str, str, str, str]

AS_RECOGNISED = "recognised"
"""The key of the choice that leaves a fact as it was recognised; other keys are its values."""
VARIES = ""
"""The key of no choice: several models differ."""


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


def nothing_matches() -> str:
    return tr("No model matches the search.")


def added(usable: int, unusable: int, others: int) -> str:
    """Return what was found in the files and folders that were added; ``others`` are files that are no models."""
    if usable + unusable + others == 0:
        return tr("No models were found there.")
    parts = []
    if usable or not others:
        parts.append(trn("{count} model was added.", "{count} models were added.", usable))
    if unusable:
        parts.append(trn("{count} cannot be used.", "{count} cannot be used.", unusable))
    if others:
        parts.append(
            trn(
                "{count} other file, such as a LoRA or an embedding, was found.",
                "{count} other files, such as LoRAs and embeddings, were found.",
                others,
            )
        )
    return " ".join(parts)


def report(scan: Scan) -> str:
    """Return what a scan found, one line; "" if nothing is new."""
    parts = []
    if scan.added:
        parts.append(trn("{count} new file", "{count} new files", scan.added))
    if scan.changed:
        parts.append(trn("{count} changed", "{count} changed", scan.changed))
    if scan.removed:
        parts.append(trn("{count} gone", "{count} gone", scan.removed))
    if not parts:
        return ""
    if scan.unreadable:
        parts.append(trn("{count} cannot be read", "{count} cannot be read", len(scan.unreadable)))
    if scan.folder_problems:
        parts.append(
            trn(
                "{count} folder cannot be listed",
                "{count} folders cannot be listed",
                len(scan.folder_problems),
            )
        )
    whole = trn("{count} file of weights in all", "{count} files of weights in all", len(scan.files))
    return " · ".join([*parts, whole])


# ------------------------------------------------------------------------------------------------------------ a card
def summary(model: InstalledModel) -> str:
    """Return what a model is, in one line: family, precision and size on the disk; or why it cannot be used."""
    card = model.card
    if card is None:
        return fault(model)
    if isinstance(card, FamilyInfo):
        return " · ".join([card.family.title, precision(card), tr(quantity.size(card.size_on_disk))])
    where = tr("Shipped with the program") if model.shipped else tr("Trained here")
    return " · ".join([where, tr(quantity.parameters(card.parameters))])


def fault(model: InstalledModel) -> str:
    """Return why a model cannot be used, without the path of its file where that is not part of the sentence."""
    error = model.error or ""
    advice = error.values.get("advice") if isinstance(error, Message) else None
    return tr(advice if isinstance(advice, str) else error)


def chips(model: InstalledModel, plan: MemoryPlan | None) -> list[tuple[str, str]]:
    """Return the facts that a card shows as chips: (role of the colour, text)."""
    found = []
    card = model.card
    if plan is not None:
        role = "bad" if not plan.fits else "warn" if plan.rungs else "good"
        found.append((role, fit(plan)))
    found += [("warn", words) for words in assumed(model)]
    if isinstance(card, FamilyInfo):
        differs = card.prediction != card.family.prediction or card.zero_terminal_snr
        if differs and "prediction" not in card.assumed:
            found.append(("dim", prediction(card.prediction, card.zero_terminal_snr)))
        if others := supplied(model):
            found.append(
                ("dim", tr("with {files}", files=", ".join(dict.fromkeys(name for _, name in others))))
            )
    return found


def assumed(model: InstalledModel) -> list[str]:
    """Return the facts about a model that are assumed, as its card shows them."""
    card = model.card
    if not isinstance(card, FamilyInfo) or "prediction" not in card.assumed:
        return []
    return [tr("{prediction}, assumed", prediction=prediction(card.prediction, card.zero_terminal_snr))]


def unsaid(count: int) -> str:
    """Return why several models are asked about."""
    return trn(
        "The header of {count} of them does not say what its network predicts.",
        "The headers of {count} of them do not say what their networks predict.",
        count,
    )


def fit(plan: MemoryPlan) -> str:
    """Return how much memory a model needs, and whether this machine has it."""
    needed = tr(quantity.size(plan.peak))
    if not plan.fits:
        return tr("needs {size}, too much for this machine", size=needed)
    if plan.rungs:
        return tr("needs {size}, fits slowly", size=needed)
    return tr("needs {size}, fits", size=needed)


def slower(plan: MemoryPlan) -> str:
    """Return what makes a model fit; "" if it fits as it is."""
    return ", ".join(tr(RUNG_LABELS[rung]) for rung in plan.rungs)


def precision(card: FamilyInfo) -> str:
    """Return in which precision a model's weights are stored, as the names of files write it."""
    return _PRECISIONS.get(card.precision, card.precision)


_PRECISIONS = {
    "F32": "fp32",
    "F16": "fp16",
    "BF16": "bf16",
    "F8_E4M3": "fp8",
    "F8_E5M2": "fp8 (e5m2)",
}


def prediction(kind: str, zero_terminal_snr: bool) -> str:
    """Return what a model predicts."""
    if zero_terminal_snr:
        return tr("{prediction}-prediction, zero-terminal SNR", prediction=kind)
    return tr("{prediction}-prediction", prediction=kind)


def supplied(model: InstalledModel) -> list[tuple[str, str]]:
    """Return the parts that other files supply: (part, name of the file)."""
    card = model.card
    if not isinstance(card, FamilyInfo):
        return []
    others = [
        (part, path)
        for part, path in card.files
        if path != model.file and (model.file is not None or not path.is_relative_to(model.folder))
    ]
    return [(tr(PART_LABELS[part]), path.name) for part, path in others]


def tip(model: InstalledModel) -> str:
    """Return what a card may have no room for."""
    return f"{tr(model.error)}\n{model.path}" if model.error else str(model.path)


def spoken(model: InstalledModel, plan: MemoryPlan | None) -> str:
    """Return what a screen reader says of a card."""
    favourite = [tr("favourite")] if model.choices.favourite else []
    return ", ".join([model.title, *favourite, summary(model), *(words for _, words in chips(model, plan))])


# ----------------------------------------------------------------------------------------------------- the details
def facts(model: InstalledModel, plan: MemoryPlan | None) -> list[tuple[str, str]]:
    """Return what is known of a model: (label, value)."""
    card = model.card
    if card is None:
        return []
    found = []
    if isinstance(card, FamilyInfo):
        found.append((tr("Family"), card.family.title))
        found.append((tr("Stored as"), f"{precision(card)}, {tr(quantity.size(card.size_on_disk))}"))
        found.append((tr("Prediction"), prediction(card.prediction, card.zero_terminal_snr)))
    else:
        found.append((tr("Network"), tr(quantity.parameters(card.parameters))))
    if plan is not None:
        how = slower(plan)
        found.append((tr("Memory"), f"{fit(plan)} ({how})" if how and plan.fits else fit(plan)))
    if isinstance(card, FamilyInfo):
        found += [(part, tr("from {file}", file=name)) for part, name in supplied(model)]
        if card.tiny_vae is not None:
            found.append((tr("Previews"), tr("from {file}", file=card.tiny_vae.name)))
    found += [
        (tr("Pictures"), sizes(card)),
        (tr("Default settings"), default_settings(card)),
        (tr("Licence"), tr(card.licence)),
    ]
    return [(label, value) for label, value in found if value]


def chosen(count: int) -> str:
    """Return the heading for several models."""
    return trn("{count} model selected", "{count} models selected", count)


def removed(count: int) -> str:
    return trn(
        "{count} model was removed from the list.", "{count} models were removed from the list.", count
    )


def restore(count: int) -> str:
    return trn("Show {count} removed model again", "Show {count} removed models again", count)


def keep(kind: str) -> str:
    """Return the text of the button that decides for a prediction."""
    return tr("Keep {prediction}-prediction", prediction=kind)


def keep_variant(key: str) -> str:
    """Return the entry of a menu that decides for a prediction, a key of `VARIANTS`."""
    kind, zero_terminal_snr = VARIANTS[key]
    return tr("Keep {prediction}", prediction=prediction(kind, zero_terminal_snr))


def predictions(recognised: str) -> list[Item]:
    """Return the choices of what a network predicts; ``recognised`` says what was found."""
    return [
        (
            AS_RECOGNISED,
            tr("As recognised"),
            recognised,
            tr("What the file's header says, or the likeliest value"),
        ),
        ("eps", tr("eps"), "", tr("The network predicts the noise, as most models do")),
        ("v", tr("v"), "", tr("The network predicts v, a mixture of noise and picture (Salimans & Ho 2022)")),
        (
            "v-zsnr",
            tr("v, zero-terminal SNR"),
            "",
            tr("As v, and the schedule ends without any signal (Lin et al. 2023)"),
        ),
    ]


def families() -> list[Item]:
    """Return the choices of family."""
    named = [(family.value, FAMILY_TITLES[family], "", "") for family in FAMILY_TITLES if family in _RUNNABLE]
    return [(AS_RECOGNISED, tr("As recognised"), "", tr("What the file's header says")), *named]


_RUNNABLE = ("sd1", "sd2", "sdxl")


def vaes(files: Iterable[ModelFile]) -> list[Item]:
    """Return the choices of VAE."""
    own: list[Item] = [(AS_RECOGNISED, tr("The model's own"), "", tr("Or the one that was found for it"))]
    return own + [
        (path_key(file.path), file.name, _family(file), str(file.path))
        for file in files
        if file.recognised is not None
        and file.recognised.kind is Kind.VAE
        and Component.VAE_4 in file.recognised.contains
    ]


def tiny_vaes(files: Sequence[ModelFile]) -> list[Item]:
    """Return the choices of tiny VAE."""
    return [
        (AS_RECOGNISED, tr("Automatic"), "", tr("One whose name says that it fits, if there is one")),
        (NO_TINY_VAE, tr("None"), "", tr("Previews come from a linear map of the latents")),
        *((path_key(file.path), file.name, _family(file), str(file.path)) for file in files),
    ]


def final_levels() -> list[Item]:
    """Return the choices of where the last step leads."""
    return [
        ("clean", tr("Clean"), "", tr("The last step removes all noise, as ComfyUI and A1111 do")),
        (
            "first",
            tr("First level"),
            "",
            tr(
                "The last step leaves the noise of the first level in the picture (set_alpha_to_one=False in diffusers)"
            ),
        ),
    ]


def _family(file: ModelFile) -> str:
    found = file.recognised
    return "" if found is None or found.family is None else FAMILY_TITLES[found.family.value]


# ------------------------------------------------------------------------------------------------------ other files
def kind(file: ModelFile) -> str:
    """Return what a file is that is no model, in one line."""
    found = file.recognised
    if found is None:
        return "" if file.problem is None else tr("Cannot be read: it {problem}", problem=tr(file.problem))
    named = {
        Kind.LORA: found.lora.form if found.lora is not None else "LoRA",
        Kind.TEXTUAL_INVERSION: tr("Embedding"),
        Kind.VAE: tr("VAE"),
        Kind.TINY_VAE: tr("Tiny VAE"),
        Kind.TEXT_ENCODER: tr("Text encoder"),
    }.get(found.kind, str(found.kind))
    family = _family(file)
    return " · ".join(one for one in (named, family, tr(quantity.size(file.size))) if one)


def trigger_words(file: ModelFile) -> str:
    """Return what a prompt needs for a LoRA or an embedding to work; "" if nothing is known."""
    found = file.recognised
    if found is None:
        return ""
    words = ", ".join(found.description.trigger_words)
    if not words and found.kind is Kind.TEXTUAL_INVERSION:
        words = file.name
    return tr("Trigger words: {words}", words=words) if words else ""


def other_files(count: int) -> str:
    return trn(
        "LoRAs, embeddings and other files ({count})", "LoRAs, embeddings and other files ({count})", count
    )
