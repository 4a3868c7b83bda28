"""What `record.py` needs of the modules of commit 124763c. Runs in that tree, and is of no use in another.

python old_program.py model|window|training|recipe HOME
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any


def old(name: str) -> Any:  # noqa: ANN401 - a module of another commit
    """Return a module of the old commit. By name: no tool shall take it for one of today's."""
    return importlib.import_module(name.replace("/", "."))


def make_model(home: Path) -> object:
    """Save a tiny model with random weights as one that the user added."""
    native = old("studio/checkpoints/native")
    native.save = functools.partial(native.save, stored="float16")  # half as large
    old("tests/engine/tiny").save_tiny(home / "models" / "tiny", latent=True)
    return {}


def use_window(home: Path) -> object:
    """Open the window, change settings and stop a sweep; return the list under F1 and the actions."""
    widgets, gui = importlib.import_module("PySide6.QtWidgets"), importlib.import_module("PySide6.QtGui")
    app = widgets.QApplication([])
    folders = old("studio/folders").Folders.under(home)
    program = old("studio/ui/app").build(app, folders)
    window, models = program.window, program.models
    window.resize(1200, 800)
    window.show()

    def wait(true: Any) -> None:  # noqa: ANN401 - a callable
        end = time.monotonic() + 60
        while not true():
            assert time.monotonic() < end
            app.processEvents()
            time.sleep(0.005)

    wait(window.isActiveWindow)
    for name, value in {
        "theme": "light",
        "enlarge": "pixels",
        "preview_budget": 0.25,
        "record_runs": True,
        "runs_gib": 3.0,
        "column_shown": False,
    }.items():
        models.preferences.set(name, value)
    models.form.edit(model="tiny")
    models.form.edit(
        prompt="a green 여우",
        negative="noise",
        steps=5,
        guidance=2.5,
        spacing="leading",
        seed=77,
        seed_locked=True,
    )
    models.form.edit_option("eta", 0.5)
    for page in ("compare", "gallery", "models", "train", "settings", "create"):
        window.pages.open(page)
        app.processEvents()
    program.session.generate(models.form.take_request())  # what it takes is noted
    wait(lambda: models.queue.running is None)
    plan = old("studio/ui/models/sweep_plan")
    models.sweep.start(plan.read_axis("steps", "2, 3, 4, 5"), plan.read_axis("guidance", "1, 3"))
    wait(lambda: models.sweep.finished >= 4)
    models.sweep.stop()
    wait(lambda: models.queue.running is None)
    assert 0 < models.sweep.finished < models.sweep.count
    native = gui.QKeySequence.SequenceFormat.PortableText
    keys = [
        {
            "name": info.name,
            "group": info.group,
            "text": info.text,
            "keys": [gui.QKeySequence(key).toString(native) for key in info.keys],
            "where": info.where,
        }
        for info in old("studio/ui/views/actions").ACTIONS
    ]
    actions = [
        {"text": action.text(), "keys": [keys.toString(native) for keys in action.shortcuts()]}
        for action in window.findChildren(gui.QAction)
        if action.shortcuts()
    ]
    told = {
        "keys": keys,
        "actions": actions,
        "pictures": models.gallery.rowCount(),
        "cells": models.sweep.count,
        "finished": models.sweep.finished,
    }
    window.close()
    assert program.close()
    return told


def interrupt_training(home: Path) -> object:
    """Train on a folder of four pictures, and stop in the middle of the last stage."""
    lessons = old("tests/engine/lessons")
    lessons.add_tiny_scales()
    engine = old("studio/engine/engine").Engine(old("studio/folders").Folders.under(home), "cpu")
    squares = lessons.draw_folder(home / "squares")
    request = lessons.tiny_request(squares, steps=12, backbone="dit", latents=False, text_steps=0)
    lessons.know_speed(engine, request)
    stop = threading.Event()
    reached = None
    for event in engine.train(request, cancelled=stop):
        if getattr(event, "loss", None) is not None and event.stage == "backbone":
            reached = event.step
            if event.step == 5:
                stop.set()
    return {"stage": "backbone", "step": reached, "steps": 12, "name": "squares"}


RECIPE = """\
[about]
name = "taught"
title = "Taught by a recipe"
training_data = "four squares"
[data]
kind = "folder"
path = "../squares"
size = 16
[text]
features = 16
buckets = 64
layers = 1
heads = 2
[backbone]
kind = "dit"
features = 16
layers = 1
heads = 2
[train]
pictures = 40
batch = 4
"""


def interrupt_recipe(home: Path) -> object:
    """Train from a recipe, and stop in the middle."""
    path = home / "recipes" / "taught.toml"
    path.parent.mkdir()
    path.write_text(RECIPE)
    torch = importlib.import_module("torch")
    recipe = old("studio/training/recipe").load_recipe(path)
    steps = old("studio/engine/train").train_recipe(
        recipe, home / "models" / "taught", torch.device("cpu"), save_seconds=0.0
    )
    for progress in steps:
        if progress.done.step == 5:
            break
    steps.close()
    return {"name": "taught", "step": progress.done.step, "steps": progress.done.steps}


WORK = {
    "model": make_model,
    "window": use_window,
    "training": interrupt_training,
    "recipe": interrupt_recipe,
}

if __name__ == "__main__":
    print(json.dumps(WORK[sys.argv[1]](Path(sys.argv[2]))))
