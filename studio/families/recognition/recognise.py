"""Recognition of a model file from its header: `recognise`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from studio.families.recognition import advice as advices
from studio.families.recognition import lora, part_rules, traits
from studio.families.recognition.header import Names
from studio.families.recognition.kinds import (
    FAMILY_TITLES,
    FOLDER_LAYOUT,
    Component,
    Fact,
    Family,
    Kind,
    Source,
    needs,
)
from studio.families.recognition.rules import DIFFUSERS, NETWORK_RULES, PREFIXES, Rule, first

if TYPE_CHECKING:
    from collections.abc import Iterable

    from studio.families.recognition.header import ModelHeader
    from studio.messages import Message

RUNNABLE_FAMILIES = frozenset({Family.SD1, Family.SD2, Family.SDXL})
"""Families whose models this program samples, unless the variant or the stored form is one that it cannot run."""

FOLDER_FAMILIES = frozenset({Family.DDPM, Family.DIT_XL})
"""Families whose models this program samples if the folder with their configurations is there."""

_NOTHING_SAID = traits.Description()


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """What a file (or a folder of diffusers) is.

    Attributes:
        kind: what it is as a whole.
        family: its family; None where it has none or none can be determined.
        variant: within the family: "inpainting", "SSD-1B", "schnell"; "" for the usual one.
        layout: how its tensors are named: "LDM", "diffusers", "kohya" ...
        prefix: what precedes the names of the network's tensors.
        in_channels: of a U-Net: 4 usually, 9 for inpainting; None if it has none.
        contains: the parts it supplies.
        prediction: `traits.EPS`, `traits.V` ...; None where that means nothing.
        zero_terminal_snr: whether the schedule ends without signal.
        distillation: how it was made to need few steps.
        storage: precision and quantised form.
        lora: of a LoRA, what it changes.
        tokens: of a textual inversion, how many tokens it stands for.
        parameters: number of elements of all tensors.
        ema: whether it also holds the moving average of its weights (twice the size, of no use for sampling).
        description: what its metadata says of it.
    """

    kind: Kind
    family: Fact[Family] | None = None
    variant: str = ""
    layout: str = ""
    prefix: str = ""
    in_channels: int | None = None
    contains: tuple[Component, ...] = ()
    prediction: Fact[str] | None = None
    zero_terminal_snr: Fact[bool] | None = None
    distillation: Fact[traits.Distillation] | None = None
    storage: traits.Storage
    lora: lora.LoraFile | None = None
    tokens: int = 0
    parameters: int = 0
    ema: bool = False
    description: traits.Description = _NOTHING_SAID

    @property
    def missing(self) -> tuple[Component, ...]:
        """The parts that a model needs and this file does not contain."""
        if Component.NETWORK not in self.contains or self.family is None:
            return ()
        return tuple(part for part in needs(self.family.value, self.variant) if part not in self.contains)

    @property
    def advice(self) -> Message | None:
        """What it is and what to do with it, one sentence; None if this program can use it as it is."""
        if self.kind in (Kind.CHECKPOINT, Kind.NETWORK) and self.family is not None:
            if self.family.value in FOLDER_FAMILIES:
                whole = self.layout == FOLDER_LAYOUT
                return advices.folder_advice(
                    self.family.value, self.variant, whole=whole, stored=self.storage
                )
            return advices.model_advice(
                self.family.value,
                self.variant,
                in_channels=self.in_channels,
                prediction=self.prediction.value if self.prediction is not None else "",
                stored=self.storage,
                runnable=RUNNABLE_FAMILIES,
            )
        if self.lora is not None:
            return advices.lora_advice(self.lora.form, self.family, RUNNABLE_FAMILIES)
        if self.kind is Kind.TEXTUAL_INVERSION and self.family is not None:
            return advices.embedding_advice(self.family.value, RUNNABLE_FAMILIES)
        if self.kind in (Kind.TEXT_ENCODER, Kind.VAE, Kind.TINY_VAE):
            return advices.part_advice(self.kind, self.contains[0] if self.contains else None)
        if self.kind is Kind.UNKNOWN and self.storage.form:
            return advices.storage_advice(self.storage)
        return advices.kind_advice(self.kind)

    @property
    def runs(self) -> bool:
        """Whether this program can use it, once its missing parts are supplied."""
        return self.advice is None

    def choosing(
        self,
        *,
        family: Family | None = None,
        prediction: str | None = None,
        zero_terminal_snr: bool | None = None,
    ) -> Self:
        """Return the same with what the user decided in place of what was found; None leaves a fact as it is."""
        found = self
        if family is not None:
            found = replace(found, family=Fact(family, Source.CHOSEN))
        if prediction is not None:
            found = replace(found, prediction=Fact(prediction, Source.CHOSEN))
        if zero_terminal_snr is not None:
            found = replace(found, zero_terminal_snr=Fact(zero_terminal_snr, Source.CHOSEN))
        return found

    @property
    def title(self) -> str:
        """The family's name with the variant, as its makers write it; "" if there is no family."""
        return "" if self.family is None else f"{FAMILY_TITLES[self.family.value]} {self.variant}".rstrip()

    @property
    def assumed(self) -> tuple[str, ...]:
        """The names of the facts that are guesses, which the user may change."""
        facts = {
            "family": self.family,
            "prediction": self.prediction,
            "zero_terminal_snr": self.zero_terminal_snr,
            "distillation": self.distillation,
        }
        return tuple(name for name, fact in facts.items() if fact is not None and fact.assumed)


# ---------------------------------------------------------------------------------------------------------- adapters
def _before_lora(header: ModelHeader, everything: Names) -> Recognised | None:
    rule = first(part_rules.BEFORE_LORA_RULES, everything)
    return None if rule is None else _named(header, rule, everything)


def _adapter(header: ModelHeader, everything: Names) -> Recognised | None:
    rule = first(part_rules.ADAPTER_RULES, everything)
    return None if rule is None else _named(header, rule, everything)


def _other(header: ModelHeader, everything: Names) -> Recognised | None:
    rule = first(part_rules.OTHER_RULES, everything)
    return None if rule is None else _named(header, rule, everything)


def _named(header: ModelHeader, rule: Rule, names: Names) -> Recognised:
    """Return a file that is only named: this program does not use its kind."""
    return Recognised(
        kind=rule.kind,
        family=None if rule.family is None else Fact(rule.family, Source.TENSORS),
        variant=rule.variant,
        layout=rule.layout,
        storage=traits.storage(header, names),
        parameters=header.parameters,
        description=traits.description(header.metadata),
    )


def _lora(header: ModelHeader, everything: Names) -> Recognised | None:
    if not lora.is_lora(header.tensors):
        return None
    found, family = lora.read_lora(header.tensors, header.metadata)
    return Recognised(
        kind=Kind.LORA,
        family=family,
        layout="kohya" if any(name.startswith("lora_") for name in header.tensors) else DIFFUSERS,
        storage=traits.storage(header, everything),
        lora=found,
        distillation=traits.distillation(header, Names({}), None, ""),
        parameters=header.parameters,
        description=traits.description(header.metadata),
    )


_TOKENS_AT_MOST = 512
_WIDTHS = {768: Family.SD1, 1024: Family.SD2, 1280: Family.SDXL, 2048: Family.SDXL}


def _embedding(header: ModelHeader, everything: Names) -> Recognised | None:
    """A textual inversion: nothing but one vector per token, of the width of each text encoder."""
    tensors = header.tensors
    if not 1 <= len(tensors) <= 3 or any(len(tensor.shape) not in (1, 2) for tensor in tensors.values()):
        return None
    if any(not tensor.dtype.startswith(("F", "BF")) for tensor in tensors.values()):
        return None
    counts = [tensor.shape[0] if len(tensor.shape) == 2 else 1 for tensor in tensors.values()]
    widths = [tensor.shape[-1] for tensor in tensors.values()]
    if max(counts) > _TOKENS_AT_MOST:
        return None
    if {"clip_l", "clip_g"} <= tensors.keys():
        family = Family.SD3 if "t5xxl" in tensors else Family.SDXL
    elif len(tensors) == 1 and widths[0] in _WIDTHS and _names_a_token(next(iter(tensors))):
        family = _WIDTHS[widths[0]]
    else:
        return None
    return Recognised(
        kind=Kind.TEXTUAL_INVERSION,
        family=Fact(family, Source.TENSORS),
        storage=traits.storage(header, everything),
        tokens=counts[0],
        parameters=header.parameters,
        description=traits.description(header.metadata),
    )


def _names_a_token(name: str) -> bool:
    """Whether a lone tensor is named as the formats of textual inversions name it, not as a layer's weight."""
    return name in ("emb_params", "clip_l", "clip_g") or name.startswith("string_to_param") or "." not in name


# ---------------------------------------------------------------------------------------------------------- networks
def _network(header: ModelHeader, everything: Names) -> Recognised | None:
    for prefix in PREFIXES:
        if prefix and not everything.any_starts(prefix):
            continue
        names = everything.under(prefix)
        rule = first(NETWORK_RULES, names)
        if rule is not None and rule.family is not None:
            return _model(header, rule, rule.family, names, everything)
    return None


def _model(header: ModelHeader, rule: Rule, family: Family, names: Names, everything: Names) -> Recognised:
    parts = [Component.NETWORK, *_encoders_inside(everything), *_vae_inside(everything)]
    contains = tuple(dict.fromkeys(parts))
    predicted = traits.prediction(header, names, family, rule.variant)
    channels = names.size("input_blocks.0.0.weight", 1) or names.size("conv_in.weight", 1)
    stored = traits.storage(header, names)
    variant = rule.variant
    if predicted is not None and predicted.value == traits.EDM and not variant:
        variant = "Playground 2.5"
    return Recognised(
        kind=Kind.CHECKPOINT if len(contains) > 1 else Kind.NETWORK,
        family=Fact(family, Source.TENSORS),
        variant=variant,
        layout=rule.layout,
        prefix=names.prefix,
        in_channels=channels,
        contains=contains,
        prediction=predicted,
        zero_terminal_snr=traits.zero_terminal_snr(header, names)
        if predicted is not None and predicted.value in (traits.EPS, traits.V)
        else None,
        distillation=traits.distillation(header, names, family, rule.variant),
        storage=stored,
        parameters=header.parameters,
        ema=everything.any_starts("model_ema."),
        description=traits.description(header.metadata),
    )


_ENCODERS_INSIDE = (
    "cond_stage_model.transformer.",
    "cond_stage_model.model.",
    "cond_stage_model.",
    "conditioner.embedders.0.transformer.",
    "conditioner.embedders.0.model.",
    "conditioner.embedders.1.model.",
    "conditioner.embedders.1.transformer.",
)


def _encoders_inside(everything: Names) -> Iterable[Component]:
    for prefix in _ENCODERS_INSIDE:
        if everything.any_starts(prefix):
            found = first(part_rules.TEXT_ENCODER_RULES, everything.under(prefix))
            if found is not None and found.component is not None:
                yield found.component
    for name, component in part_rules.TEXT_ENCODERS_BY_NAME.items():
        if everything.any_starts(f"text_encoders.{name}."):
            yield component


def _vae_inside(everything: Names) -> Iterable[Component]:
    for prefix in ("first_stage_model.", "vae."):
        if everything.any_starts(prefix):
            found = first(part_rules.VAE_RULES, everything.under(prefix))
            if found is not None and found.component is not None:
                yield found.component


# ------------------------------------------------------------------------------------------------------------- parts
def _vae(header: ModelHeader, everything: Names) -> Recognised | None:
    return _part(header, everything, part_rules.VAE_RULES, part_rules.VAE_PREFIXES)


def _text_encoder(header: ModelHeader, everything: Names) -> Recognised | None:
    return _part(header, everything, part_rules.TEXT_ENCODER_RULES, part_rules.TEXT_ENCODER_PREFIXES)


def _part(
    header: ModelHeader, everything: Names, rules: tuple[Rule, ...], prefixes: tuple[str, ...]
) -> Recognised | None:
    for prefix in prefixes:
        if prefix and not everything.any_starts(prefix):
            continue
        names = everything.under(prefix)
        rule = first(rules, names)
        if rule is None:
            continue
        family, stored = _family_of_vae(header, rule.component), traits.storage(header, names)
        return Recognised(
            kind=rule.kind,
            family=family,
            variant=rule.variant,
            layout=rule.layout,
            prefix=prefix,
            contains=() if rule.component is None else (rule.component,),
            storage=stored,
            parameters=header.parameters,
            description=traits.description(header.metadata),
        )
    return None


def _family_of_vae(header: ModelHeader, component: Component | None) -> Fact[Family] | None:
    """Whose VAE of 4 channels it is: SDXL's and those of SD 1.x and 2.x only differ in the scale of their latents."""
    if component is not Component.VAE_4:
        return None
    written = lora.metadata_family(header.metadata)
    if written is not None:
        return Fact(written, Source.METADATA)
    found = set(traits.words(header.name))
    if found & {"sdxl", "xl", "taesdxl"}:
        return Fact(Family.SDXL, Source.FILE_NAME)
    if found & {"mse", "sd", "kl", "anything", "orangemix", "taesd"}:
        return Fact(Family.SD1, Source.FILE_NAME)
    return None


ATTEMPTS = (_before_lora, _lora, _adapter, _network, _vae, _text_encoder, _embedding, _other)
"""What a file may be, in the order of trying.

Adapters come first, since their names repeat those of the networks they change; networks come before VAEs and text
encoders, which a checkpoint contains; a textual inversion is a few vectors of any name, so it comes nearly last.
"""


def recognise(header: ModelHeader) -> Recognised:
    """Return what a file is, from its header; a file that nothing fits is `Kind.UNKNOWN`, never an error.

    What is tried, and in which order, is `ATTEMPTS`.
    """
    everything = header.names
    for attempt in ATTEMPTS:
        found = attempt(header, everything)
        if found is not None:
            return found
    return _named(header, Rule(Kind.UNKNOWN, ()), everything)
