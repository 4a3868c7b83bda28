"""Record what the program of an old commit does, as files that the tree of today is held against.

The files under ``recorded/`` come from commit 124763c. To record them again, from the project's folder:

    git worktree add --detach ../old 124763c
    python -m tests.golden.record ../old

Every command runs in a process of its own, in the old tree, on one thread, in float32 (so that another processor gives
the same pictures but for rounding) and with folders of its own. What needs the window or the trainer of that commit is
made by `old_program.py`, which imports the modules of that commit: tools that move or rename modules must leave it,
this file and everything under ``recorded/`` alone.

In text files the folder that was recorded in is written as ``{HOME}``; see `tests.golden.old_home`.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.golden.commands import COMMANDS, NAMES, RECORDED, answers, comparable, pictures

TEXTS = (".json", ".jsonl", ".toml")
ERRORS: tuple[tuple[str, ...], ...] = (
    ("--version",),
    ("nonsense",),
    ("--nonsense",),
    ("generate",),
    ("generate", "a fox", "--nonsense"),
    ("generate", "a fox", "--samp", "ddim"),
    ("generate", "a fox", "--steps", "0"),
    ("generate", "a fox", "--steps", "1001"),
    ("generate", "a fox", "--steps", "many"),
    ("generate", "a fox", "--sampler", "nobody"),
    ("generate", "a fox", "--spacing", "nobody"),
    ("generate", "a fox", "--model", "nobody"),
    ("generate", "a fox", "--guidance", "31"),
    ("generate", "a fox", "--guidance", "nan"),
    ("generate", "a fox", "--seed", "-1"),
    ("generate", "a fox", "--count", "0"),
    ("generate", "a fox", "--size", "64"),
    ("generate", "a fox", "--size", "65x64"),
    ("generate", "a fox", "--sampler", "ddpm", "--eta", "0.5"),
    ("generate", "a fox", "--sampler", "ddim", "--eta", "2"),
    ("generate", "a fox", "--device", "nobody"),
    ("generate", "a fox", "--out", "{HOME}/models/tiny/card.json"),
    ("compare", "a fox"),
    ("compare", "a fox", "--seed", "1,1"),
    ("compare", "a fox", "--seed", "1,2,3,4,5,6,7"),
    ("compare", "a fox", "--sampler", "ddim,nobody"),
    ("compare", "a fox", "--sampler", "ddim,ddpm", "--passes", "2"),
    ("compare", "a fox", "--seed", "1,2", "--out", "{HOME}/models/tiny/card.json"),
    ("fork", "1"),
    ("fork", "99", "--at", "1"),
    ("fork", "1", "--at", "99"),
    ("fork", "1", "--at", "6"),
    ("fork", "1", "--at", "1", "--spacing", "leading"),
    ("fork", "1", "--at", "1", "--steps", "3"),
    ("runs", "nonsense"),
    ("runs", "show"),
    ("runs", "list", "1"),
    ("runs", "show", "99"),
    ("runs", "--limit", "-1"),
    ("runs",),
    ("runs", "show", "1"),
    ("verify",),
    ("verify", "{HOME}/nowhere.png"),
    ("verify", "{HOME}/models/tiny/card.json"),
    ("verify", "{HOME}/altered.png", "--device", "cpu"),
    ("train",),
    ("train", "{HOME}/nowhere"),
    ("train", "{HOME}/nowhere.toml"),
    ("train", "pictograms", "--size", "100"),
    ("train", "pictograms", "--steps", "many"),
    ("train", "pictograms", "--scale", "huge"),
    ("train", "pictograms", "--base", "nobody"),
    ("train", "pictograms", "--name", "starter"),
    ("train", "pictograms", "--preview"),
    ("train", "pictograms", "--out", "{HOME}/there"),
    ("evaluate",),
    ("evaluate", "nobody"),
    ("evaluate", "starter", "--only", "nonsense"),
    ("evaluate", "starter", "--steps", "0"),
    ("models",),
    ("doctor",),
)
"""Commands whose exit code was recorded; ``{HOME}`` is the old home."""


class Old:
    """The old program with folders of its own."""

    def __init__(self, tree: Path, home: Path) -> None:
        self._tree, self.home = tree, home
        self._environment = {
            **os.environ,
            "STEPWISE_HOME": str(home),
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
            "QT_QPA_PLATFORM": "offscreen",
            "PYTHONPATH": str(tree),
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "80",
        }

    def python(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *words]
        return subprocess.run(
            command, cwd=self._tree, env=self._environment, capture_output=True, text=True, check=False
        )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.python("-m", "studio", *words)

    def inside(self, what: str) -> Any:  # noqa: ANN401 - any JSON value
        done = self.python(str(Path(__file__).with_name("old_program.py")), what, str(self.home))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def use_float32(self) -> None:
        """Have the old program find that bfloat16 is no faster on this machine."""
        assert self.run("generate", "x", "--steps", "1", "--device", "cpu", "--no-record").returncode == 0
        cache = self.home / "cache" / "precision.json"
        cache.write_text(json.dumps(dict.fromkeys(json.loads(cache.read_text()), 0.0)))
        for folder in ("outputs", "catalogue"):
            shutil.rmtree(self.home / folder)


def main() -> None:
    tree = Path(sys.argv[1]).resolve()
    shutil.rmtree(RECORDED, ignore_errors=True)
    RECORDED.mkdir()
    with tempfile.TemporaryDirectory() as place:
        home = Old(tree, Path(place) / "home")
        home.use_float32()
        record_home(home)
        record_errors(home)
        made = Old(tree, Path(place) / "made")
        made.use_float32()
        record_commands(made)
    record_help(made)


def record_help(old: Old) -> None:
    folder = RECORDED / "help"
    folder.mkdir()
    for name in ("", *NAMES):
        said = old.run(*filter(None, [name]), "--help").stdout
        (folder / f"{name or 'stepwise'}.txt").write_text(said, encoding="utf-8")


def record_commands(old: Old) -> None:
    folder = RECORDED / "pictures"
    folder.mkdir()
    told, first = {}, dict[str, str]()
    for command in COMMANDS:
        done = old.run(*(word.format(**first) if word[0] == "{" else word for word in command.words))
        assert done.returncode == 0, (command, done.stderr)
        answer = answers(done.stdout)
        files = pictures(answer)
        if files:
            first[command.name] = str(files[0])
        for place, path in enumerate(files):
            with Image.open(path) as image:
                Image.fromarray(np.asarray(image)).save(folder / f"{command.name}-{place}.png", optimize=True)
        told[command.name] = comparable(answer)
    told["models"] = [[one for one in told["models"][0] if one["name"] == "starter"]]
    for one in told["models"][0]:
        one.pop("evaluation", None)
    write("answers.json", told)


def record_errors(old: Old) -> None:
    told = []
    for words in ERRORS:
        done = old.run(*(word.replace("{HOME}", str(old.home)) for word in words))
        lines = [line for line in done.stderr.splitlines() if line.startswith("stepwise")]
        told.append(
            {"words": words, "code": done.returncode, "sentences": len(lines), "prints": bool(done.stdout)}
        )
    write("exit_codes.json", told)


def record_home(old: Old) -> None:
    """Make a home in which everything that the old program writes lies, and record it."""
    old.inside("model")
    tiny = ("--model", "tiny", "--device", "cpu")
    assert old.run("generate", "a red dog", "--steps", "6", "--seed", "7", *tiny).returncode == 0
    assert old.run("generate", "a long run", "--steps", "140", *tiny).returncode == 0
    assert old.run("fork", "1", "--at", "3", "--prompt", "a blue dog", "--device", "cpu").returncode == 0
    assert old.run("runs", "pin", "2").returncode == 0
    write("window.json", old.inside("window"))
    write("training.json", old.inside("training"))
    write("recipe.json", old.inside("recipe"))
    alter(next((old.home / "outputs").glob("000001-*.png")), old.home / "altered.png")
    copy = RECORDED / "home"
    ignored = shutil.ignore_patterns("logs", "thumbnails*", "pictures", "precision.json", "*-wal", "*-shm")
    shutil.copytree(old.home, copy, ignore=ignored)
    for path in copy.rglob("*"):
        if path.suffix in TEXTS:
            path.write_text(path.read_text("utf-8").replace(str(old.home), "{HOME}"), encoding="utf-8")
    with sqlite3.connect(copy / "catalogue" / "pictures.sqlite3") as connection:
        for number, path in connection.execute("SELECT id, path FROM pictures").fetchall():
            new = path.replace(os.fsencode(old.home), b"{HOME}")
            connection.execute("UPDATE pictures SET path = ? WHERE id = ?", (new, number))
    connection.close()


def alter(picture: Path, altered: Path) -> None:
    """Write ``picture`` with another pixel, and the memory of its making."""
    with Image.open(picture) as image:
        memory = PngInfo()
        for key, text in image.text.items():
            memory.add_itxt(key, text)
        image.putpixel((3, 3), tuple(255 - value for value in image.getpixel((3, 3))))
        image.save(altered, pnginfo=memory)


def write(name: str, value: object) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    (RECORDED / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
