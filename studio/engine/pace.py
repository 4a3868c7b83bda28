"""Which way of making a preview the budget allows at a step, if any. Importable without torch.

The rules, in their order:

- what all previews of a job took is at most ``budget`` of the time that the job has taken;
- within that, every step shows the best tier that could have been shown at every step so far;
- where not even the cheapest could, steps without a preview lie between those with one, as evenly as steps are;
- the first step shows something in any case.

What a tier costs is told from its best time and from how much slower than their best times the last few previews were,
of whatever tier. So a busy minute makes every tier dearer and a quiet one makes them cheaper again, also those that
were not tried meanwhile; and as the middle of the last few counts, a single hiccup changes nothing.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from studio.engine.previews import Tier

REMEMBERED = 7
CLEARLY_CHEAPER = 0.8
"""How much of what a step may spend a better tier must cost, so that tiers do not alternate around the limit."""
PATIENCE = 8
"""Steps before a tier that became too dear is taken up again; twice as many after every further time."""


class Costs:
    """What each tier costs at present, in seconds."""

    def __init__(self) -> None:
        """Start knowing nothing."""
        self._best: dict[Tier, float] = {}
        self._slowness: deque[float] = deque(maxlen=REMEMBERED)

    def note(self, tier: Tier, seconds: float) -> None:
        """Take in what one preview took."""
        seconds = max(seconds, 1e-9)
        self._best[tier] = min(seconds, self._best.get(tier, seconds))
        self._slowness.append(seconds / self._best[tier])

    def of(self, tier: Tier) -> float:
        """Return what a preview of this tier would take now; 0 where none was ever made."""
        slowness = statistics.median(self._slowness) if self._slowness else 1.0
        return self._best.get(tier, 0.0) * slowness


class Pace:
    """Chooses, step by step through one job."""

    def __init__(
        self,
        tiers: Sequence[Tier],
        costs: Costs,
        budget: float | None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Start the job's clock.

        Args:
            tiers: those there are, best first.
            costs: what they are known to take; kept up to date here.
            budget: the share of the job's time; None or 1: no limit.
            clock: the time in seconds.
        """
        self._tiers, self._costs, self._clock = tuple(tiers), costs, clock
        self._budget = 1.0 if budget is None else budget
        self._started, self._spent = clock(), 0.0
        self._steps, self._shown = 0, 0
        self._current = 0  # place of the tier in use
        self._given_up: dict[int, tuple[int, int]] = {}  # at which step, and for how many

    def choose(self) -> Tier | None:
        """Return the tier for the step that was just taken; None: it shows nothing."""
        self._steps += 1
        if self._budget >= 1 or self._budget <= 0:
            return self._tiers[0] if self._budget > 0 else None
        allowed = self._budget * (self._clock() - self._started)
        self._settle(allowed / self._steps)
        for tier in self._tiers[self._current :]:
            if self._fits(tier, allowed):
                return tier
        return self._tiers[-1] if self._shown == 0 else None

    def note(self, tier: Tier, seconds: float) -> None:
        """Take in what making the preview took."""
        self._costs.note(tier, seconds)
        self._spent += seconds
        self._shown += 1

    def _fits(self, tier: Tier, allowed: float) -> bool:
        """Whether one more preview keeps the budget; the time that it takes itself is the job's too."""
        return self._spent + (1.0 - self._budget) * self._costs.of(tier) <= allowed

    def _settle(self, share: float) -> None:
        """Take up the best tier that costs no more than a step may spend; where there is none, the cheapest."""
        for place, tier in enumerate(self._tiers):
            limit = share * CLEARLY_CHEAPER if place < self._current else share
            since, patience = self._given_up.get(place, (0, 0))
            if self._costs.of(tier) <= limit and self._steps >= since + patience:
                break
        for better in range(self._current, place):
            _, patience = self._given_up.get(better, (0, PATIENCE // 2))
            self._given_up[better] = self._steps, 2 * patience
        self._current = place
