"""Where a picture comes from that is not the end of a whole run of its own: a step of a recorded run."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from studio.engine.checks import check_name, check_whole
from studio.errors import RequestError, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

OriginKind = Literal["fork", "step"]
MAX_STEP = 10_000


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The step of another run from which a picture comes.

    Attributes:
        run: that run's id; "" where it was not recorded.
        step: how many steps that run had taken.
        of: how many steps that run took in all.
        kind: "step" where the picture shows that very step, "fork" where another run went on from it.
    """

    run: str
    step: int
    of: int
    kind: OriginKind

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            RequestError: a field has the wrong type or is out of range.
        """
        if self.run != "":
            check_name("origin.run", self.run)
        check_whole("origin.of", self.of, 1, MAX_STEP)
        check_whole("origin.step", self.step, 0, self.of)
        if self.kind not in ("fork", "step"):
            raise RequestError("origin.kind", 'must be "fork" or "step"')

    def __str__(self) -> str:
        """Return it for people."""
        return f"{'forked from ' if self.kind == 'fork' else ''}step {self.step} of {self.of}"


def check_fields(values: Mapping[str, Any], known: set[str], where: str = "") -> None:
    """Refuse an object whose fields are not exactly those ``known``; ``where`` goes before their names."""
    for name in sorted(known - values.keys()):
        raise RequestError(f"{where}{name}", "is missing")
    for name in sorted(values.keys() - known):
        check_name("field", name)
        raise RequestError(shorten(f"{where}{name}"), "is not a field of this version")


def origin_of(values: object) -> Origin:
    """Return the origin that a file's JSON holds.

    Raises:
        RequestError: a field is missing, unknown or wrong.
    """
    if not isinstance(values, dict):
        raise RequestError("origin", "must be a JSON object")
    check_fields(values, {item.name for item in fields(Origin)}, "origin.")
    return Origin(**values)
