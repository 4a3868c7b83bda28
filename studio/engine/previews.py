"""When a picture shows how it forms. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Previews:
    """Which steps carry a preview. It never changes the picture, so it is no part of a request.

    Attributes:
        every: show each such step and the last one; 0 shows none.
    """

    every: int = 0

    def wanted(self, step: int, steps: int) -> bool:
        """Whether step ``step`` (from 1) of ``steps`` carries a preview."""
        return self.every > 0 and (step % self.every == 0 or step == steps)


NO_PREVIEWS = Previews(0)
EVERY_STEP = Previews(1)
