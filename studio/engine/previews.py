"""When a picture shows how it forms, and what of it. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from studio.errors import RequestError

PreviewKind: TypeAlias = Literal["x0", "x_t"]
"""What a preview shows: the model's idea of the finished picture (x0_hat), or the noisy state itself (x_t)."""

Tier: TypeAlias = Literal["full", "small", "linear"]
"""What made a preview, best first: the codec's decoder, a small one distilled from it, or a linear map."""

TIERS: tuple[Tier, ...] = ("full", "small", "linear")


@dataclass(eq=False)
class Shown:
    """What previews show. It may be changed from any thread, also while a job runs: the next preview obeys.

    Attributes:
        what: "x0" or "x_t".
    """

    what: PreviewKind = "x0"


@dataclass(frozen=True)
class Previews:
    """How a picture is shown while it forms. This never changes the picture, so it is no part of a request.

    The last step of a picture is shown whenever any is: it is the picture itself and costs nothing more.

    Attributes:
        every: show each such step at most; 0 shows none.
        budget: the share of a job's time that previews may take, 0 to 1. The best way of making them that this allows
            is taken, and where even the cheapest is too dear, fewer are made. None, and 1, set no limit: every preview
            that is wanted is made, by the codec itself.
        shown: what they show.
        arrays: whether every step also carries x0_hat and the state as numbers.
    """

    every: int = 1
    budget: float | None = None
    shown: Shown = field(default_factory=Shown)
    arrays: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no budget.

        Raises:
            RequestError: the budget is not 0 to 1, or ``every`` is below 0.
        """
        if self.budget is not None and not 0 <= self.budget <= 1:
            raise RequestError("budget", f"must be 0 to 1, not {self.budget!r}")
        if self.every < 0:
            raise RequestError("every", f"must be 0 or more, not {self.every!r}")

    @property
    def limited(self) -> bool:
        """Whether previews are wanted, but not at any cost."""
        return self.every > 0 and self.budget is not None and 0 < self.budget < 1

    def wanted(self, step: int, steps: int) -> bool:
        """Whether step ``step`` (from 1) of ``steps`` may carry a preview."""
        return self.every > 0 and (step % self.every == 0 or step == steps)


NO_PREVIEWS = Previews(every=0)
EVERY_STEP = Previews()
