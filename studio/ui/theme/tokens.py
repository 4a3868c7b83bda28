"""The colours of the two themes, by purpose. The interface is neutral grey, so that it does not tint pictures.

Every pair of text and ground has the contrast that WCAG 2.2 AA asks for (tested for both palettes).
"""

from __future__ import annotations

from dataclasses import dataclass

from studio.ui.theme.colour import ramp


@dataclass(frozen=True, kw_only=True)
class Palette:
    """One theme's colours, each "#rrggbb".

    Attributes:
        window: the ground behind everything, and behind the picture.
        panel: the form, cards, the status bar.
        raised: fields and buttons.
        hover: a field or button under the mouse.
        floating: menus, drop-down lists, tooltips.
        line: hairlines, the empty part of a track.
        handle: the handle of a slider.
        text: main text.
        dim: labels and explanations.
        faint: hints and placeholders.
        disabled: text and icons of disabled controls.
        accent: the primary action, live progress, the focus ring.
        on_accent: text on the accent.
        noise: the ramp from all noise to clean, used for noise levels only.
        good: success.
        warn: warnings.
        bad: errors, and actions that cannot be undone.
    """

    window: str
    panel: str
    raised: str
    hover: str
    floating: str
    line: str
    handle: str
    text: str
    dim: str
    faint: str
    disabled: str
    accent: str
    on_accent: str
    noise: tuple[str, str, str]
    good: str
    warn: str
    bad: str


DARK = Palette(
    window="#161618",
    panel="#1e1e21",
    raised="#27272b",
    hover="#303035",
    floating="#2b2b30",
    line="#34343a",
    handle="#e8e8ea",
    text="#e8e8ea",
    dim="#a4a4ad",
    faint="#92929b",
    disabled="#72727b",
    accent="#f2a65a",
    on_accent="#1a1208",
    noise=("#554ac8", "#d14f8b", "#f2a65a"),
    good="#7bc47f",
    warn="#e5c15c",
    bad="#ff6b5e",
)

LIGHT = Palette(
    window="#f3f3f4",
    panel="#ffffff",
    raised="#ececef",
    hover="#e2e2e6",
    floating="#ffffff",
    line="#dadade",
    handle="#ffffff",
    text="#1c1c1f",
    dim="#55555f",
    faint="#686872",
    disabled="#868690",
    accent="#b85d0e",
    on_accent="#ffffff",
    noise=("#483faa", "#b24376", "#ce8d4d"),
    good="#277a31",
    warn="#8a6400",
    bad="#c4352a",
)


def noise_colour(palette: Palette, level: float) -> str:
    """Return the colour of a noise level: 1 is all noise (violet), 0 is clean (amber); clamped."""
    return ramp(palette.noise[::-1], level)
