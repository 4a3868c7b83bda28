"""Commands whose answers were recorded, and what of an answer can be compared between two machines.

Imports nothing of the program: the recorder runs these on the old commit, the tests on the tree as it is.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent / "recorded"

NAMES = ("generate", "compare", "runs", "fork", "verify", "models", "doctor", "train", "evaluate")
"""The commands of the old program."""

VOLATILE = frozenset(
    {
        "created",
        "device",
        "dtype",
        "final_sha256",
        "folder",
        "forks",
        "freed_bytes",
        "id",
        "ms",
        "out",
        "parent",
        "path",
        "run",
        "same_state",
        "seconds",
        "used_bytes",
        "versions",
        "x_T_sha256",
    }
)
"""Keys whose values differ between machines, folders or moments: that they are there is compared, no value is."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A command whose answer was recorded.

    Attributes:
        name: of the answer, and of the pictures that belong to it.
        words: the command line; ``{NAME}`` is the first picture of an earlier answer.
    """

    name: str
    words: tuple[str, ...]


def _command(name: str, line: str, *texts: str) -> Recorded:
    """Return the command of ``line``, whose words ``@`` stand for ``texts`` in turn."""
    rest = iter(texts)
    return Recorded(name=name, words=tuple(next(rest) if word == "@" else word for word in line.split()))


SIX = "--steps 6 --device cpu --json"
COMMANDS = (
    _command("ddim", f"generate @ --seed 3 --sampler ddim {SIX}", "a red apple"),
    _command("ddim-eta", f"generate @ --sampler ddim --eta 0.5 --spacing linspace {SIX}", "a dog"),
    _command("ddpm", f"generate @ --sampler ddpm --variance beta --seed 5 {SIX}", "pizza"),
    _command("langevin", f"generate @ --sampler langevin --passes 2 --coefficient 0.2 {SIX}", "a cat"),
    _command("pc", f"generate @ --sampler pc --predictor ddpm --corrector-steps 2 --snr 0.1 {SIX}", "a fox"),
    _command(
        "negative", f"generate @ --negative @ --guidance 4.5 --count 2 --seed 8 {SIX}", "a tree", "green"
    ),
    _command("unguided", f"generate @ --guidance 1 --spacing leading {SIX}", "빨간색 배경의 여우"),
    _command("dit", f"generate @ --model starter-dit --seed 2 {SIX}", "two dogs"),
    _command("unrecorded", f"generate @ --no-record {SIX}", "a boat"),
    _command("lockstep", f"compare @ --sampler ddim,ddpm,langevin {SIX}", "a fox"),
    _command("exact", "compare @ --exact --steps 4,6 --guidance 1,3 --device cpu --json", "a fox"),
    _command("models-compared", f"compare @ --model starter,starter-dit {SIX}", "a house"),
    _command("fork-unchanged", "fork 1 --at 3 --device cpu --json"),
    _command("fork-prompt", "fork 1 --at 2 --prompt @ --guidance 4 --seed 9 --device cpu --json", "a wolf"),
    _command("fork-sampler", "fork 1 --at 3 --sampler ddpm --device cpu --json"),
    _command("fork-remaining", "fork 1 --at 2 --remaining 6 --spacing leading --device cpu --json"),
    _command("verify", "verify {ddim} --device cpu --json"),
    _command("verify-fork", "verify {fork-prompt} --device cpu --json"),
    _command("show", "runs show 1 --json"),
    _command("pin", "runs pin 2 --json"),
    _command("runs", "runs --json --limit 3"),
    _command("unpin", "runs unpin 2 --json"),
    _command("trim", "runs trim --json"),
    _command("models", "models --json"),
)


def answers(out: str) -> list[Any]:
    """Return the JSON that a command printed: one value, or one a line."""
    try:
        return [json.loads(out)]
    except ValueError:
        return [json.loads(line) for line in out.splitlines()]


def pictures(answer: list[Any]) -> list[Path]:
    """Return the files of the pictures that an answer names."""
    found = [pane for one in answer if isinstance(one, dict) for pane in one.get("panes", [one])]
    return [Path(one["path"]) for one in found if str(one.get("path", "")).endswith(".png")]


def comparable(value: Any, key: str = "") -> Any:  # noqa: ANN401 - any JSON value
    """Return an answer without what differs between machines: the kind of such a value stands in its place."""
    if key in VOLATILE:
        return f"<{type(value).__name__}>"
    if isinstance(value, dict):
        return {name: comparable(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [comparable(one) for one in value]
    return value


@dataclass(frozen=True, kw_only=True)
class Flag:
    """An option or an argument as ``--help`` describes it.

    Attributes:
        metavar: what stands for its value; "" where it takes none.
        facts: the default and the range that its help states.
    """

    metavar: str
    facts: frozenset[str]


_DEFAULT = re.compile(r"default:? ([^()\s][^();]*)")
_RANGE = re.compile(r"\b\d[\d.]* to \d[\d.]*")
_CHOICES = re.compile(
    r"\b(?:ddim|ddpm|langevin|pc|leading|trailing|linspace|unet|dit|cosine|linear|scaled_linear|eps)\b"
)


def flags(text: str) -> dict[str, Flag]:
    """Return the options that the help of a command describes, by their names."""
    found: dict[str, Flag] = {}
    for block in re.split(r"\n(?=  -)", text):
        if not block.startswith("  -"):
            continue
        name, _, rest = block.split("\n\n")[0].strip().partition(" ")
        metavar = re.match(r"[A-Z][A-Za-z|]*", rest)
        said = " ".join(rest.split())
        defaults = {f"default {one.strip()}" for one in _DEFAULT.findall(said) if _is_value(one)}
        facts = {*defaults, *_RANGE.findall(said), *_CHOICES.findall(said)}
        found[name.rstrip(",")] = Flag(metavar=metavar[0] if metavar else "", facts=frozenset(facts))
    return found


def _is_value(text: str) -> bool:
    """Whether a default is a value of the program, and not an explanation in words."""
    return " " not in text.strip() and "'" not in text
