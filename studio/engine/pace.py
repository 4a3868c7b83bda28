"""Which way of making a preview the budget allows at a step, if any. Importable without torch.

The rules, in their order:

- what all previews of a job took is at most ``budget`` of the time that the job has taken;
- within that, every step shows the best tier that could have been shown at every step so far;
- where not even the cheapest could, steps without a preview lie between those with one, as evenly as steps are;
- the first step shows something in any case.

What a tier costs is the middle of its own last few times while it is in use. What another would cost is what it last
cost, times how much cheaper or dearer the one in use has become since then. So a busy minute makes every tier dearer
and a quiet one makes them cheaper again, whether everything takes longer by a factor or waits a while each time (for
the thread of a window, say); and as the middle counts, a single hiccup changes nothing.
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
        self._own: dict[Tier, deque[float]] = {}
        self._left_at: dict[Tier, float] = {}  # what those not in use cost when that one was taken up
        self._current: Tier | None = None
        self._first: list[float] = []  # of the one in use, since it was taken up
        self._last: deque[float] = deque(maxlen=REMEMBERED)

    def note(self, tier: Tier, seconds: float) -> None:
        """Take in what one preview took."""
        seconds = max(seconds, 1e-9)
        if tier != self._current:
            self._left_at = {known: self.of(known) for known in self._own}
            # Its old times are of another day; what was expected of it weighs as much as a few new ones.
            expected = [self._left_at[tier]] * (REMEMBERED // 2) if tier in self._own else []
            self._own[tier] = deque(expected, maxlen=REMEMBERED)
            self._current, self._first = tier, []
            self._last.clear()
        self._own[tier].append(seconds)
        self._last.append(seconds)
        if len(self._first) < REMEMBERED:
            self._first.append(seconds)

    def of(self, tier: Tier) -> float:
        """Return what a preview of this tier would take now; 0 where none was ever made."""
        if tier not in self._own:
            return 0.0
        if tier == self._current:
            return statistics.median(self._own[tier])
        return self._left_at[tier] * statistics.median(self._last) / statistics.median(self._first)


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
