"""Finds the files of the LoRAs and textual inversions that the prompts of a request refer to. Importable without torch.

The prompt is the only place that names them, so requests, forks and the metadata of pictures need no other field. They
are searched in the model folders; what is found, missing or unfit is said before a run begins.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from studio.checkpoints.family_models import FamilyInfo
from studio.checkpoints.library.adapters import fitting
from studio.engine.requests.checks import Name, Sha256  # noqa: TC001 - msgspec reads the annotations
from studio.errors import CheckpointError, RequestError, shorten
from studio.families.interface import DEFAULT_TEXT, InversionUse, LoraUse, TextOptions
from studio.families.recognition.kinds import FAMILY_TITLES, Family, Kind
from studio.messages import Message, message
from studio.prompts.chunks import references
from studio.prompts.syntax import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from studio.checkpoints.library.adapters import Adapter
    from studio.engine.requests.generate import GenerateRequest
    from studio.families.interface import ModelInfo
    from studio.prompts.syntax import LoraTag, ParsedPrompt

MAX_ADAPTERS = 200


@dataclass(frozen=True)
class AdapterRecord:
    """A LoRA or textual inversion that a picture was made with.

    Attributes:
        kind: what it is.
        name: of its file, without folder and suffix.
        sha256: hash of its file.
    """

    kind: Literal["lora", "embedding"]
    name: Name
    sha256: Sha256

    @property
    def label(self) -> Message:
        """What to call it."""
        if self.kind == "lora":
            return message("LoRA {name}", name=self.name)
        return message("embedding {name}", name=self.name)


def check_unchanged(model: str, was: Sequence[AdapterRecord], now: Sequence[AdapterRecord]) -> None:
    """Check that a run of a model still uses the adapters that it was made with.

    Raises:
        CheckpointError: one has changed, or is used in addition or no longer.
    """
    for one in (*was, *now):
        if one not in was or one not in now:
            reason = message(
                "was used with another {adapter} when these steps were made (its hash differs)",
                adapter=one.label,
            )
            raise CheckpointError(model, reason)


AdapterRecords = Annotated[tuple[AdapterRecord, ...], Meta(max_length=MAX_ADAPTERS)]


@dataclass(frozen=True, kw_only=True)
class ResolvedPrompts:
    """How the prompts of a request are read.

    Attributes:
        text: for the model.
        adapters: what it loads, for the record.
        notes: sentences that the user should see.
    """

    text: TextOptions = DEFAULT_TEXT
    adapters: tuple[AdapterRecord, ...] = ()
    notes: tuple[Message, ...] = ()


def text_of(request: GenerateRequest) -> TextOptions:
    """Return how the prompts of a resolved request are read, if they refer to no files."""
    emphasis = DEFAULT_TEXT.emphasis if request.emphasis is None else request.emphasis
    return TextOptions(emphasis=emphasis, clip_skip=request.clip_skip)


def resolve_prompts(
    request: GenerateRequest,
    card: ModelInfo,
    list_adapters: Callable[[], Sequence[Adapter]],
    hash_of: Callable[[Path], str],
) -> ResolvedPrompts:
    """Return how the prompts of a request are read, with the files that they refer to.

    Args:
        request: resolved with ``card``.
        card: of the model.
        list_adapters: returns the LoRAs and textual inversions on this machine, in the order of the model folders; only
            called if this model could use any.
        hash_of: returns the SHA-256 of a file.

    Raises:
        RequestError: a prompt has syntax that is not supported, or refers to a file that is not there, cannot be read
            or does not fit the model.
    """
    text = text_of(request)
    if not isinstance(card, FamilyInfo):
        return ResolvedPrompts(text=text)
    prompts = {"prompt": parse(request.prompt), "negative": parse(request.negative, "negative")}
    if prompts["negative"].loras:
        reason = message(
            "names the LoRA {name}: write it in the prompt, because a LoRA acts on the whole picture",
            name=repr(shorten(prompts["negative"].loras[0].name)),
        )
        raise RequestError("negative", reason)
    search = _Search(list_adapters(), Family(card.family_name))
    loras = tuple(search.lora(tag) for tag in prompts["prompt"].loras)
    inversions = {use.name: use for name, one in prompts.items() for use in search.inversions(one, name)}
    used = [("lora", lora.path) for lora in loras] + [("embedding", one.path) for one in inversions.values()]
    records = tuple(
        AdapterRecord("lora" if kind == "lora" else "embedding", search.found[path].name, hash_of(path))
        for kind, path in dict.fromkeys(used)
    )
    return ResolvedPrompts(
        text=replace(text, loras=loras, inversions=tuple(inversions[name] for name in sorted(inversions))),
        adapters=records,
        notes=tuple(dict.fromkeys(search.notes)),
    )


@dataclass
class _Search:
    """The adapters of this machine, seen from a model.

    Attributes:
        every: all of them.
        family: of the model.
        fit: those that fit it.
        found: those that were referred to, by path.
        notes: about names that several files have.
    """

    every: Sequence[Adapter]
    family: Family
    fit: Sequence[Adapter] = ()
    found: dict[Path, Adapter] = field(default_factory=dict)
    notes: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fit = fitting(self.every, self.family)

    def lora(self, tag: LoraTag) -> LoraUse:
        """Return the LoRA of a tag. Raises RequestError."""
        adapter = self._find(tag.name, Kind.LORA, "prompt")
        return LoraUse(name=tag.name, path=adapter.path, weight=tag.weight, text_weight=tag.text_weight)

    def inversions(self, prompt: ParsedPrompt, field_name: str) -> list[InversionUse]:
        """Return the textual inversions that a prompt refers to. Raises RequestError."""
        known = {one.prompt_name.casefold(): one for one in self.fit if one.kind is Kind.TEXTUAL_INVERSION}
        uses = []
        for section in prompt.sections:
            for span in section:
                for found in references(span.text, known):
                    written = (found.name or found.written.partition(":")[2]).casefold()
                    adapter = self._find(written, Kind.TEXTUAL_INVERSION, field_name)
                    uses.append(InversionUse(name=written, path=adapter.path, tokens=adapter.tokens))
        return uses

    def _find(self, written: str, kind: Kind, field_name: str) -> Adapter:
        """Return the adapter that a name means. Raises RequestError."""
        meant = [one for one in self.fit if one.kind is kind and one.is_called(written)]
        if not meant and kind is Kind.LORA:  # A1111 writes the title that the trainer gave it
            meant = [
                one for one in self.fit if one.kind is kind and one.title.casefold() == written.casefold()
            ]
        if not meant:
            raise RequestError(field_name, self._refusal(written, kind))
        first = meant[0]
        if len(meant) > 1 and first.path not in self.found:
            self.notes.append(
                message(
                    "Several files are called {name}: the one in the folder {folder} is used; {other} means the next.",
                    name=repr(written),
                    folder=repr(first.path.parent.name),
                    other=repr(meant[1].prompt_name),
                )
            )
        self.found[first.path] = first
        return first

    def _refusal(self, written: str, kind: Kind) -> Message:
        label, name = _LABELS[kind], repr(shorten(written))
        others = [one for one in self.every if one.kind in (kind, Kind.UNKNOWN) and one.is_called(written)]
        if not others:
            names = {one.prompt_name.casefold(): one.prompt_name for one in self.fit if one.kind is kind}
            near = difflib.get_close_matches(written.casefold(), names, n=1, cutoff=0.5)
            if near:
                return message(
                    "asks for the {kind} {name}, which is not in the model folders (did you mean {near}?)",
                    kind=label,
                    name=name,
                    near=repr(names[near[0]]),
                )
            return message(
                "asks for the {kind} {name}, which is not in the model folders", kind=label, name=name
            )
        other = others[0]
        if other.kind is Kind.UNKNOWN:
            return message(
                "asks for the {kind} {name}, whose file cannot be read: it {problem}",
                kind=label,
                name=name,
                problem=other.problem or message("is of an unknown kind"),
            )
        if not other.usable:
            return message(
                "asks for {name}, a {form} adapter, which this program cannot apply; use a LoRA or LoCon file",
                name=name,
                form=other.form,
            )
        assert other.family is not None, "one that may be of any family fits"
        return message(
            "asks for the {kind} {name}, which is for {theirs} and not for {ours}",
            kind=label,
            name=name,
            theirs=FAMILY_TITLES[other.family],
            ours=FAMILY_TITLES[self.family],
        )


_LABELS = {Kind.LORA: message("LoRA"), Kind.TEXTUAL_INVERSION: message("embedding")}
