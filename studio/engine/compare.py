"""Several runs side by side. Importable without torch."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from studio.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studio.engine.requests import GenerateRequest

MIN_PANES, MAX_PANES = 2, 6


@dataclass(frozen=True, kw_only=True)
class CompareRequest:
    """Make several pictures in lockstep: in each round, every one that is not finished has one query answered.

    Attributes:
        requests: one a pane, two to six, each with a count of 1; they may differ in everything, also the model.
        batched: whether runs of one model share each model call. That is faster, and on the CPU the last bits of a
            picture then depend on its neighbours; without it each pane is, bit for bit, what it is alone.
    """

    requests: tuple[GenerateRequest, ...]
    batched: bool = True

    def validate(self) -> Self:
        """Return the request itself if some models could run it.

        Raises:
            RequestError: there are too few or too many panes, or one holds what no model can use; the sentence names
                the pane (counted from 1) and the field.
        """
        if not MIN_PANES <= len(self.requests) <= MAX_PANES:
            raise RequestError(
                "comparison", f"must have {MIN_PANES} to {MAX_PANES} panes, not {len(self.requests)}"
            )
        for place, request in enumerate(self.requests, start=1):
            with naming_pane(place):
                request.validate()
                if request.count != 1:
                    raise RequestError("count", f"must be 1, not {request.count}")
        return self


@contextlib.contextmanager
def naming_pane(place: int) -> Iterator[None]:
    """Have a refused field be called that of the pane at ``place``, counted from 1."""
    try:
        yield
    except RequestError as error:
        raise RequestError(f"{error.field} of pane {place}", error.reason) from error
