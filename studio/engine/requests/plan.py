"""Resolves a request into its runs, each with its model; everything is validated before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from studio.checkpoints.catalog import find_model
from studio.engine.requests.compare import CompareRequest, naming_pane
from studio.engine.requests.fork import ForkRequest
from studio.engine.requests.generate import GenerateRequest

if TYPE_CHECKING:
    import threading

    from studio.checkpoints.catalog import InstalledModel
    from studio.engine.requests.fork import StartState
    from studio.families.interface import ModelInfo
    from studio.folders import Folders

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
    """

    asked: GenerateRequest
    request: GenerateRequest
    start: StartState | None = None
    installed: InstalledModel
    card: ModelInfo

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
        cancelled: stops the hashing of a model that was not used before when set.

    Raises:
        LoadCancelled: ``cancelled`` was set.
        RequestError: a field is invalid, or cannot be used with this model.
        CheckpointError: a model's card cannot be used.
    """
    request.validate()
    if not isinstance(request, CompareRequest):
        return (_part(request, folders, cancelled, reproduces=reproduces),)
    parts = []
    for place, pane in enumerate(request.requests, start=1):
        with naming_pane(place):
            parts.append(_part(pane, folders, cancelled, reproduces=reproduces))
    return tuple(parts)


def _part(
    request: GenerateRequest | ForkRequest,
    folders: Folders,
    cancelled: threading.Event | None,
    *,
    reproduces: bool,
) -> Part:
    asked = request.request if isinstance(request, ForkRequest) else request
    installed = find_model(asked.model, folders, cancelled=cancelled)
    card = installed.card
    assert card is not None, "find_model returns models with cards"
    start: StartState | None = None
    if isinstance(request, ForkRequest):
        start, resolved = request.start, request.resolve(card).request
    else:
        resolved = request.resolve(card, from_noise=not reproduces)
    resolved = replace(resolved, model=card.name)
    return Part(asked=asked, request=resolved, start=start, installed=installed, card=card)
