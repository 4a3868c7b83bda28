"""Which files on this machine supply the parts that a model lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.families.recognition.kinds import Component, Family, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from studio.checkpoints.library.scan import ModelFile

_LATENTS = {
    Family.DIT_XL: "sd",
    Family.SD1: "sd",
    Family.SD2: "sd",
    Family.SDXL: "sdxl",
    Family.SDXL_REFINER: "sdxl",
}
"""Families whose VAEs have the same shape but another scale of latents."""


def suppliers(model: ModelFile, files: Iterable[ModelFile]) -> dict[Component, tuple[ModelFile, ...]]:
    """Return for each part that a model lacks the files that have it, the best first; () where there is none.

    A file that holds that part alone comes before a checkpoint that contains it, one that lies near the model before
    one far away, and one of the model's own precision before others.
    """
    if model.recognised is None or not model.recognised.missing:
        return {}
    known = [file for file in files if file.recognised is not None and file.path != model.path]
    return {part: _suppliers(model, part, known) for part in model.recognised.missing}


class PartFiles:
    """The files that supply parts to models: those of all models together, since most models need few of them.

    Attributes:
        files: all of them.
        tiny_vaes: those with the decoder of a tiny VAE.
    """

    def __init__(self, files: Iterable[ModelFile]) -> None:
        self.files = tuple(files)
        self.tiny_vaes = tuple(file for file in self.files if is_tiny_vae(file))

    def __iter__(self) -> Iterator[ModelFile]:
        """Iterate over all files."""
        return iter(self.files)

    def fitting_tiny_vae(self, model: ModelFile) -> ModelFile | None:
        """Return the tiny VAE that is known to be for the model's latents, the nearest if there are several."""
        wanted = None if model.recognised is None else model.recognised.family
        if wanted is None or wanted.value not in _LATENTS:
            return None
        latents, found = _LATENTS[wanted.value], []
        for file in self.tiny_vaes:
            family = None if file.recognised is None else file.recognised.family
            if family is not None and _LATENTS.get(family.value) == latents:
                found.append(file)
        return min(found, key=lambda file: (_distance(model, file), str(file.path)), default=None)


def is_tiny_vae(file: ModelFile) -> bool:
    """Whether a file holds the decoder of a tiny VAE of 4 channels."""
    found = file.recognised
    return (
        found is not None
        and found.kind is Kind.TINY_VAE
        and Component.VAE_4 in found.contains
        and found.variant != "encoder only"
        and found.storage.readable
    )


def _suppliers(model: ModelFile, part: Component, files: list[ModelFile]) -> tuple[ModelFile, ...]:
    ranked = [
        (rank, str(file.path), file) for file in files if (rank := _rank(model, part, file)) is not None
    ]
    return tuple(file for _, _, file in sorted(ranked, key=lambda item: item[:2]))


def _rank(model: ModelFile, part: Component, file: ModelFile) -> tuple[int, ...] | None:
    """Return how well a file supplies a part, the smallest best; None if it does not."""
    wanted, found = model.recognised, file.recognised
    if wanted is None or found is None or part not in found.contains or not found.storage.readable:
        return None
    if found.kind is Kind.TINY_VAE or file.fault is not None:
        return None
    fit = 0
    if part is Component.VAE_4 and wanted.family is not None:
        theirs = None if found.family is None else _LATENTS.get(found.family.value)
        if theirs is None:
            fit = 1
        elif theirs != _LATENTS.get(wanted.family.value, theirs):
            if found.family is not None and not found.family.assumed:
                return None
            fit = 2  # the name says so, and names err
    alone = len(found.contains) == 1
    same_precision = found.storage.dtype == wanted.storage.dtype
    return fit, int(not alone), _distance(model, file), int(not same_precision), file.size


def _distance(model: ModelFile, file: ModelFile) -> int:
    """Return how many folders lie between two files."""
    ours, theirs = model.path.parts[:-1], file.path.parts[:-1]
    common = 0
    for one, other in zip(ours, theirs, strict=False):
        if one != other:
            break
        common += 1
    return len(ours) + len(theirs) - 2 * common
