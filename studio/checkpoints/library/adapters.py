"""LoRAs and textual inversions among the model files: which fit a model, and which of them a prompt's name means.

A prompt refers to a LoRA as ``<lora:name:weight>`` and to a textual inversion as ``embedding:name``, or by its bare
name. The name is that of the file without its suffix, in capital or small letters. If several files that fit the model
have it, the first in the order of the model folders is meant; ``folder/name`` means the one in that folder.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from studio.checkpoints.library.scan import WEIGHTS
from studio.families.recognition.kinds import Family, Kind
from studio.families.recognition.lora import RUNNABLE_FORMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from studio.checkpoints.library.scan import ModelFile
    from studio.messages import Message


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """A LoRA or a textual inversion.

    Attributes:
        name: of its file, without the suffix.
        path: its file.
        kind: `Kind.LORA` or `Kind.TEXTUAL_INVERSION`; `Kind.UNKNOWN` if its header cannot be read.
        prompt_name: how a prompt refers to it: by ``name``, or with its folder if the name means another file.
        family: whose models it changes; None if its header does not say for certain.
        form: of a LoRA, "LoRA", "LoCon" or one that this program does not apply.
        tokens: of a textual inversion, how many tokens it stands for.
        title: what its author or its trainer called it; "" if nothing.
        trigger_words: what a prompt should contain, as its author or its training says.
        problem: why its header cannot be read, a clause; None if it can.
        size: of the file, in bytes.
    """

    name: str
    path: Path
    kind: Kind
    prompt_name: str
    family: Family | None = None
    form: str = ""
    tokens: int = 0
    title: str = ""
    trigger_words: tuple[str, ...] = ()
    problem: Message | None = None
    size: int = 0

    @property
    def usable(self) -> bool:
        """Whether this program can apply it to the models of its family."""
        return self.kind is Kind.TEXTUAL_INVERSION or (self.kind is Kind.LORA and self.form in RUNNABLE_FORMS)

    def fits(self, family: Family) -> bool:
        """Whether it changes models of this family, as far as its header says."""
        return self.usable and self.family in (None, family)

    def is_called(self, written: str) -> bool:
        """Whether a name in a prompt, with or without folders and suffix, can mean this file."""
        *folders, name = written.replace("\\", "/").casefold().split("/")
        own = [part.casefold() for part in self.path.parts]
        own_name = own[-1] if os.path.splitext(name)[1] in WEIGHTS else self.name.casefold()
        return name == own_name and folders == own[:-1][len(own) - 1 - len(folders) :]


def adapters_among(files: Iterable[ModelFile], roots: Sequence[Path] = ()) -> tuple[Adapter, ...]:
    """Return every LoRA and textual inversion among model files, and the files that cannot be read.

    Args:
        files: the model files.
        roots: the model folders, in whose order the adapters are returned; those of one folder come by path.
    """
    tops = [Path(os.path.abspath(root)) for root in roots]

    def place(file: ModelFile) -> tuple[int, Path]:
        inside = (number for number, root in enumerate(tops) if file.path.is_relative_to(root))
        return next(inside, len(tops)), file.path

    found = (_adapter(file) for file in sorted(files, key=place) if not file.is_folder)
    return tuple(adapter for adapter in found if adapter is not None)


def _adapter(file: ModelFile) -> Adapter | None:
    found = file.recognised
    if found is None:
        return Adapter(
            name=file.name,
            path=file.path,
            kind=Kind.UNKNOWN,
            prompt_name=file.name,
            problem=file.problem,
            size=file.size,
        )
    if found.kind not in (Kind.LORA, Kind.TEXTUAL_INVERSION):
        return None
    certain = found.family is not None and not found.family.assumed
    return Adapter(
        name=file.name,
        path=file.path,
        kind=found.kind,
        prompt_name=file.name,
        family=found.family.value if found.family is not None and certain else None,
        form="" if found.lora is None else found.lora.form,
        tokens=found.tokens,
        title=found.description.title,
        trigger_words=found.description.trigger_words,
        size=file.size,
    )


def fitting(adapters: Iterable[Adapter], family: Family) -> tuple[Adapter, ...]:
    """Return the adapters that fit models of a family, each with the `Adapter.prompt_name` that means it there."""
    found: list[Adapter] = []
    taken: Counter[tuple[Kind, str]] = Counter()
    for adapter in adapters:
        if not adapter.fits(family):
            continue
        key = adapter.kind, adapter.name.casefold()
        if taken[key]:
            adapter = _with_folder(adapter, [one for one in found if one.kind is adapter.kind])
        taken[key] += 1
        found.append(adapter)
    return tuple(found)


def _with_folder(adapter: Adapter, before: Sequence[Adapter]) -> Adapter:
    """Return an adapter with the shortest name that means none of those before it."""
    folders = adapter.path.parent.parts
    for name in (adapter.name, adapter.path.name):
        for depth in range(1, len(folders)):
            written = "/".join([*folders[-depth:], name])
            if not any(one.is_called(written) for one in before):
                return replace(adapter, prompt_name=written)
    return adapter
