"""Which previews a picture shows while it forms, and how often. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from studio.errors import RequestError
from studio.messages import message

Quantity: TypeAlias = Literal["x0", "x_t"]
"""The quantity that a preview shows: the predicted clean picture (x0_hat), or the noisy state itself (x_t)."""

Tier: TypeAlias = Literal["full", "small", "linear"]
"""The decoder of a preview, best first: the codec's decoder, a small one distilled from it, or a linear map."""

TIERS: tuple[Tier, ...] = ("full", "small", "linear")


@dataclass(eq=False)
class PreviewTarget:
    """The quantity that previews show. May be changed from any thread, even during a job: the next preview follows.

    Attributes:
        quantity: "x0" or "x_t".
    """

    quantity: Quantity = "x0"


@dataclass(frozen=True)
class Previews:
    """How a picture is shown while it forms. Previews never change the picture, so they are not part of a request.

    The last step of a picture has a preview if any step may have one: it is the picture itself and costs nothing.

    Attributes:
        every: at most every so many steps; 0 shows none.
        budget: the share of a job's time that previews may take, 0 to 1. Within it the best decoder is used that it
            allows often enough; see `studio.engine.sampling.preview_budget`. None and 1 set no limit: every wanted
            preview is made, by the codec itself.
        target: what they show.
        arrays: whether every step also carries x0_hat and the state as arrays.
    """

    every: int = 1
    budget: float | None = None
    target: PreviewTarget = field(default_factory=PreviewTarget)
    arrays: bool = False

    def __post_init__(self) -> None:
        """Validate the values.

        Raises:
            RequestError: the budget is not 0 to 1, or ``every`` is below 0.
        """
        if self.budget is not None and not 0 <= self.budget <= 1:
            raise RequestError("budget", message("must be 0 to 1, not {value}", value=repr(self.budget)))
        if self.every < 0:
            raise RequestError("every", message("must be 0 or more, not {value}", value=repr(self.every)))

    @property
    def limited(self) -> bool:
        """Whether previews are wanted, but only within a budget."""
        return self.every > 0 and self.budget is not None and 0 < self.budget < 1

    def wanted(self, step: int, steps: int) -> bool:
        """Whether step ``step`` (from 1) of ``steps`` may have a preview."""
        return self.every > 0 and (step % self.every == 0 or step == steps)


NO_PREVIEWS = Previews(every=0)
EVERY_STEP = Previews()
