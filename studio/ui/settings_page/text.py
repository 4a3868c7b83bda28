"""Texts of the page of settings."""

from __future__ import annotations

from studio import format as quantity
from studio.ui.jobs.text import runs_limit
from studio.ui.language import LANGUAGES, tr


def themes() -> list[tuple[str, str, str]]:
    return [
        ("system", tr("System"), tr("Follows the system, and changes with it.")),
        ("dark", tr("Dark"), tr("Light text on a dark background.")),
        ("light", tr("Light"), tr("Dark text on a light background.")),
    ]


def enlarge() -> list[tuple[str, str, str]]:
    return [
        ("smooth", tr("Smooth"), tr("Small pictures are enlarged without visible pixels.")),
        ("pixels", tr("Pixels"), tr("Each pixel of a small picture is shown as a square.")),
    ]


def languages() -> list[tuple[str, str, str]]:
    """Return the choices of the language; each language in its own name."""
    system = ("system", tr("System"), tr("Follows the language of the system, if the window has it."))
    return [system, *((code, name, "") for code, name in LANGUAGES.items())]


def language_hint() -> str:
    return tr("A new language takes effect when the program is started again.")


def record() -> list[tuple[str, str, str]]:
    return [
        ("yes", tr("On"), tr("Every step of every run is saved, to be watched, forked and compared later.")),
        ("no", tr("Off"), tr("Steps are available until the next job starts.")),
    ]


def runs_used(used: int, limit_gib: float) -> str:
    """Return the disk space of the recorded runs, and what happens at the limit."""
    return tr(
        "Recorded runs take {used} of {limit:g} GiB. {at_limit}",
        used=quantity.size(used),
        limit=limit_gib,
        at_limit=runs_limit(),
    )


def budget_tip() -> str:
    return tr("How much of a run's time previews may take.")


def budget(share: float) -> str:
    """Return what a preview budget (0 to 1) does."""
    if share <= 0:
        return tr("No previews: a picture is shown when it is finished. The finished picture is the same.")
    if share >= 1:
        return tr("Previews of every step in full quality, at any cost. The finished picture is the same.")
    return tr(
        "When previews would take more than {share:.0%} of a run's time, they become coarser or fewer. "
        "The finished picture is the same.",
        share=share,
    )


def headroom_tip() -> str:
    return tr("Runs that need more than what is left take less memory at a time, and longer.")
