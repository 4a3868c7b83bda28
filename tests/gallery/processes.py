"""Processes that keep pictures while they are killed, or at the same time. Run by test_store.py; needs fork.

    python -m tests.gallery.processes kill|race ours|row_first FOLDER TRIALS

Prints what was found as one JSON object.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path

from PIL import Image

from studio.errors import StorageError
from studio.gallery import png
from studio.gallery.files import counter_of, is_part, sweep
from studio.gallery.index import FILE_NAME, Catalogue
from studio.gallery.store import PictureStore
from tests.gallery.samples import metadata, pixels
from tests.gallery.twins import RowFirstStore

STORES = {"ours": PictureStore, "row_first": RowFirstStore}
MOST_PICTURES = 10_000
WRITERS, EACH = 3, 12


def main() -> None:
    what, store, folder, trials = sys.argv[1:]
    source, found = random.Random(0), Counter[str]()
    for number in range(int(trials)):
        place = Path(folder, f"{store}-{number}")
        found.update(kill(store, place, source) if what == "kill" else race(store, place))
        shutil.rmtree(place)
    json.dump(found, sys.stdout)


def kill(store: str, place: Path, source: random.Random) -> Counter[str]:
    """Kill a process that saves pictures back to back at a random moment, and count what is wrong."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        save_until_killed(store, place, writable)
    os.close(writable)
    with os.fdopen(readable, "rb") as told:
        first = told.readline()  # it is under way
        time.sleep(source.uniform(0, 0.04))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        lines = [line for line in (first + told.read()).split(b"\n")[:-1] if line]
    acknowledged = [Path(os.fsdecode(line)) for line in lines]
    return Counter({"trials": 1, "acknowledged": len(acknowledged)}) + inspect(place, acknowledged)


def save_until_killed(store: str, place: Path, writable: int) -> None:
    picture = pixels(side=192)
    try:
        keep = STORES[store](place / "pictures", place / "catalogue")
        for seed in range(MOST_PICTURES):
            entry = keep.add(picture, metadata(seed=seed))
            os.write(writable, os.fsencode(entry.path) + b"\n")
    finally:
        os._exit(1)


def race(store: str, place: Path) -> Counter[str]:
    """Let several processes save at the same time in one folder and one catalogue, and count what is wrong."""
    children = []
    for writer in range(WRITERS):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                keep = STORES[store](place / "pictures", place / "catalogue")
                notes = [keep.add(pixels(), metadata(seed=writer)).notes for _ in range(EACH)]
                code = 0 if not any(notes) else 2
            finally:
                os._exit(code)
        children.append(child)
    found = Counter({"failed writers": sum(os.waitpid(child, 0)[1] != 0 for child in children)})
    names = [path.name for path in (place / "pictures").iterdir() if not is_part(path.name)]
    found["pictures"] = len(names)
    found["numbers given twice"] = len(names) - len({counter_of(name) for name in names})
    found["entries"] = Catalogue(place / "catalogue").count()
    return found + inspect(place, [])


def inspect(place: Path, acknowledged: list[Path]) -> Counter[str]:
    """Count the broken promises in ``place``, as one who starts the program again would meet them."""
    found: Counter[str] = Counter()
    pictures = place / "pictures"
    whole = {path for path in pictures.iterdir() if not is_part(path.name) and is_whole(path)}
    found["unreadable"] = sum(not is_part(path.name) for path in pictures.iterdir()) - len(whole)
    found["lost"] = sum(path not in whole for path in acknowledged)
    with contextlib.closing(sqlite3.connect(place / "catalogue" / FILE_NAME)) as connection:
        found["catalogue damaged"] = connection.execute("PRAGMA integrity_check").fetchone() != ("ok",)
    entries = Catalogue(place / "catalogue").entries(limit=MOST_PICTURES)
    found["rows without a file"] = sum(not entry.path.exists() for entry in entries)
    found["acknowledged without a row"] = len(set(acknowledged) - {entry.path for entry in entries})
    sweep(pictures)
    found["part files for good"] = sum(is_part(path.name) for path in pictures.iterdir())
    return found


def is_whole(path: Path) -> bool:
    try:
        with Image.open(path, formats=("PNG",)) as image:
            image.load()
        return png.read(path).metadata is not None
    except (OSError, SyntaxError, StorageError):
        return False


if __name__ == "__main__":
    main()
