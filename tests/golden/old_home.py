"""The folders of a user of commit 124763c: models, pictures, runs, an unfinished sweep, interrupted trainings."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import zlib
from contextlib import closing
from typing import TYPE_CHECKING

from studio.cli.main import run
from tests.golden.commands import RECORDED

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = (".json", ".jsonl", ".toml")
PLACE = "{HOME}"


def restore(home: Path) -> Path:
    """Put the recorded folders at ``home``, with its path wherever the old program wrote that of its own home."""
    shutil.copytree(RECORDED / "home", home, dirs_exist_ok=True)
    path = json.dumps(str(home), ensure_ascii=False)[1:-1]
    for file in home.rglob("*"):
        if file.suffix in TEXTS and PLACE in (text := file.read_text(encoding="utf-8")):
            file.write_text(text.replace(PLACE, path), encoding="utf-8")
    with closing(sqlite3.connect(home / "catalogue" / "pictures.sqlite3")) as connection, connection:
        rows = connection.execute("SELECT id, path, width, height, metadata, words FROM pictures").fetchall()
        for number, old, *rest in rows:
            new = old.replace(PLACE.encode(), os.fsencode(home))
            # As that commit computed it: every row has a checksum of its own.
            checksum = zlib.crc32(repr((new, *rest)).encode("utf-8"))
            connection.execute(
                "UPDATE pictures SET path = ?, checksum = ? WHERE id = ?", (new, checksum, number)
            )
    return home


def use_float32(home: Path) -> None:
    """Have the program find that bfloat16 is no faster on this machine, as it was when the answers were recorded."""
    cache = home / "cache" / "precision.json"
    if not cache.exists():
        scratch = home / "scratch"
        words = ["generate", "x", "--steps", "1", "--device", "cpu", "--no-record", "--out", str(scratch)]
        assert run(words) == 0
        shutil.rmtree(scratch)
        shutil.rmtree(home / "catalogue")
    cache.write_text(json.dumps(dict.fromkeys(json.loads(cache.read_text()), 0.0)))
