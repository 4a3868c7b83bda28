"""What the list of recorded runs says. Plain functions, no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.ui.compare.text import parts_of

if TYPE_CHECKING:
    from studio.engine.requests.generate import GenerateRequest

COMPARE_RUNS = "Lay side by side"
NO_RUNS = "No run is recorded yet. Every picture that is made from now on is (Settings)."
NO_RUN_MATCHES = "No recorded run matches."


def chosen(count: int, most: int) -> str:
    """Return how many runs are chosen, and what to do."""
    if count == 0:
        return f"Choose two to {most} recorded runs"
    return f"{count} of {most} chosen" if count > 1 else "1 chosen; choose what to compare it with"


def recorded(request: GenerateRequest, number: int, fault: str) -> str:
    """Return how a recorded run was made, in a few words."""
    if fault:
        return f"Run {number}, steps given up"
    parts = parts_of(request)
    return f"{parts['sampler']}, {parts['steps']}, {parts['seed']}"


def recorded_tip(request: GenerateRequest, number: int, fault: str) -> str:
    """Return everything that sets a recorded run apart."""
    parts = parts_of(request)
    size = f"{request.width} x {request.height}"
    made = ", ".join(
        filter(None, (*(parts[key] for key in parts if key not in ("prompt", "negative")), size))
    )
    return "\n".join(filter(None, (request.prompt, f"Run {number}: {made}", fault)))
