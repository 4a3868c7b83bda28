from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from studio.backbones.registry import BACKBONES, CODECS
from studio.checkpoints.assembly import TEXT_ENCODERS, assemble
from tests.checkpoints.models import CARD, make_modules, write_model

ROOT = Path(__file__).parents[2]
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
