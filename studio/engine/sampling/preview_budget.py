"""Chooses whether a step shows a preview, and which decoder makes it. Importable without torch.

The rules, in this order:

- The budget is kept: all previews of a job together take at most ``budget`` of the time that the job has taken. Both
  are measured, not estimated.
- Previews are true: the best decoder is used that the budget allows often enough (see `PreviewScheduler`). If it is too
  slow for every step, fewer steps show a preview; a worse decoder would show more pictures that are wrong.
- A run does not get worse: a decoder is replaced by a better one during a run, and by a worse one only at the start of
  the next.
- Steps without a preview are spread as evenly as possible, and the first step shows one in any case.

The cost of a decoder is the median of its last few times while it is in use. The cost of one that is not in use is its
last known cost, scaled by how much slower or faster the one in use has become since. So a busy machine makes every
decoder more expensive, whether by a factor or by a constant delay, and a single slow preview has no effect.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from studio.engine.requests.previews import Tier

REMEMBERED, BASELINE = 7, 3
MAX_INTERVAL_S = 1.0
"""A decoder is used if the budget allows one of its previews at least this often ..."""
MAX_GAP = 3
"""... or at least every so many steps, whichever is longer, ..."""
MIN_PREVIEWS = 6
"""... and at least so many in the whole job, or one every second step if it has fewer than twice as many."""
MARGIN = 1.25
"""A better decoder must be this many times cheaper than the limits to be chosen, so that chance does not decide."""
PATIENCE = 8
"""Number of consecutive steps for which it must be."""
MAX_ADVANCE = 0.5
"""How much of the whole job's budget the first preview may take before the job has earned it."""


class TierCosts:
    """What a preview by each decoder currently costs, in seconds."""

    def __init__(self) -> None:
        self._own: dict[Tier, deque[float]] = {}
        self._left_at: dict[
            Tier, float
        ] = {}  # of those not in use: the cost when the current one was taken up
        self._current: Tier | None = None
        self._first: list[float] = []  # of the current one, since it was taken up
        self._last: deque[float] = deque(maxlen=REMEMBERED)

    def note(self, tier: Tier, seconds: float) -> None:
        seconds = max(seconds, 1e-9)
        if tier != self._current:
            self._left_at = {known: self.of(known) for known in self._own}
            # Its old times are outdated; the estimate counts as much as a few new ones.
            expected = [self._left_at[tier]] * (REMEMBERED // 2) if tier in self._own else []
            self._own[tier] = deque(expected, maxlen=REMEMBERED)
            self._current, self._first = tier, []
            self._last.clear()
        self._own[tier].append(seconds)
        self._last.append(seconds)
        if len(self._first) < BASELINE:
            self._first.append(seconds)

    def of(self, tier: Tier) -> float:
        """Return the expected time of a preview; 0 if none was ever made."""
        if tier not in self._own:
            return 0.0
        if tier == self._current:
            return statistics.median(self._own[tier])
        return self._left_at[tier] * statistics.median(self._last) / statistics.median(self._first)


class PreviewScheduler:
    """Chooses the previews of one job, step by step."""

    def __init__(
        self,
        tiers: Sequence[Tier],
        costs: TierCosts,
        budget: float | None,
        steps: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Start the job's clock.

        Args:
            tiers: the decoders there are, best first.
            costs: what they are known to cost; updated by `note`.
            budget: the share of the job's time; None or 1: no limit.
            steps: how many steps the job takes, of all its pictures together.
            clock: returns the time in seconds.
        """
        self._tiers, self._costs, self._clock = tuple(tiers), costs, clock
        self._budget = 1.0 if budget is None else budget
        self._total_steps = steps
        self._started, self._spent = clock(), 0.0
        self._steps, self._shown = 0, 0
        self._current: int | None = None  # index of the decoder in use
        self._better_for = 0  # steps in succession at which a better one could have been used

    def choose(self, *, starts: bool = False) -> Tier | None:
        """Return the decoder for the step that was just taken; None: it shows no preview.

        Args:
            starts: whether this is the first step of a picture, at which a worse decoder may be taken up.
        """
        self._steps += 1
        if self._budget >= 1 or self._budget <= 0:
            return self._tiers[0] if self._budget > 0 else None
        elapsed = self._clock() - self._started
        index = self._select(elapsed, starts=starts)
        tier = self._tiers[index]
        if self._fits(tier, self._budget * elapsed):
            return tier
        if self._shown:
            return None
        # The first preview is made in any case: in advance if the job will have the time for it, else by the cheapest.
        expected = self._budget * elapsed * self._total_steps / self._steps
        return tier if self._costs.of(tier) <= MAX_ADVANCE * expected else self._tiers[-1]

    def note(self, tier: Tier, seconds: float) -> None:
        """Record how long making a preview took."""
        self._costs.note(tier, seconds)
        self._spent += seconds
        self._shown += 1

    def _fits(self, tier: Tier, allowed: float) -> bool:
        """Whether one more preview keeps the budget; the time that it takes is part of the job's time."""
        return self._spent + (1.0 - self._budget) * self._costs.of(tier) <= allowed

    def _select(self, elapsed: float, *, starts: bool) -> int:
        """Return the index of the decoder to use from here on."""
        best = self._best_affordable(elapsed, 1.0)
        if self._current is None:
            self._current = best
        elif best > self._current:
            self._better_for = 0
            if starts and self._best_affordable(elapsed, 1 / MARGIN) > self._current:
                self._current = best
        elif (better := self._best_affordable(elapsed, MARGIN)) < self._current:
            self._better_for += 1
            if self._better_for >= PATIENCE:
                self._current, self._better_for = better, 0
        else:
            self._better_for = 0
        return self._current

    def _best_affordable(self, elapsed: float, factor: float) -> int:
        """Return the index of the best decoder that the budget allows often enough at ``factor`` times its cost."""
        # What previews took does not belong to a step: it would make a slow decoder look affordable.
        step_seconds = max(elapsed - self._spent, 1e-9) / self._steps
        interval = max(MAX_INTERVAL_S, MAX_GAP * step_seconds)
        previews = min(MIN_PREVIEWS, self._total_steps / 2)
        for index, tier in enumerate(self._tiers):
            # Between two previews the steps take (1 - budget) / budget times as long as one preview.
            seconds = factor * self._costs.of(tier) * (1.0 - self._budget) / self._budget
            if seconds <= interval and previews * seconds <= self._total_steps * step_seconds:
                return index
        return len(self._tiers) - 1
