"""Resolves a request into its runs, each with its model; everything is validated before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from studio.checkpoints.catalog import find_model, list_adapters
from studio.engine.requests.adapters import ResolvedPrompts, resolve_prompts
from studio.engine.requests.compare import CompareRequest, naming_pane
from studio.engine.requests.fork import ForkRequest
from studio.engine.requests.generate import GenerateRequest
from studio.weights.hashing import HashCache

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from studio.checkpoints.catalog import InstalledModel
    from studio.checkpoints.library.adapters import Adapter
    from studio.engine.requests.fork import StartState
    from studio.families.interface import ModelInfo
    from studio.folders import Folders

NO_PROMPTS: Final = ResolvedPrompts()

Request: TypeAlias = GenerateRequest | ForkRequest | CompareRequest
"""A request that an engine can run."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One run, or several that only differ in their seeds.

    Attributes:
        asked: the request as given.
        request: resolved, with the model's own name.
        start: the state that it continues from; None starts from noise.
        installed: the model.
        card: of the model.
        prompts: how its prompts are read.
    """

    asked: GenerateRequest
    request: GenerateRequest
    start: StartState | None = None
    installed: InstalledModel
    card: ModelInfo
    prompts: ResolvedPrompts = NO_PROMPTS

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of the states, (C, h, w)."""
        return self.card.latent_shape_for(self.request.width or 0, self.request.height or 0)


def plan(
    request: Request,
    folders: Folders,
    *,
    reproduces: bool = False,
    cancelled: threading.Event | None = None,
) -> tuple[Part, ...]:
    """Resolve a request: one part per pane of a comparison, else one part.

    Args:
        request: the request.
        folders: where the models are.
        reproduces: whether it may be of an earlier version, whose runs did not always start near the noisiest time.
        cancelled: stops the hashing of files that were not used before when set.

    Raises:
        LoadCancelled: ``cancelled`` was set.
        RequestError: a field is invalid, or cannot be used with this model.
        CheckpointError: a model's card cannot be used, or a file that a prompt refers to cannot be read.
    """
    request.validate()
    files = _Files(folders, cancelled)
    if not isinstance(request, CompareRequest):
        return (_part(request, files, reproduces=reproduces),)
    parts = []
    for place, pane in enumerate(request.requests, start=1):
        with naming_pane(place):
            parts.append(_part(pane, files, reproduces=reproduces))
    return tuple(parts)


def resolve_text(request: GenerateRequest, card: ModelInfo, folders: Folders) -> ResolvedPrompts:
    """Return how the prompts of a resolved request are read. Raises as `resolve_prompts`."""
    return _Files(folders).prompts(request, card)


class _Files:
    """The models and adapters that the parts of one request refer to; the folders are listed once for all of them."""

    def __init__(self, folders: Folders, cancelled: threading.Event | None = None) -> None:
        self._folders, self._cancelled = folders, cancelled
        self._models: dict[str, InstalledModel] = {}
        self._adapters: tuple[Adapter, ...] | None = None

    def model(self, name: str) -> InstalledModel:
        if name not in self._models:
            self._models[name] = find_model(name, self._folders)
        return self._models[name]

    def prompts(self, request: GenerateRequest, card: ModelInfo) -> ResolvedPrompts:
        return resolve_prompts(request, card, self._list, self._hash)

    def _list(self) -> tuple[Adapter, ...]:
        if self._adapters is None:
            self._adapters = list_adapters(self._folders)
        return self._adapters

    def _hash(self, path: Path) -> str:
        hashes = HashCache.of(self._folders.cache)
        return hashes.hash_of(path, cancelled=self._cancelled, must_store=False)


def _part(request: GenerateRequest | ForkRequest, files: _Files, *, reproduces: bool) -> Part:
    asked = request.request if isinstance(request, ForkRequest) else request
    installed = files.model(asked.model)
    card = installed.card
    assert card is not None, "find_model returns models with cards"
    start: StartState | None = None
    if isinstance(request, ForkRequest):
        start, resolved = request.start, request.resolve(card).request
    else:
        resolved = request.resolve(card, from_noise=not reproduces)
    resolved = replace(resolved, model=card.name)
    return Part(
        asked=asked,
        request=resolved,
        start=start,
        installed=installed,
        card=card,
        prompts=files.prompts(resolved, card),
    )
