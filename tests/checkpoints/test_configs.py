from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from studio.backbones.registry import BACKBONES, CODECS
from studio.checkpoints.assembly import TEXT_ENCODERS
from studio.checkpoints.card import Component
from studio.checkpoints.configs import arguments
from studio.diffusion.schedules import SCHEDULES
from studio.errors import CheckpointError

HERE = Path("somewhere") / "card.json"


@dataclass(frozen=True)
class Example:
    width: int
    widths: tuple[int, ...] = (1, 2)
    pair: tuple[int, float] = (1, 0.5)
    rate: float = 0.5
    mode: str = "plain"
    flag: bool = False
    blocks: int | None = None


def built(**values: Any) -> Example:  # noqa: ANN401
    return Example(**arguments(Example, values, HERE, "part.config"))


def test_json_becomes_what_the_dataclass_declares() -> None:
    example = built(width=3, widths=[4, 5, 6], pair=[7, 8], rate=1, mode="fast", flag=True, blocks=2)
    assert example == Example(3, (4, 5, 6), (7, 8.0), 1.0, "fast", True, 2)
    assert isinstance(example.rate, float)
    assert built(width=3) == Example(3)
    assert built(width=3, blocks=None).blocks is None


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "lacks the field 'part.config.width'"),
        ({"width": 3, "code": "x"}, "has the field 'part.config.code', which this program does not know"),
        ({"width": True}, "part.config.width must be a whole number from 0 to 4,096, not true"),
        ({"width": 3.0}, "part.config.width must be a whole number"),
        ({"width": -1}, "part.config.width must be a whole number from 0 to 4,096, not -1"),
        ({"width": 4097}, "part.config.width must be a whole number from 0 to 4,096, not 4097"),
        ({"width": 10**30}, "not a number of more than 25 digits"),
        ({"width": 3, "blocks": 100_000}, "part.config.blocks must be a whole number from 0 to 8"),
        ({"width": 3, "widths": 4}, "part.config.widths must be a list of at most 8 items, not 4"),
        ({"width": 3, "widths": [1] * 9}, "part.config.widths must be a list of at most 8 items"),
        ({"width": 3, "widths": [1, "2"]}, "part.config.widths must be a whole number"),
        ({"width": 3, "pair": [1]}, "part.config.pair must be a list of 2 items"),
        ({"width": 3, "rate": float("nan")}, "part.config.rate must be a number"),
        ({"width": 3, "rate": 1e9}, "part.config.rate must be a number"),
        ({"width": 3, "mode": ""}, "part.config.mode must be text"),
        ({"width": 3, "flag": 1}, "part.config.flag must be true or false"),
    ],
)
def test_what_it_does_not_declare_is_refused(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(CheckpointError) as refused:
        built(**values)
    assert reason in str(refused.value)


def test_a_type_nobody_planned_for_is_a_fault_of_the_program() -> None:
    def wants_a_set(items: set[int]) -> None: ...

    with pytest.raises(TypeError, match="items"):
        arguments(wants_a_set, {"items": []}, HERE, "")


@pytest.mark.parametrize("registry", [BACKBONES, CODECS, TEXT_ENCODERS], ids=["backbones", "codecs", "text"])
def test_every_part_of_the_program_has_a_configuration_that_a_card_can_hold(registry: dict[str, Any]) -> None:
    for kind, (config_type, _) in registry.items():
        config = config_type()
        component = Component(kind=kind, config=dataclasses.asdict(config))
        again = Component.read({"kind": kind, "config": component.config}, HERE, "part")
        assert config_type(**arguments(config_type, again.config, HERE, "part.config")) == config


@pytest.mark.parametrize("kind", SCHEDULES)
def test_every_schedule_can_be_made_from_a_card(kind: str) -> None:
    assert SCHEDULES[kind](**arguments(SCHEDULES[kind], {"T": 50}, HERE, "schedule.config")).T == 50
