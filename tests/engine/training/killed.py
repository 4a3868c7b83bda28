"""Trainings whose process is killed at random moments and started again. Run by test_killed.py; needs fork.

    python -m tests.engine.training.killed keyed|streaming FOLDER KILLS

Prints as JSON how often it was killed, in which stages, and whether the model is that of an unbroken run.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
import torch._dynamo  # what the first optimizer of a process imports: once here, and not in every child

from studio.engine.engine import Engine
from studio.engine.training.events import TrainingFinished
from studio.folders import Folders
from studio.training import loop
from tests.engine.training.tiny_trainings import (
    add_tiny_scales,
    draw_folder,
    know_speed,
    model_bytes,
    tiny_request,
)

STEPS = 10
MOST_STARTS = 400


def main() -> None:
    what, place, kills = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    add_tiny_scales()
    if what == "streaming":  # the wrong twin: what a step draws follows from what was drawn before it
        stream = torch.Generator().manual_seed(0)
        loop.keyed_generator = lambda seed, step: stream
    request = tiny_request(
        draw_folder(place / "squares"),
        steps=STEPS,
        codec_steps=5,
        text_steps=5,
        save_seconds=0.0 if what == "streaming" else 0.2,
        keep_every=4,
    )
    source, stages = random.Random(0), list[str]()
    first = 2 if what == "streaming" else 0  # where nothing was kept yet, nothing can be drawn wrongly
    for home in ("unbroken", "killed"):
        know_speed(Engine(Folders.under(place / home), "cpu"), request)
    run(place / "unbroken", request, None)
    killed = starts = 0
    while starts < MOST_STARTS:
        starts += 1
        moment = (source.randint(first, 5), source.uniform(0, 0.04)) if killed < kills else None
        finished, stage = run(place / "killed", request, moment)
        killed += not finished
        stages += [] if finished else [stage]
        if finished and killed >= kills:
            break
        if finished:  # sooner than it was to be killed: begin anew, the kills go on
            again(place / "killed", request)
    whole, broken = (model_bytes(Folders.under(place / home)) for home in ("unbroken", "killed"))
    told = {"killed": killed, "stages": sorted(set(stages)), "same": whole == broken}
    json.dump({**told, "hash": hashlib.sha256(broken).hexdigest()}, sys.stdout)


def run(home: Path, request: object, moment: tuple[int, float] | None) -> tuple[bool, str]:
    """Train in a process of its own, and kill it so many steps and seconds after it began.

    Returns:
        Whether it finished, and where it stood.
    """
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        train(home, request, writable)
    os.close(writable)
    said = []
    with os.fdopen(readable) as told:
        for line in told:
            said.append(line.strip())
            if moment is not None and sum(word != "preparing" for word in said) >= moment[0]:
                time.sleep(moment[1])
                os.kill(child, signal.SIGKILL)
                said += [word.strip() for word in told.readlines()]
                break
    os.waitpid(child, 0)
    return "end" in said, said[-1]


def train(home: Path, request: object, writable: int) -> None:
    try:
        for event in Engine(Folders.under(home), "cpu").train(request):  # type: ignore[arg-type]
            stage = getattr(event, "stage", "preparing")
            os.write(writable, b"end\n" if isinstance(event, TrainingFinished) else f"{stage}\n".encode())
    finally:
        os._exit(0)


def again(home: Path, request: object) -> None:
    """Take the finished model away, so that the same training begins anew."""
    for path in sorted((home / "models").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()


if __name__ == "__main__":
    main()
