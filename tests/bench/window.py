"""The real window on a screen of its own: start-up, the thread's heartbeat, previews, cancelling, memory.

Each figure has its bar beside it. The pictures are made by the shipped model, beside a gallery of 500.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from studio.folders import HOME_VARIABLE, Folders
from studio.gallery.store import PictureStore
from tests.bench.measure import say
from tests.gallery.samples import metadata
from tests.screen import missing, screen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
GALLERY = 500
TYPED_BAR_S = 1.0
GAP_BAR_MS, LATE_BAR_MS, LOAD_BAR_MS = 50.0, 25.0, 400.0
PAINTED_BAR, CANCEL_BAR_MS = 0.9, 100.0
GROWTH_BAR_MB, GROWTH_PREVIEWS = 2.0, 2_000
"""Memory may grow by so much over so many previews, by its trend over all rounds: single rounds differ by more."""
STARTS = 5


def bench() -> Mapping[str, object]:
    """Run every measurement in processes of their own."""
    if lacking := missing():
        return {"left_out": f"{', '.join(lacking)} is not installed"}
    with tempfile.TemporaryDirectory() as folder, screen() as environment:
        environment[HOME_VARIABLE] = folder
        fill(Folders.under(Path(folder)))
        say("window: from start to a typed character")
        starts = [child("start_up", environment) for _ in range(STARTS)]
        say("window: heartbeat, previews, cancelling")
        sampling = child("sampling", environment)
        say("window: memory")
        memory = child("memory", environment)
    return {"start_up": typed(starts), **judged(sampling), "memory_growth_over_2000_previews": grown(memory)}


def fill(folders: Folders) -> None:
    """Keep pictures of noise, as many as a gallery holds after a while."""
    store, random = PictureStore.of(folders), np.random.default_rng(0)
    for seed in range(GALLERY):
        store.add(random.integers(0, 256, (64, 64, 3), dtype=np.uint8), metadata(seed=seed))


def child(what: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what one measurement printed.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, "-m", "tests.bench.window_child", what]
    started = {"STEPWISE_BENCH_STARTED": str(time.time())}
    done = subprocess.run(
        command, cwd=ROOT, env={**environment, **started}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"window: {what} failed: {done.stderr.strip()}")
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def typed(starts: list[dict[str, Any]]) -> dict[str, object]:
    """Return the figure of starting."""
    seconds = sorted(start["seconds"] for start in starts)
    torch = any(start["torch_imported"] for start in starts)
    return {
        "from_process_start_to_typed_character_s": seconds[len(seconds) // 2],
        "slowest_s": seconds[-1],
        "torch_imported_by_then": torch,
        "bar_s": TYPED_BAR_S,
        "holds": seconds[-1] < TYPED_BAR_S and not torch,
    }


def trend(values: Sequence[float]) -> float:
    """Return how much a series rises from one value to the next: the median slope of all pairs (Theil and Sen)."""
    pairs = combinations(enumerate(values), 2)
    return statistics.median((later - sooner) / (end - start) for (start, sooner), (end, later) in pairs)


def judged(figures: dict[str, Any]) -> dict[str, object]:
    """Return the figures of sampling, each with its bar."""
    loading, sampling = figures["while_loading"], figures["while_sampling"]
    cancelling = figures["cancelling"]
    share, budget = figures["previews_share"], figures["preview_budget"]
    return {
        "pictures_in_gallery": figures["pictures_in_gallery"],
        "ms_per_step": figures["ms_per_step"],
        "while_loading": loading
        | {"bar_longest_gap_ms": LOAD_BAR_MS, "holds": loading["longest_gap_ms"] <= LOAD_BAR_MS},
        "while_sampling": sampling
        | {
            "bar_longest_gap_ms": GAP_BAR_MS,
            "bar_p99_lateness_ms": LATE_BAR_MS,
            "holds": sampling["longest_gap_ms"] <= GAP_BAR_MS and sampling["p99_lateness_ms"] <= LATE_BAR_MS,
        },
        "steps_painted": {
            "share": figures["steps_painted"],
            "of": figures["steps"],
            "bar": PAINTED_BAR,
            "holds": figures["steps_painted"] >= PAINTED_BAR,
        },
        "previews": {"share_of_run": share, "budget": budget, "holds": share <= budget},
        "cancelling": cancelling
        | {"bar_acknowledged_ms": CANCEL_BAR_MS, "holds": cancelling["acknowledged_ms"] <= CANCEL_BAR_MS},
        "cores": os.cpu_count(),
    }


def grown(memory: dict[str, Any]) -> dict[str, object]:
    """Return the figure of memory, without the cache of thumbnails, which is limited."""
    resident, thumbnails = memory["resident_mb_after_each_round"], memory["of_these_thumbnails_mb"]
    rest = [all_of_it - cached for all_of_it, cached in zip(resident, thumbnails, strict=True)]
    growth = trend(rest) * GROWTH_PREVIEWS / memory["previews_in_a_round"]
    return {"mb": round(growth, 2), **memory, "bar_mb": GROWTH_BAR_MB, "holds": growth <= GROWTH_BAR_MB}
