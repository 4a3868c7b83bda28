"""Texts that several features share: about the settings of a run and its cost, models, finished pictures and jobs.

All of them are plain text: cards and metadata may come from a stranger.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from studio import format as quantity
from studio.checkpoints.card import headline_figures
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.spacings import SPACINGS
from studio.engine.requests.generate import count_model_calls
from studio.errors import RequestError, shorten
from studio.prompts.emphasis import EMPHASES
from studio.ui.jobs.run_settings import aspect_ratio, calls_per_step
from studio.ui.language import tr, trn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from studio.checkpoints.catalog import InstalledModel
    from studio.engine.requests.generate import GenerateRequest
    from studio.families.interface import ModelInfo, SizeRule
    from studio.gallery.index import Entry
    from studio.gallery.metadata import PictureMetadata
    from studio.ui.core.job_state import JobState
    from studio.ui.jobs.run_settings import FormValues


Item = tuple[str, str, str, str]
"""A row of a drop-down list: key, text, detail, tooltip."""


def negative_prompt() -> str:
    return tr("Negative prompt")


def negative_tip() -> str:
    return tr(
        "What the picture should not show. It replaces the empty prompt that guidance moves away from. "
        "Ho & Salimans 2022, arXiv 2207.12598"
    )


def model_tip() -> str:
    return tr("The network that makes the picture. It knows only what it was trained on.")


def sampler_tip() -> str:
    return tr(
        "The method that turns noise into a picture, step by step. Different samplers can use the same model."
    )


def steps_tip() -> str:
    return tr(
        "The number of denoising steps: fewer are faster, more give finer pictures. "
        "Song, Meng & Ermon 2021, arXiv 2010.02502"
    )


def guidance_tip() -> str:
    return tr(
        "How closely the picture follows the prompt: higher values are more literal and less varied; "
        "1 turns guidance off and halves the time. Ho & Salimans 2022, arXiv 2207.12598"
    )


def spacing_tip() -> str:
    return tr(
        "Which noise levels the steps visit on the way from noise to picture. Lin et al. 2023, arXiv 2305.08891"
    )


def size_tip() -> str:
    return tr("Width and height in pixels. A model makes pictures of the sizes it was trained on.")


def count_tip() -> str:
    return tr("How many pictures to make. The seed goes up by one with each picture.")


def no_guidance() -> str:
    """Return why a negative prompt does nothing at guidance 1."""
    return tr("Has no effect at guidance 1.")


def spacings() -> dict[str, tuple[str, str, str]]:
    """Return title, detail and tooltip of the known spacings."""
    return {
        "trailing": (
            tr("Trailing"),
            tr("starts at pure noise"),
            tr("Starts at pure noise and ends just above the clean picture; best with few steps."),
        ),
        "leading": (
            tr("Leading"),
            tr("ends at the lowest level"),
            tr("Ends at the lowest noise level and leaves out the highest."),
        ),
        "linspace": (
            tr("Even"),
            tr("both ends"),
            tr("Spreads the steps evenly from the highest noise level to the lowest."),
        ),
        "simple": (
            tr("Simple"),
            tr("as ComfyUI's simple"),
            tr("Starts at pure noise and takes equal strides; the simple scheduler of ComfyUI and A1111."),
        ),
        "karras": (
            tr("Karras"),
            tr("dense near the end"),
            tr("Takes large steps in noise and small ones near the clean picture."),
        ),
        "normal": (
            tr("Normal"),
            tr("as ComfyUI's normal"),
            tr("Spreads the steps evenly over time, both ends included, without rounding."),
        ),
        "sgm_uniform": (
            tr("SGM uniform"),
            tr("leaves out the lowest level"),
            tr(
                "Spreads the steps evenly over time and leaves out the lowest noise level; for Lightning and LCM "
                "models."
            ),
        ),
        "turbo": (
            tr("Turbo"),
            tr("for one to four steps"),
            tr("Starts at pure noise and takes equal strides without rounding; for Turbo models."),
        ),
    }


def model_items(models: Sequence[InstalledModel], chosen: str) -> list[Item]:
    """Return the installed models, and the chosen one even if it is not installed."""
    items = [
        (
            card.name,
            card.title,
            tr(quantity.pixels(*card.sizes[0])),
            tr("{name}, in {folder}", name=card.name, folder=model.folder),
        )
        for model in models
        if (card := model.card) is not None
    ]
    if chosen and chosen not in [item[0] for item in items]:
        items.insert(0, (chosen, shorten(chosen), tr("not installed"), ""))
    return items


def sampler_items(values: FormValues) -> list[Item]:
    """Return the samplers, each with its model calls per step with the options in ``values``."""
    items: list[Item] = []
    for name, sampler in SAMPLERS.items():
        calls = calls_per_step(name, values)
        detail = trn("{count} call a step", "{count} calls a step", calls)
        items.append((name, tr(sampler.title), detail, sampler_summary(name)))
    return items


def sampler_summary(name: str) -> str:
    """Return the description of a sampler, and its paper."""
    sampler = SAMPLERS[name]
    return f"{tr(sampler.summary)} {tr(sampler.paper)}"


def choice_title(choice: str) -> str:
    """Return the display name of a sampler option's choice; some samplers use another one."""
    if choice in SAMPLERS:
        return tr(SAMPLERS[choice].title)
    return {"posterior": tr("Posterior"), "beta": tr("Beta")}.get(choice) or tr(choice.capitalize())


def spacing_items() -> list[Item]:
    known = spacings()
    return [(name, *known.get(name, (name.capitalize(), "", ""))) for name in SPACINGS]


def emphasis_tip() -> str:
    return tr(
        "How weights in a prompt, such as (word:1.3), act; pictures of other programs repeat only with theirs."
    )


def emphases() -> dict[str, tuple[str, str, str]]:
    """Return title, detail and tooltip of the rules for weights in prompts."""
    return {
        "a1111": (
            "A1111",
            tr("keeps the mean"),
            tr(
                "Multiplies what CLIP says of a word by its weight, then restores the mean; as A1111 and Forge do."
            ),
        ),
        "comfyui": (
            "ComfyUI",
            tr("relative to no prompt"),
            tr("Moves what CLIP says of a word away from what it says of an empty prompt; as ComfyUI does."),
        ),
        "none": (tr("None"), tr("weights are ignored"), tr("Weights are read but have no effect.")),
    }


def emphasis_items() -> list[Item]:
    return [(key, *emphases()[key]) for key in EMPHASES]


def clip_skip_tip() -> str:
    return tr(
        "The layer of CLIP whose output is used, counted from the end as A1111 does: 1 is the last; many anime models "
        "were trained with 2."
    )


def size_items(card: ModelInfo | None) -> list[Item]:
    """Return the picture sizes of a model."""
    sizes = () if card is None else card.sizes
    return [(size_key(size), size_text(size), "", "") for size in sizes]


def ratio_items(card: ModelInfo | None, chosen: tuple[int, int]) -> list[Item]:
    """Return the sizes that a model was trained at, by aspect ratio, and the chosen one if it is another."""
    sizes = () if card is None else card.sizes
    items = [(size_key(size), aspect_ratio(size), size_text(size), ratio_tip(size)) for size in sizes]
    if chosen not in sizes:
        items.append((size_key(chosen), tr("Custom"), size_text(chosen), ""))
    return items


def ratio_tip(size: tuple[int, int]) -> str:
    return tr(
        "{ratio:.2f} : 1, {pixels:.2f} megapixels",
        ratio=size[0] / size[1],
        pixels=size[0] * size[1] / 1e6,
    )


def ratios_tip() -> str:
    return tr("The sizes that this model was trained at. Other sizes are set by width and height.")


def width_tip(rule: SizeRule) -> str:
    return tr(
        "Width in pixels: a multiple of {multiple} from {low} to {high}.",
        multiple=rule.multiple,
        low=rule.minimum,
        high=rule.maximum,
    )


def height_tip(rule: SizeRule) -> str:
    return tr(
        "Height in pixels: a multiple of {multiple} from {low} to {high}.",
        multiple=rule.multiple,
        low=rule.minimum,
        high=rule.maximum,
    )


def size_key(size: tuple[int, int]) -> str:
    """Return the key of a size in a drop-down list."""
    return f"{size[0]}x{size[1]}"


def size_text(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"


_DEVICE = re.compile(r"(\S+) \((.+), (\d{1,6}) threads?\)")


def device_label(label: str) -> str:
    """Return the label of a device, as `Device.label` makes it and files store it, in the window's language."""
    found = _DEVICE.fullmatch(label)
    if found is None:
        return label
    return trn(
        "{name} ({title}, {count} thread)",
        "{name} ({title}, {count} threads)",
        int(found[3]),
        name=found[1],
        title=found[2],
    )


def runs_limit() -> str:
    """Return what happens when the recorded runs reach the limit of their disk space."""
    return tr(
        "At the limit, the steps of the oldest runs that are not pinned are deleted; their pictures are kept."
    )


def compare_pictures(count: int) -> str:
    return trn("Compare {count} picture", "Compare {count} pictures", count)


def trash_pictures(count: int) -> str:
    return trn("Move {count} picture to the trash", "Move {count} pictures to the trash", count)


def in_lockstep(runs: int, seed: int) -> str:
    """Return what a comparison in the queue makes."""
    return trn(
        "{count} run in lockstep, seed {seed}", "{count} runs in lockstep, seed {seed}", runs, seed=seed
    )


def from_step(first: int, steps: int, request: GenerateRequest) -> str:
    """Return what a fork in the queue makes."""
    return trn(
        "From step {first}: {sampler}, {count} step, seed {seed}",
        "From step {first}: {sampler}, {count} steps, seed {seed}",
        steps,
        first=first,
        sampler=sampler_title(request.sampler),
        seed=request.seed,
    )


def of_queue(request: GenerateRequest) -> str:
    """Return what any other job in the queue makes."""
    pictures = trn("{count} picture", "{count} pictures", request.count)
    return ", ".join(
        (
            pictures,
            sampler_title(request.sampler),
            step_count(request.steps or 0),
            tr("seed {seed}", seed=request.seed),
        )
    )


def step_count(steps: int) -> str:
    return trn("{count} step", "{count} steps", steps)


def settings_of(request: GenerateRequest) -> dict[str, str]:
    """Return every setting of a resolved request in a few words, by name; an option's name is "sampler.option"."""
    spacing = request.spacing or ""
    settings = {
        "sampler": sampler_title(request.sampler),
        "steps": step_count(request.steps or 0),
        "guidance": tr("guidance {weight:g}", weight=request.guidance or 0),
        "spacing": spacings()[spacing][0] if spacing in spacings() else spacing,
        "seed": tr("seed {seed}", seed=request.seed),
        "model": request.model,
        "prompt": tr("“{prompt}”", prompt=shorten(request.prompt, 40)),
        "negative": tr("without “{prompt}”", prompt=shorten(request.negative, 40))
        if request.negative
        else "",
    }
    # Options of different samplers are different settings, even if they have the same name.
    options = {f"{request.sampler}.{name}": f"{name} {value}" for name, value in request.options.items()}
    return {**settings, **options}


_BRACKETS = re.compile(r"\([^()]*\)")


def trained_on(card: ModelInfo | None) -> str:
    """Return in one line what a model was trained on; "" for no model."""
    if card is None:
        return ""
    data = " ".join(_BRACKETS.sub("", card.training_data).split())  # licences are shown elsewhere
    if not data:
        return ""
    return tr("Trained on {data}", data=shorten(data, 70))


def waiting(job_state: JobState) -> str:
    """Return what happens before the first step of a job."""
    if job_state.phase == "loading" and job_state.converted is not None:
        percent = int(100 * job_state.converted)
        return tr(
            "Converting the model {model}, once: {percent}%", model=job_state.request.model, percent=percent
        )
    if job_state.phase == "loading":
        return tr("Loading the model {model}", model=job_state.request.model)
    return tr("Preparing the device")


def model_calls(request: GenerateRequest) -> int:
    """Return the model calls of one picture of a request; 0 unless the request is resolved."""
    name = request.sampler or ""
    if name not in SAMPLERS or request.steps is None or request.guidance is None:
        return 0
    try:
        return count_model_calls(name, request.options, request.steps, guided=request.guidance != 1)
    except RequestError:
        return 0


LONGEST = 2_000
"""Largest number of characters that are shown of a text in a card."""
_MOST_FIGURES = 6
_NETWORKS = {"unet": "U-Net", "dit": "DiT"}


def model_facts(card: ModelInfo) -> list[tuple[str, str]]:
    """Return what is known of a model: (label, value)."""
    network = _NETWORKS.get(card.backbone.kind, card.backbone.kind)
    size = quantity.parameters(card.parameters)
    facts = [
        (tr("Pictures"), sizes(card)),
        (tr("Network"), tr("{network}, {parameters}", network=network, parameters=size)),
        (tr("Noise schedule"), schedule(card)),
        (tr("Prediction"), card.prediction),
        (tr("Default settings"), default_settings(card)),
        (tr("Evaluation"), figures(card.evaluation)),
        (tr("Trained on"), shorten(tr(card.training_data), LONGEST)),
        (tr("Licence"), shorten(tr(card.licence), LONGEST)),
    ]
    return [(label, value) for label, value in facts if value]  # files of other programs say little


def sizes(card: ModelInfo) -> str:
    """Return the picture sizes of a model, and whether it takes a prompt."""
    listed = ", ".join(f"{width} × {height}" for width, height in card.sizes)
    if card.text is not None:
        return tr("{sizes} px, from text", sizes=listed)
    return tr("{sizes} px, without text", sizes=listed)


def schedule(card: ModelInfo) -> str:
    """Return the kind of a model's noise schedule and its parameters."""
    numbers = [f"{name} {value:g}" for name, value in card.schedule.config.items() if _is_number(value)]
    names = {"linear": tr("linear"), "cosine": tr("cosine"), "scaled_linear": tr("scaled linear")}
    kind = card.schedule.kind
    return ", ".join([names.get(kind, kind), *numbers[:_MOST_FIGURES]])


def default_settings(card: ModelInfo) -> str:
    """Return the sampler, steps and guidance that a model recommends."""
    defaults = card.defaults
    parts = [sampler_title(defaults.sampler), step_count(defaults.steps)]
    if card.text is not None:
        parts.append(tr("guidance {weight:g}", weight=defaults.guidance))
    return ", ".join(parts)


def figures(evaluation: Mapping[str, Any]) -> str:
    """Return the main results of an evaluation: known shares by name, or else its first numbers."""
    known = headline_figures(evaluation)
    if known:
        return ", ".join(tr("{name} {share:.1%}", name=name, share=share) for name, share in known)
    numbers = [f"{shorten(key, 30)} {value:g}" for key, value in evaluation.items() if _is_number(value)]
    return ", ".join(numbers[:_MOST_FIGURES]) or tr("not measured")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def no_prompt() -> str:
    """Return what is shown in place of an empty prompt."""
    return tr("No prompt")


def prompt_of(metadata: PictureMetadata) -> str:
    """Return the prompt of a picture; "" if the file has none, or one that is not text."""
    prompt = metadata.request.get("prompt")
    return prompt if isinstance(prompt, str) else ""


def one_line(text: str) -> str:
    """Return ``text`` with every run of spaces and line breaks as one space."""
    return " ".join(text.split())


def sampler_title(name: object) -> str:
    """Return the title of a sampler; an unknown name unchanged, and "" for anything but a string."""
    if not isinstance(name, str):
        return ""
    return tr(SAMPLERS[name].title) if name in SAMPLERS else name


def spacing_title(name: object) -> str:
    """Return the title of a spacing; an unknown name unchanged, and "" for anything but a string."""
    if not isinstance(name, str):
        return ""
    return spacings()[name][0] if name in spacings() else name


def summary(metadata: PictureMetadata) -> str:
    """Return how a picture was made, such as "DDIM, 30 steps, guidance 4, seed 7"."""
    request = metadata.request
    steps, guidance = request.get("steps"), request.get("guidance")
    parts = [
        sampler_title(request.get("sampler")),
        step_count(steps) if isinstance(steps, int) and _is_number(steps) else "",
        tr("guidance {guidance}", guidance=plain_number(guidance)) if _is_number(guidance) else "",
        tr("seed {seed}", seed=metadata.seed),
    ]
    return ", ".join(part for part in parts if part)


def tile_tip(entry: Entry, fault: str = "") -> str:
    """Return the tooltip of a picture: prompt, settings, and the error if it cannot be shown, one a line."""
    prompt = shorten(prompt_of(entry.metadata).strip(), 400) or no_prompt()
    return "\n".join(line for line in (prompt, summary(entry.metadata), fault) if line)


def accessible_text(entry: Entry) -> str:
    """Return what a screen reader says of a picture."""
    prompt = one_line(prompt_of(entry.metadata)) or no_prompt()
    if entry.missing:
        return tr(
            "{prompt}, {summary}, the file cannot be found", prompt=prompt, summary=summary(entry.metadata)
        )
    return tr("{prompt}, {summary}", prompt=prompt, summary=summary(entry.metadata))


def plain_number(value: Any) -> str:  # noqa: ANN401 - JSON can hold anything
    """Return the shortest text of a number (7, 7.5); "" for anything else."""
    if not _is_number(value):
        return ""
    return f"{value:g}" if abs(value) < 1e6 else str(value)


def try_with_less_memory(measure: str) -> str:
    """Return the button that runs a job again in a way that takes less memory."""
    return tr("Try again: {measure}", measure=tr(measure))


def try_at_size(width: int, height: int) -> str:
    """Return the button that runs a job again at a smaller size."""
    return tr("Try at {width} x {height}", width=width, height=height)
