"""The budget of previews, with a clock that only moves as the script says."""

from __future__ import annotations

import itertools
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from studio.engine.requests.previews import TIERS, Tier
from studio.engine.sampling.preview_budget import PreviewScheduler, TierCosts

if TYPE_CHECKING:
    from collections.abc import Sequence

MS = 1e-3
STARTER: dict[Tier, float] = {"full": 4.2 * MS, "small": 0.9 * MS, "linear": 0.06 * MS}
SLOW: dict[Tier, float] = {"full": 400 * MS, "small": 60 * MS, "linear": 20 * MS}
FREE: dict[Tier, float] = {"full": 0.001 * MS, "small": 0.001 * MS, "linear": 0.001 * MS}

Make = Callable[["Sequence[Tier]", TierCosts, float, int, Callable[[], float]], PreviewScheduler]


@dataclass
class Run:
    """What a scripted run showed."""

    tiers: list[Tier | None]
    spent: float
    elapsed: float

    @property
    def shown(self) -> list[int]:
        return [step for step, tier in enumerate(self.tiers, start=1) if tier is not None]

    @property
    def used(self) -> list[Tier]:
        return [tier for tier in self.tiers if tier is not None]

    @property
    def changes(self) -> list[tuple[Tier, Tier]]:
        return [(first, second) for first, second in itertools.pairwise(self.used) if first != second]


def play(
    make: Make,
    costs: dict[Tier, float],
    *,
    budget: float,
    steps: int,
    step_seconds: float = 27 * MS,
    slower: Callable[[int], float] = lambda step: 1.0,
    waits: Callable[[int], float] = lambda step: 0.0,
    together: int = 1,
    pictures: int = 1,
) -> Run:
    """Take steps; a preview at a step takes its tier's cost times ``slower(step)``, plus ``waits(step)``.

    The costs are measured before the first step, as at step 0. So many pictures are made ``together`` that many steps
    end at once, after a time that is long for one; or ``pictures`` one after the other.
    """
    now, spent, known = 100.0, 0.0, TierCosts()
    for tier in costs:
        known.note(tier, costs[tier] * slower(0) + waits(0))

    def clock() -> float:
        return now

    scheduler, tiers = make(tuple(costs), known, budget, steps * pictures, clock), list[Tier | None]()
    for step in range(1, steps * pictures + 1):
        now += step_seconds * together if step % together == 1 % together else 0.0
        tier = scheduler.choose(starts=step % steps == 1)
        tiers.append(tier)
        if tier is not None:
            cost = costs[tier] * slower(step) + waits(step)
            now, spent = now + cost, spent + cost
            scheduler.note(tier, cost)
    return Run(tiers=tiers, spent=spent, elapsed=now - 100.0)


# ---------------------------------------------------------------------------- what is promised, each with its breaker


def breaks_the_budget(make: Make) -> bool:
    cases = itertools.product((STARTER, SLOW, FREE), (0.01, 0.1, 0.3), (2 * MS, 27 * MS, 500 * MS))
    for costs, budget, step_seconds in cases:
        run = play(make, costs, budget=budget, steps=300, step_seconds=step_seconds)
        first = costs["linear"]  # shown even if the budget does not allow it yet; soon made up for
        if run.spent > budget * run.elapsed + first:
            return True
    return False


def misses_the_best_tier(make: Make) -> bool:
    """Full frames wherever there is time for some, rather than worse ones at every step."""
    expected: dict[float, Tier] = {0.0005: "linear", 0.005: "small", 0.05: "full", 0.1: "full", 0.3: "full"}
    runs = {budget: play(make, STARTER, budget=budget, steps=60) for budget in expected}
    return any(set(run.used) != {expected[budget]} for budget, run in runs.items())


def starves(make: Make) -> bool:
    """No preview for a long time, at the start or later."""
    for budget in (0.01, 0.1):
        run = play(make, SLOW, budget=budget, steps=1500, step_seconds=5 * MS)
        if not run.shown or run.shown[0] != 1:
            return True
        gaps = [second - first for first, second in itertools.pairwise(run.shown)]
        usual = SLOW[run.used[0]] / budget / (5 * MS)
        if max(gaps) > 2 * usual or run.shown[-1] < 1500 - 2 * usual:
            return True
    return False


def is_uneven(make: Make) -> bool:
    run = play(make, SLOW, budget=0.1, steps=1500, step_seconds=5 * MS)
    gaps = [second - first for first, second in itertools.pairwise(run.shown[1:])]  # the first is made up for
    return max(gaps) - min(gaps) > 2


def overreacts_to_one_slow_preview(make: Make) -> bool:
    """One preview of fifty times the usual length."""
    run = play(make, STARTER, budget=0.3, steps=400, slower=lambda step: 50.0 if step == 100 else 1.0)
    return set(run.tiers[:99]) != {"full"} or set(run.tiers[160:]) != {"full"}


def gets_worse(make: Make) -> bool:
    """A busy period, in which every preview takes eight times as long: fewer are shown, and none is worse."""
    run = play(make, STARTER, budget=0.02, steps=600, slower=lambda step: 8.0 if 100 <= step < 300 else 1.0)
    return set(run.used) != {"full"} or run.spent > 0.02 * run.elapsed + 9 * STARTER["full"]


def stays_down(make: Make) -> bool:
    """A busy period at the start."""
    run = play(make, STARTER, budget=0.02, steps=600, slower=lambda step: 8.0 if step < 100 else 1.0)
    return run.used[0] != "small" or run.used[-1] != "full"


def stays_down_after_a_delay(make: Make) -> bool:
    """A window that delays every preview, however cheap, for a while."""
    run = play(make, STARTER, budget=0.02, steps=600, waits=lambda step: 20 * MS if step < 100 else 0.1 * MS)
    return run.used[0] != "linear" or run.used[-1] != "full"


def alternates(make: Make) -> bool:
    """A decoder that costs just as much as the limit, more or less."""
    chance = random.Random(0)
    run = play(make, STARTER, budget=0.0042, steps=3000, slower=lambda step: chance.uniform(0.5, 2.0))
    return len(run.changes) > 1


BREAKERS = (
    breaks_the_budget,
    misses_the_best_tier,
    starves,
    is_uneven,
    overreacts_to_one_slow_preview,
    gets_worse,
    stays_down,
    stays_down_after_a_delay,
    alternates,
)


@pytest.mark.parametrize("breaks", BREAKERS, ids=lambda breaks: breaks.__name__)
def test_the_scheduler_keeps_its_promises(breaks: Callable[[Make], bool]) -> None:
    assert not breaks(PreviewScheduler)


# ---------------------------------------------------------------------------------------------------- wrong twins


class Greedy(PreviewScheduler):
    """Always the best."""

    def choose(self, *, starts: bool = False) -> Tier | None:
        return "full"


class Timid(PreviewScheduler):
    """Always the cheapest."""

    def choose(self, *, starts: bool = False) -> Tier | None:
        return "linear" if super().choose(starts=starts) else None


class Smooth(PreviewScheduler):
    """The best that can be shown at every step, as a mosaic if need be."""

    def _best_affordable(self, elapsed: float, factor: float) -> int:
        share = self._budget * elapsed / self._steps
        fitting = [i for i, tier in enumerate(self._tiers) if factor * self._costs.of(tier) <= share]
        return fitting[0] if fitting else len(self._tiers) - 1


class Thrifty(PreviewScheduler):
    """No preview before the budget allows one."""

    def choose(self, *, starts: bool = False) -> Tier | None:
        tier = super().choose(starts=starts)
        return tier if self._shown or self._fits("linear", self._budget * (self._clock() - 100.0)) else None


class Spendthrift(PreviewScheduler):
    """Saves up, then shows many in a row."""

    def choose(self, *, starts: bool = False) -> Tier | None:
        tier = super().choose(starts=starts)
        return tier if self._shown == 0 or (self._steps // 400) % 2 else None


class WorstCosts(TierCosts):
    def __init__(self) -> None:
        super().__init__()
        self._worst: dict[Tier, float] = {}

    def note(self, tier: Tier, seconds: float) -> None:
        self._worst[tier] = max(seconds, self._worst.get(tier, 0.0))

    def of(self, tier: Tier) -> float:
        return self._worst.get(tier, 0.0)


class BestCosts(TierCosts):
    """The best time of each decoder, and that all are as much slower than theirs as the last previews were."""

    def __init__(self) -> None:
        super().__init__()
        self._best: dict[Tier, float] = {}
        self._slowness = [1.0]

    def note(self, tier: Tier, seconds: float) -> None:
        self._best[tier] = min(seconds, self._best.get(tier, seconds))
        self._slowness = [*self._slowness[-6:], seconds / self._best[tier]]

    def of(self, tier: Tier) -> float:
        return self._best.get(tier, 0.0) * statistics.median(self._slowness)


class Resentful(PreviewScheduler):
    """Never forgets the longest preview."""

    kind: type[TierCosts] = WorstCosts

    def __init__(
        self,
        tiers: Sequence[Tier],
        costs: TierCosts,
        budget: float,
        steps: int,
        clock: Callable[[], float],
    ) -> None:
        known = self.kind()
        for tier in tiers:
            known.note(tier, costs.of(tier))
        super().__init__(tiers, known, budget, steps, clock)


class Rigid(Resentful):
    """Takes a constant delay for slowness."""

    kind: type[TierCosts] = BestCosts


class LastCosts(TierCosts):
    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[Tier, float] = {}
        self._slowness = 1.0

    def note(self, tier: Tier, seconds: float) -> None:
        self._slowness = seconds / self._seen.setdefault(tier, seconds)

    def of(self, tier: Tier) -> float:
        return self._seen.get(tier, 0.0) * self._slowness


class Nervous(Resentful):
    """Believes the last preview alone, and switches at once."""

    kind: type[TierCosts] = LastCosts

    def _select(self, elapsed: float, *, starts: bool) -> int:
        return self._best_affordable(elapsed, 1.0)


class Fickle(PreviewScheduler):
    """Takes up a worse decoder in the middle of a run."""

    def _select(self, elapsed: float, *, starts: bool) -> int:
        return super()._select(elapsed, starts=True)


TWINS = {
    Greedy: {breaks_the_budget, misses_the_best_tier},
    Timid: {misses_the_best_tier},
    Smooth: {misses_the_best_tier},
    Thrifty: {starves},
    Spendthrift: {starves, is_uneven},
    Resentful: {stays_down},
    Rigid: {stays_down_after_a_delay},
    Nervous: {gets_worse, alternates},
    Fickle: {gets_worse},
}


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.__name__)
def test_a_scheduler_that_breaks_a_promise_is_detected(twin: type[PreviewScheduler]) -> None:
    assert {breaks for breaks in BREAKERS if breaks(twin)} >= TWINS[twin]


# ------------------------------------------------------------------------------------------------------ the corners


def test_pictures_that_are_made_together_share_a_budget_and_show_alike() -> None:
    run = play(PreviewScheduler, STARTER, budget=0.1, steps=800, together=8)
    assert run.spent <= 0.1 * run.elapsed + STARTER["linear"]
    assert set(run.used) == {"full"}
    assert len(run.shown) > 400


@pytest.mark.parametrize("budget", [None, 1.0])
def test_without_a_limit_every_step_shows_the_best(budget: float | None) -> None:
    scheduler = PreviewScheduler(TIERS, TierCosts(), budget, 50)
    for _ in range(50):
        assert scheduler.choose() == "full"
        scheduler.note("full", 60.0)


def test_without_a_budget_nothing_is_shown() -> None:
    scheduler = PreviewScheduler(TIERS, TierCosts(), 0.0, 50)
    assert {scheduler.choose() for _ in range(50)} == {None}


def test_the_next_picture_may_take_up_a_worse_decoder_if_it_has_to() -> None:
    run = play(
        PreviewScheduler,
        STARTER,
        budget=0.02,
        steps=150,
        pictures=16,
        slower=lambda step: 20.0 if step >= 100 else 1.0,
    )
    assert run.changes == [("full", "small")]
    assert "small" not in run.tiers[:150], "not in the picture in which it became slow"
    assert run.spent <= 0.02 * run.elapsed


def test_a_model_with_one_tier_slows_its_cadence() -> None:
    run = play(PreviewScheduler, {"full": 100 * MS}, budget=0.1, steps=400, step_seconds=10 * MS)
    assert 0.08 <= run.spent / run.elapsed <= 0.103
    assert run.shown[0] == 1


def test_a_tier_costs_what_it_took_and_the_others_move_with_it() -> None:
    costs = TierCosts()
    assert costs.of("full") == 0.0
    costs.note("full", 0.004)
    for _ in range(7):
        costs.note("small", 0.001)
    assert costs.of("full") == pytest.approx(0.004)
    for _ in range(7):
        costs.note("small", 0.002)
    assert costs.of("small") == pytest.approx(0.002)
    assert costs.of("full") == pytest.approx(0.008)
    costs.note("small", 0.1)
    assert costs.of("full") == pytest.approx(0.008), "one hiccup"
    costs.note("full", 0.004)
    costs.note("full", 0.004)
    assert costs.of("full") == pytest.approx(0.008), "what was expected of it weighs too"
    for _ in range(3):
        costs.note("full", 0.004)
    assert costs.of("full") == pytest.approx(0.004)
