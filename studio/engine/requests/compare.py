"""Requests to compare several runs. Importable without torch."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from studio.errors import RequestError
from studio.messages import message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studio.engine.requests.generate import GenerateRequest

MIN_PANES, MAX_PANES = 2, 6


@dataclass(frozen=True, kw_only=True)
class CompareRequest:
    """Make several pictures in lockstep: each round answers one query of every unfinished run.

    Attributes:
        requests: one per pane, two to six, each with a count of 1. They may differ in everything, including the model.
        batched: whether runs of one model share each model call. This is faster, but on the CPU the last bits of a
            picture then depend on the others; without it each pane is bit for bit the same as alone.
    """

    requests: tuple[GenerateRequest, ...]
    batched: bool = True

    def validate(self) -> Self:
        """Return the request itself if there could be models that can run it.

        Raises:
            RequestError: there are too few or too many panes, or a field is invalid for every model; the sentence names
                the pane (from 1) and the field.
        """
        if not MIN_PANES <= len(self.requests) <= MAX_PANES:
            reason = message(
                "must have {low} to {high} panes, not {value}",
                low=MIN_PANES,
                high=MAX_PANES,
                value=len(self.requests),
            )
            raise RequestError("comparison", reason)
        for pane, request in enumerate(self.requests, start=1):
            with naming_pane(pane):
                request.validate()
                if request.count != 1:
                    raise RequestError("count", message("must be 1, not {value}", value=request.count))
        return self


@contextlib.contextmanager
def naming_pane(pane: int) -> Iterator[None]:
    """Add the number of the pane, from 1, to the field of a RequestError."""
    try:
        yield
    except RequestError as error:
        field = message("{field} of pane {pane}", field=error.message.values["field"], pane=pane)
        raise RequestError(field, error.reason) from error
