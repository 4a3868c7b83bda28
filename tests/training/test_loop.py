"""A run that was stopped and resumed is the run that was never stopped."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from studio.errors import CheckpointError, StorageError
from studio.training.ema import Ema
from studio.training.loop import LoopConfig, keyed_generator, make_optimizer, train
from studio.training.state import SavedProgress, load_state, save_state

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = LoopConfig(pictures=8 * 30, batch=8, learning_rate=1e-2, warmup=40, ema=0.9)
Loss = Callable[[torch.Generator], Tensor]


def _task() -> tuple[nn.Module, Loss]:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 16), nn.SiLU(), nn.Linear(16, 1))

    def loss(generator: torch.Generator) -> Tensor:
        x = torch.randn(8, 4, generator=generator)
        return (module(x) - x.sum(1, keepdim=True)).square().mean()

    return module, loss


def _weights(module: nn.Module, ema: Ema) -> Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()] + [s.flatten() for s in ema.shadow])


def _unbroken() -> Tensor:
    module, loss = _task()
    ema = Ema(module, CONFIG.ema)
    list(train(module, loss, CONFIG, make_optimizer(module, CONFIG), ema))
    return _weights(module, ema)


def _broken(path: Path, stops: tuple[int, ...], *, streaming: bool = False) -> Tensor:
    """Train in sittings, each with new objects; ``streaming`` draws from a running stream (the twin)."""
    for stop in (*stops, CONFIG.steps):
        module, keyed = _task()
        stream = torch.Generator().manual_seed(0)
        loss: Loss = (lambda _, keyed=keyed, stream=stream: keyed(stream)) if streaming else keyed  # type: ignore[misc]
        optimizer, ema = make_optimizer(module, CONFIG), Ema(module, CONFIG.ema)
        start = load_state(path, module, ema, optimizer).steps if path.exists() else 0
        for done in train(module, loss, CONFIG, optimizer, ema, start=start):
            if done.step + 1 == stop:
                break
        save_state(path, SavedProgress(stop), module, ema, optimizer)
    return _weights(module, ema)


@pytest.mark.parametrize("stops", [(1,), (7, 8, 21), (29,)])
def test_stopping_and_resuming_changes_no_bit(tmp_path: Path, stops: tuple[int, ...]) -> None:
    assert torch.equal(_broken(tmp_path / "state.safetensors", stops), _unbroken())


def test_a_loop_that_draws_from_a_running_stream_is_rejected(tmp_path: Path) -> None:
    whole = _broken(tmp_path / "a.safetensors", (), streaming=True)
    assert not torch.equal(_broken(tmp_path / "b.safetensors", (7,), streaming=True), whole)


def test_training_lowers_the_loss() -> None:
    module, loss = _task()
    losses = [s.loss for s in train(module, loss, CONFIG, make_optimizer(module, CONFIG), Ema(module, 0.9))]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


def test_rate_rises_stays_and_falls_to_nothing() -> None:
    config = LoopConfig(pictures=1000, batch=1, learning_rate=1.0, warmup=100, cooldown=0.2)
    rates = [config.learning_rate_at(step) for step in range(config.steps)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[100:800] == pytest.approx([1.0] * 700)
    assert all(a > b for a, b in itertools.pairwise(rates[800:]))
    assert 0 < rates[-1] < 0.01


def test_generators_of_two_steps_or_two_seeds_differ() -> None:
    draws = {
        torch.randint(2**62, (), generator=keyed_generator(*key)).item()
        for key in [(0, 0), (0, 1), (1, 0), (1, 1)]
    }
    assert len(draws) == 4


def test_average_of_constant_weights_is_the_weights() -> None:
    module, _ = _task()
    ema = Ema(module, 0.99)
    for step in range(5):
        ema.update(module, step)
    assert all(torch.allclose(a, b) for a, b in zip(ema.shadow, module.parameters(), strict=True))


def test_average_follows_the_closed_form() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    ema = Ema(module, 0.5)
    nn.init.ones_(module.weight)
    for step in range(1000, 1003):  # far from the warm-up, where the decay is the one asked for
        ema.update(module, step)
    assert ema.shadow[0].item() == pytest.approx(1 - 0.5**3)


def test_a_state_of_another_run_is_refused_by_name(tmp_path: Path) -> None:
    module, _ = _task()
    path = tmp_path / "state.safetensors"
    save_state(path, SavedProgress(3), module, Ema(module, 0.9), make_optimizer(module, CONFIG))
    other = nn.Linear(2, 2)
    with pytest.raises(
        CheckpointError, match=r"state\.safetensors does not contain a state of this training"
    ):
        load_state(path, other, Ema(other, 0.9), make_optimizer(other, CONFIG))


@pytest.mark.parametrize("cut", [0, 7, 100, 1000])
def test_a_truncated_state_is_refused(tmp_path: Path, cut: int) -> None:
    module, _ = _task()
    path = tmp_path / "state.safetensors"
    ema, optimizer = Ema(module, 0.9), make_optimizer(module, CONFIG)
    save_state(path, SavedProgress(3), module, ema, optimizer)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CheckpointError):
        load_state(path, module, ema, optimizer)


def test_a_recovered_run_keeps_its_lower_rate(tmp_path: Path) -> None:
    module, loss = _task()
    path, optimizer, ema = tmp_path / "state.safetensors", make_optimizer(module, CONFIG), Ema(module, 0.9)
    save_state(path, SavedProgress(3, 0.25), module, ema, optimizer)
    progress = load_state(path, module, ema, optimizer)
    assert progress == SavedProgress(3, 0.25)
    step = next(train(module, loss, CONFIG, optimizer, ema, start=3, lr_scale=progress.lr_scale))
    assert step.learning_rate == pytest.approx(0.25 * CONFIG.learning_rate_at(3))


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_a_step_whose_loss_is_not_a_number_changes_nothing_and_is_reported(where: str) -> None:
    module, loss = _task()

    def poisoned(generator: torch.Generator) -> Tensor:
        value = loss(generator)
        if where == "loss":
            return value * torch.nan
        weight = next(module.parameters())
        return value + (weight - weight.detach()).abs().sqrt().sum()  # 0, with an infinite slope

    ema = Ema(module, 0.9)
    before = _weights(module, ema)
    step = next(train(module, poisoned, CONFIG, make_optimizer(module, CONFIG), ema))
    assert step.loss != step.loss
    assert torch.equal(_weights(module, ema), before)


def test_a_full_disk_leaves_the_existing_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, _ = _task()
    path, optimizer, ema = tmp_path / "state.safetensors", make_optimizer(module, CONFIG), Ema(module, 0.9)
    save_state(path, SavedProgress(3), module, ema, optimizer)
    good = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("studio.storage.os.fsync", full)
    with pytest.raises(StorageError, match="the disk is full"):
        save_state(path, SavedProgress(4), module, ema, optimizer)
    assert path.read_bytes() == good
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
