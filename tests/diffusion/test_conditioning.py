"""The conditioning of a batch: named tensors that share the batch axis and nothing else."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any

import pytest
import torch

from studio.diffusion.conditioning import Conditioning
from studio.diffusion.denoiser import Denoiser
from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.noise import Noise
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.drive import Run, drive_together
from studio.diffusion.samplers.stepper import State
from studio.diffusion.schedules import cosine

if TYPE_CHECKING:
    from collections.abc import Callable

TOKENS, POOLED, SIZE = torch.randn(2, 5, 3), torch.randn(2, 4), torch.tensor([[64, 64, 0, 0], [32, 64, 0, 0]])
MASK = torch.tensor([[True] * 5, [True, True, False, False, False]])
WHOLE = Conditioning(
    tokens=TOKENS, mask=MASK, pooled=POOLED, extras={"size": SIZE, "label": torch.tensor([3, 7])}
)


def test_the_tensors_have_names_and_the_order_of_the_extras_is_irrelevant() -> None:
    assert list(WHOLE.tensors) == ["tokens", "mask", "pooled", "extras.label", "extras.size"]
    assert Conditioning().tensors == {}
    turned = Conditioning(
        extras=dict(reversed(WHOLE.extras.items())), pooled=POOLED, mask=MASK, tokens=TOKENS
    )
    assert turned.layout == WHOLE.layout


def test_pictures_are_concatenated_tensor_by_tensor_and_can_be_taken_apart_again() -> None:
    first, second = (WHOLE.map(lambda tensor, row=row: tensor[row : row + 1]) for row in range(2))
    both = Conditioning.concatenate([first, second])
    assert list(both.tensors) == list(WHOLE.tensors)
    assert all(torch.equal(tensor, WHOLE.tensors[name]) for name, tensor in both.tensors.items())
    assert Conditioning.concatenate([first]) is first, "nothing is copied for one picture"
    swapped = Conditioning.concatenate([second, first])
    assert not torch.equal(swapped.extras["size"], SIZE), "the twin: another order is another batch"


@pytest.mark.parametrize(
    "other",
    [
        Conditioning(),
        Conditioning(tokens=TOKENS, mask=MASK, pooled=POOLED),
        Conditioning(tokens=TOKENS[:, :4], mask=MASK[:, :4], pooled=POOLED, extras=WHOLE.extras),
        Conditioning(tokens=TOKENS.double(), mask=MASK, pooled=POOLED, extras=WHOLE.extras),
        Conditioning(tokens=TOKENS, mask=MASK, pooled=POOLED, extras={**WHOLE.extras, "tokens": POOLED}),
    ],
    ids=["none", "names", "shapes", "dtypes", "one more"],
)
def test_only_the_same_names_shapes_and_dtypes_share_a_batch(other: Conditioning) -> None:
    assert other.layout != WHOLE.layout
    with pytest.raises(ValueError, match="same names, shapes and dtypes"):
        Conditioning.concatenate([WHOLE, other])


def test_one_picture_is_expanded_to_many_and_many_to_none_but_themselves() -> None:
    one = WHOLE.map(lambda tensor: tensor[:1])
    many = one.expand(3)
    assert {tensor.shape[0] for tensor in many.tensors.values()} == {3}
    assert all(torch.equal(row, TOKENS[0]) for row in many.tensors["tokens"])
    assert WHOLE.expand(2).layout == WHOLE.layout
    assert Conditioning().expand(3).tensors == {}
    with pytest.raises(ValueError, match="not that of one picture or of 3"):
        WHOLE.expand(3)


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda: Conditioning(tokens=TOKENS, pooled=POOLED[:1]), "same batch size"),
        (lambda: Conditioning(pooled=POOLED, extras={"size": SIZE[:1]}), "same batch size"),
        (lambda: Conditioning(mask=MASK), "mask"),
        (lambda: Conditioning(tokens=TOKENS, mask=MASK[:, :4]), "mask"),
    ],
)
def test_tensors_that_do_not_belong_together_are_refused(make: Callable[[], object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        make()


def test_nothing_in_it_can_be_replaced() -> None:
    extras = {"size": SIZE}
    frozen: Any = Conditioning(extras=extras)
    extras["size"] = SIZE + 1
    assert torch.equal(frozen.extras["size"], SIZE)
    with pytest.raises(FrozenInstanceError):
        frozen.tokens = TOKENS
    with pytest.raises(TypeError):
        frozen.extras["size"] = SIZE


@pytest.mark.parametrize(("names", "calls"), [(("size", "size"), [2] * 3), (("size", "crop"), [1] * 6)])
def test_runs_share_a_model_call_if_names_and_shapes_are_the_same(
    names: tuple[str, str], calls: list[int]
) -> None:
    made: list[int] = []

    def backbone(x: torch.Tensor, t: torch.Tensor, condition: Conditioning) -> torch.Tensor:
        (added,) = condition.extras.values()
        made.append(len(x))
        return x + added[:, :1, None, None]

    schedule, sampler, runs = cosine(), SAMPLERS["ddim"], []
    for place, name in enumerate(names):
        condition = Conditioning(extras={name: SIZE[place : place + 1]})
        noise = Noise([place], (1, 4, 4))
        guidance = ClassifierFreeGuidance(1.0, condition, condition)
        state = State(noise.initial(), 0, (900, 500, 100, -1))
        runs.append(
            Run(sampler=sampler(schedule, sampler.Options()), guidance=guidance, state=state, noise=noise)
        )
    ends = dict(drive_together(runs, Denoiser(backbone, schedule, "v")))
    assert made == calls
    for place, run in enumerate(runs):
        (alone,) = dict(drive_together([run], Denoiser(backbone, schedule, "v"))).values()
        assert torch.equal(ends[place].state.x, alone.state.x), "element by element, so the bits are the same"
