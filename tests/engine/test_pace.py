"""The budget of previews, with a clock that only moves as the script says."""

from __future__ import annotations

import itertools
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from studio.engine.pace import Costs, Pace
from studio.engine.previews import TIERS, Tier

if TYPE_CHECKING:
    from collections.abc import Sequence

MS = 1e-3
STARTER: dict[Tier, float] = {"full": 4.2 * MS, "small": 0.9 * MS, "linear": 0.06 * MS}
SLOW: dict[Tier, float] = {"full": 400 * MS, "small": 60 * MS, "linear": 20 * MS}
FREE: dict[Tier, float] = {"full": 0.001 * MS, "small": 0.001 * MS, "linear": 0.001 * MS}

Make = Callable[["Sequence[Tier]", Costs, float, Callable[[], float]], Pace]


@dataclass
class Run:
    """What a scripted run showed."""

    tiers: list[Tier | None]
    spent: float
    elapsed: float
    dearest: float

    @property
    def shown(self) -> list[int]:
        return [step for step, tier in enumerate(self.tiers, start=1) if tier is not None]


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
) -> Run:
    """Take steps; a preview made at a step takes its tier's cost times ``slower(step)``, and waits besides.

    So many pictures are made ``together`` that many steps end at once, after a time that is long for one.
    """
    now, spent, dearest, known = 100.0, 0.0, 0.0, Costs()
    for tier in costs:
        known.note(tier, costs[tier])

    def clock() -> float:
        return now

    pace, tiers = make(tuple(costs), known, budget, clock), list[Tier | None]()
    for step in range(1, steps + 1):
        now += step_seconds * together if step % together == 1 % together else 0.0
        tier = pace.choose()
        tiers.append(tier)
        if tier is not None:
            cost = costs[tier] * slower(step) + waits(step)
            now, spent, dearest = now + cost, spent + cost, max(dearest, cost)
            pace.note(tier, cost)
    return Run(tiers=tiers, spent=spent, elapsed=now - 100.0, dearest=dearest)


# --------------------------------------------------------------------------- what is promised, each with its breakers


def breaks_the_budget(make: Make) -> bool:
    cases = itertools.product((STARTER, SLOW, FREE), (0.01, 0.1, 0.3), (2 * MS, 27 * MS, 500 * MS))
    for costs, budget, step_seconds in cases:
        run = play(make, costs, budget=budget, steps=300, step_seconds=step_seconds)
        first = costs["linear"]  # shown though there may be no room for it yet; soon made good
        if run.spent > budget * run.elapsed + first:
            return True
    return False


def misses_the_best_tier(make: Make) -> bool:
    expected: dict[float, Tier] = {0.005: "linear", 0.1: "small", 0.3: "full"}
    runs = {tier: play(make, STARTER, budget=budget, steps=60) for budget, tier in expected.items()}
    return any(set(run.tiers[5:]) != {tier} for tier, run in runs.items())


def starves(make: Make) -> bool:
    """Nothing for a long time, at the beginning or later."""
    for budget in (0.01, 0.1):
        run = play(make, SLOW, budget=budget, steps=1500, step_seconds=5 * MS)
        gaps = [second - first for first, second in itertools.pairwise(run.shown)]
        usual = SLOW["linear"] / budget / (5 * MS)
        if not run.shown or run.shown[0] != 1 or max(gaps) > 2 * usual or run.shown[-1] < 1500 - 2 * usual:
            return True
    return False


def is_uneven(make: Make) -> bool:
    run = play(make, SLOW, budget=0.1, steps=1500, step_seconds=5 * MS)
    gaps = [second - first for first, second in itertools.pairwise(run.shown[1:])]  # the first is made good
    return max(gaps) - min(gaps) > 2


def takes_a_hiccup_to_heart(make: Make) -> bool:
    """One preview of fifty times the usual length."""
    run = play(make, STARTER, budget=0.3, steps=400, slower=lambda step: 50.0 if step == 100 else 1.0)
    return set(run.tiers[:99]) != {"full"} or set(run.tiers[160:]) != {"full"}


def stays_down(make: Make) -> bool:
    """A busy stretch, in which every preview takes eight times as long."""
    run = play(make, STARTER, budget=0.3, steps=600, slower=lambda step: 8.0 if 100 <= step < 160 else 1.0)
    return "full" in run.tiers[130:155] or run.tiers[-1] != "full"


def is_put_off_by_waiting(make: Make) -> bool:
    """A window that keeps every preview waiting, long for a while and then a little: as long for a cheap one."""
    run = play(
        make, STARTER, budget=0.1, steps=600, waits=lambda step: 4 * MS if 50 <= step < 150 else 0.8 * MS
    )
    return "small" in run.tiers[80:145] or set(run.tiers[400:]) != {"small"}


def alternates(make: Make) -> bool:
    """A tier that costs just what a step may spend, give or take."""
    chance = random.Random(0)
    run = play(make, STARTER, budget=0.17, steps=600, slower=lambda step: chance.uniform(0.5, 2.0))
    kept = [tier for tier in run.tiers if tier is not None]
    return sum(first != second for first, second in itertools.pairwise(kept)) > 24


BREAKERS = (
    breaks_the_budget,
    misses_the_best_tier,
    starves,
    is_uneven,
    takes_a_hiccup_to_heart,
    stays_down,
    is_put_off_by_waiting,
    alternates,
)


@pytest.mark.parametrize("breaks", BREAKERS, ids=lambda breaks: breaks.__name__)
def test_the_pace_keeps_its_promises(breaks: Callable[[Make], bool]) -> None:
    assert not breaks(Pace)


# ---------------------------------------------------------------------------------------------------- wrong twins


class Greedy(Pace):
    """Always the best."""

    def choose(self) -> Tier | None:
        return "full"


class Timid(Pace):
    """Always the cheapest."""

    def choose(self) -> Tier | None:
        return "linear" if super().choose() else None


class Thrifty(Pace):
    """Nothing before there is room for it."""

    def choose(self) -> Tier | None:
        tier = super().choose()
        return tier if self._shown or self._fits("linear", self._budget * (self._clock() - 100.0)) else None


class Spendthrift(Pace):
    """Saves up, then shows ten in a row."""

    def choose(self) -> Tier | None:
        tier = super().choose()
        return tier if self._shown == 0 or (self._steps // 400) % 2 else None


class WorstCosts(Costs):
    def __init__(self) -> None:
        super().__init__()
        self._worst: dict[Tier, float] = {}

    def note(self, tier: Tier, seconds: float) -> None:
        self._worst[tier] = max(seconds, self._worst.get(tier, 0.0))

    def of(self, tier: Tier) -> float:
        return self._worst.get(tier, 0.0)


class BestCosts(Costs):
    """A tier's best time, and that all are as much slower than theirs as the last previews were."""

    def __init__(self) -> None:
        super().__init__()
        self._best: dict[Tier, float] = {}
        self._slowness = [1.0]

    def note(self, tier: Tier, seconds: float) -> None:
        self._best[tier] = min(seconds, self._best.get(tier, seconds))
        self._slowness = [*self._slowness[-6:], seconds / self._best[tier]]

    def of(self, tier: Tier) -> float:
        return self._best.get(tier, 0.0) * statistics.median(self._slowness)


class Resentful(Pace):
    """Never forgets the longest preview."""

    kind: type[Costs] = WorstCosts

    def __init__(
        self, tiers: Sequence[Tier], costs: Costs, budget: float, clock: Callable[[], float]
    ) -> None:
        known = self.kind()
        for tier in tiers:
            known.note(tier, costs.of(tier))
        super().__init__(tiers, known, budget, clock)


class Rigid(Resentful):
    """Takes waiting for slowness."""

    kind: type[Costs] = BestCosts


class LastCosts(Costs):
    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[Tier, float] = {}
        self._slowness = 1.0

    def note(self, tier: Tier, seconds: float) -> None:
        self._slowness = seconds / self._seen.setdefault(tier, seconds)

    def of(self, tier: Tier) -> float:
        return self._seen.get(tier, 0.0) * self._slowness


class Nervous(Resentful):
    """Believes the last preview alone, and goes back at once."""

    kind: type[Costs] = LastCosts

    def _settle(self, share: float) -> None:
        affordable = [place for place, tier in enumerate(self._tiers) if self._costs.of(tier) <= share]
        self._current = affordable[0] if affordable else len(self._tiers) - 1


TWINS = {
    Greedy: {breaks_the_budget, misses_the_best_tier},
    Timid: {misses_the_best_tier},
    Thrifty: {starves},
    Spendthrift: {starves, is_uneven},
    Resentful: {takes_a_hiccup_to_heart, stays_down},
    Rigid: {is_put_off_by_waiting},
    Nervous: {alternates},
}


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.__name__)
def test_a_pace_that_breaks_a_promise_is_seen(twin: type[Pace]) -> None:
    assert {breaks for breaks in BREAKERS if breaks(twin)} >= TWINS[twin]


# ------------------------------------------------------------------------------------------------------ the corners


def test_pictures_that_are_made_together_share_a_budget_and_show_alike() -> None:
    run = play(Pace, STARTER, budget=0.1, steps=800, together=8)
    assert run.spent <= 0.1 * run.elapsed + STARTER["linear"]
    assert set(run.tiers[16:]) == {"small"}
    assert {tier is not None for tier in run.tiers} == {True}


@pytest.mark.parametrize("budget", [None, 1.0])
def test_without_a_limit_every_step_shows_the_best(budget: float | None) -> None:
    pace = Pace(TIERS, Costs(), budget)
    for _ in range(50):
        assert pace.choose() == "full"
        pace.note("full", 60.0)


def test_without_a_budget_nothing_is_shown() -> None:
    pace = Pace(TIERS, Costs(), 0.0)
    assert {pace.choose() for _ in range(50)} == {None}


def test_a_model_with_one_tier_slows_its_cadence() -> None:
    run = play(Pace, {"full": 100 * MS}, budget=0.1, steps=400, step_seconds=10 * MS)
    assert 0.08 <= run.spent / run.elapsed <= 0.103
    assert run.shown[0] == 1


def test_a_tier_costs_what_it_took_and_the_others_move_with_it() -> None:
    costs = Costs()
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
