"""The figures of an evaluation in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = {"en": "English", "ko": "Korean"}


def sentences(figures: Mapping[str, Any]) -> list[str]:
    """Return the figures that are there as lines for people."""
    lines: list[str] = []
    if "settings" in figures:
        settings = figures["settings"]
        how = f"{settings['sampler']}, {settings['steps']} steps, guidance {settings['guidance']:g}"
        for language, shares in figures["languages"].items():
            lines.append(
                f"names in {LANGUAGES.get(language, language)}: {_named(shares)} ({shares['concepts']} concepts "
                f"among {figures['candidates']}, {len(figures['seeds'])} seeds, {how})"
            )
    if "background" in figures:
        lines.append(
            f"background: {figures['background']:.1%} of {figures['background_pairs']} pairs held out of training"
        )
    if figures.get("compositions", {}).get("scenes"):
        lines += _compositions(figures["compositions"])
    for point in figures.get("guidance", {}).get("curve", ()):
        lines.append(f"guidance {point['guidance']:g}: {_named(point)}, diversity {point['diversity']:.3f}")
    for sampler, curve in figures.get("steps", {}).get("curves", {}).items():
        lines += [f"{sampler}, {point['steps']} steps: {_named(point)}" for point in curve]
    if "memory" in figures:
        near = figures["memory"]
        lines.append(
            f"memory: pictures are {near['sample']:.3f} from the nearest drawing learned, drawings "
            f"{near['training']:.3f} from each other; {near['copied']:.1%} repeat one, with "
            f"{near['detail']:.0%} of its detail"
        )
    return lines


def _named(shares: Mapping[str, Any]) -> str:
    return f"top-1 {shares['top1']:.1%}, top-5 {shares['top5']:.1%}"


def _compositions(found: Mapping[str, Any]) -> list[str]:
    truth = found["truth"]
    words = {
        "count": "number",
        "position": "position",
        "size": "size",
        "named_top1": "all things named first",
        "named_top5": "all among the first five",
    }
    shares = [f"{word} {found[key]:.1%} (truth: {truth[key]:.1%})" for key, word in words.items()]
    whole = f"{found['scenes']} combinations held out of training, {found['seeds']} seeds: "
    return [whole + ", ".join(shares)]
