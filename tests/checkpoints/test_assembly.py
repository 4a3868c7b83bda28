from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import torch
from msgspec import Meta
from torch import Tensor, nn

from studio.backbones.layers import MAX_LEVELS, Size
from studio.backbones.registry import BACKBONES, CODECS, PREVIEW_DECODERS
from studio.checkpoints.assembly import TEXT_ENCODERS, assemble, read_config
from studio.checkpoints.card import Component
from studio.diffusion.schedules import SCHEDULES
from studio.errors import CheckpointError
from tests.checkpoints.models import CARD, make_modules, write_model

ROOT = Path(__file__).parents[2]
HERE = Path("somewhere") / "card.json"
PARTS = [
    pytest.param(config, module, id=kind)
    for registry in (BACKBONES, CODECS, TEXT_ENCODERS)
    for kind, (config, module) in registry.items()
]


def outside_the_state(module: nn.Module) -> list[str]:
    """Return the tensors of a module that its weights file would not hold."""
    buffers = [name for name, _ in module.named_buffers() if name not in module.state_dict()]
    plain = [
        f"{name}.{attribute}"
        for name, part in module.named_modules()
        for attribute, value in vars(part).items()
        if isinstance(value, Tensor)
    ]
    return buffers + plain


@pytest.mark.parametrize(("config", "module"), PARTS)
def test_every_part_keeps_all_its_tensors_in_its_state(config: Any, module: Any) -> None:  # noqa: ANN401
    # A tensor that is not would be lost: parts are built without memory and filled from the file.
    assert outside_the_state(module(config())) == []


def test_a_tensor_that_is_not_kept_is_seen() -> None:
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("table", torch.ones(3), persistent=False)
            self.scale = torch.ones(3)

    assert outside_the_state(nn.Sequential(Forgetful())) == ["0.table", "0.scale"]


def test_parts_are_built_without_memory_and_as_they_would_be_with_it() -> None:
    state = assemble(CARD, Path("card.json")).state()
    expected = {
        f"{part}.{name}": (tensor.shape, tensor.dtype)
        for part, module in make_modules().items()
        for name, tensor in module.state_dict().items()
    }
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in state.items()} == expected
    assert all(tensor.is_meta for tensor in state.values())


def test_building_leaves_the_random_numbers_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    assemble(CARD, Path("card.json"))
    assert torch.equal(torch.rand(3), expected)


CODE = """
import json, resource, sys, time
from pathlib import Path
import torch
from studio.checkpoints import native
from studio.errors import CheckpointError

def peak():
    if sys.platform == "linux":  # there ru_maxrss would start from the size of the process that started this one
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2

native.load(Path(sys.argv[1]))
compiler = "torch._dynamo" in sys.modules
found = []
for folder in sys.argv[2:]:
    before, begun = peak(), time.process_time()
    try:
        native.load(Path(folder))
    except CheckpointError as error:
        found.append([str(error), time.process_time() - begun, peak() - before])
before = peak()
torch.ones(600 * 2**18)
print(json.dumps({"compiler": compiler, "found": found, "twin": peak() - before}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the peak of a process's memory is not told there")
def test_hostile_cards_take_neither_time_nor_memory(tmp_path: Path) -> None:
    card = CARD.to_dict()

    def changed(part: str, **config: object) -> dict[str, Any]:
        return {part: card[part] | {"config": card[part]["config"] | config}}

    hostile = [
        changed("text", buckets=65_536, features=4096, layers=64),
        changed("text", words=1024, ngrams=128),
        changed("backbone", widths=[4096] * 8, attention=[True] * 8, blocks=8, text=4096, embedding=4096),
        changed("codec", widths=[4096] * 8, channels=4096),
        changed("schedule", T=10_000) | changed("text", heads=3),
        {"sizes": [[16, 16], [2048, 2048]]} | changed("codec", widths=[2048, 16]),
        {"evaluation": {str(place): [0.5] * 10 for place in range(10_000)}, "prediction": "?"},
    ]
    folders = [write_model(tmp_path / str(place), **fields) for place, fields in enumerate(hostile)]
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(write_model(tmp_path / "good")), *map(str, folders)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    result = json.loads(done.stdout)
    assert len(result["found"]) == len(hostile)
    for sentence, seconds, megabytes in result["found"]:
        assert seconds < 2, sentence
        assert megabytes < 64, sentence
    assert result["twin"] > 300  # what is allocated is seen
    assert not result["compiler"]  # importing it would make every first load a second longer


@dataclass(frozen=True)
class Example:
    width: Size
    widths: Annotated[tuple[Size, ...], Meta(max_length=MAX_LEVELS)] = (1, 2)
    pair: tuple[int, float] = (1, 0.5)
    rate: Annotated[float, Meta(ge=-1e6, le=1e6)] = 0.5
    mode: Annotated[str, Meta(min_length=1, max_length=100)] = "plain"
    flag: bool = False
    blocks: Annotated[int, Meta(ge=0, le=8)] | None = None


def built(**values: Any) -> Example:  # noqa: ANN401
    return read_config(Example, Component(kind="example", config=values), "part", HERE)


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
        ({"width": 10**30}, "not a number with more than 25 digits"),
        ({"width": 3, "blocks": 100_000}, "part.config.blocks must be a whole number from 0 to 8"),
        ({"width": 3, "widths": 4}, "part.config.widths must be 0 to 8 whole numbers"),
        ({"width": 3, "widths": [1] * 9}, "part.config.widths must be 0 to 8 whole numbers"),
        ({"width": 3, "widths": [1, "2"]}, "part.config.widths must be 0 to 8 whole numbers"),
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
    assert str(HERE) in str(refused.value)


def test_a_type_nobody_planned_for_is_a_fault_of_the_program() -> None:
    @dataclass(frozen=True)
    class Ambiguous:
        items: tuple[int, str] | list[str] = ()

    with pytest.raises(TypeError, match="array-like"):
        read_config(Ambiguous, Component(kind="example", config={"items": []}), "part", HERE)


@pytest.mark.parametrize(
    "registry",
    [BACKBONES, CODECS, TEXT_ENCODERS, PREVIEW_DECODERS],
    ids=["backbones", "codecs", "text", "preview"],
)
def test_every_part_of_the_program_has_a_configuration_that_a_card_can_hold(registry: dict[str, Any]) -> None:
    for kind, (config_type, _) in registry.items():
        config = config_type()
        component = Component(kind=kind, config=json.loads(json.dumps(dataclasses.asdict(config))))
        assert read_config(config_type, component, "part", HERE) == config


@pytest.mark.parametrize("kind", SCHEDULES)
def test_every_schedule_can_be_made_from_a_card(kind: str) -> None:
    card = dataclasses.replace(CARD, schedule=Component(kind=kind, config={"T": 50}))
    assert assemble(card, HERE).schedule.T == 50
