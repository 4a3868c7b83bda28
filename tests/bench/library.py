"""How long a folder of model files takes: the first scan of 2,000 LoRAs, a scan when nothing changed, and one lookup.

The headers are those of LoRAs as kohya-ss/sd-scripts writes them, half of them for Stable Diffusion 1.x and half for
SDXL, with the metadata that trainers leave; the weights are holes in sparse files.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from studio.checkpoints.library.cache import RecognitionCache
from studio.checkpoints.library.scan import scan
from tests.bench.measure import say, stopwatch
from tests.checkpoints.models import write_sparse
from tests.families.headers_adapters import CLIP_LAYERS, SD1_LAYERS, SDXL_LAYERS, kohya

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES = 2000
RESCAN_S = 2.0
"""The most that a scan may take when nothing changed."""

Shapes = dict[str, tuple[int, ...]]


def bench() -> Mapping[str, object]:
    """Measure both scans."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        size = write_loras(home / "models", FILES)
        say(f"library: {FILES:,} files whose headers are {size / 1e6:.0f} MB")
        stored = home / "cache.json"
        first = stopwatch(lambda: _scanned(home, stored))
        again = min(stopwatch(lambda: _scanned(home, stored)) for _ in range(3))
    return {
        "files": FILES,
        "headers, MB": round(size / 1e6),
        "first scan, seconds": round(first, 2),
        "second scan": {"seconds": round(again, 3), "bar": RESCAN_S, "holds": again <= RESCAN_S},
    }


def _scanned(home: Path, stored: Path) -> None:
    cache = RecognitionCache(stored)
    found = scan([home / "models"], cache)
    assert len(found.files) == FILES
    assert not found.unreadable
    cache.save()


def write_loras(folder: Path, count: int) -> int:
    """Write LoRAs without weights; return the bytes of their headers.

    There are eight layouts of tensors, as trainers' settings repeat, and one in five files has a layout of its own.
    """
    usual = [_layout(large=place % 2 == 0, rank=4 << place) for place in range(8)]
    written = 0
    for place in range(count):
        path = folder / f"style {place % 40}" / f"lora {place}.safetensors"
        layout = usual[place % 8] if place % 5 else _layout(large=place % 2 == 0, rank=1000 + place)
        written += _write(path, layout, place)
    return written


def _layout(*, large: bool, rank: int) -> Shapes:
    if large:
        return kohya("lora_unet_", SDXL_LAYERS, rank)
    return kohya("lora_unet_", SD1_LAYERS, rank) | kohya("lora_te_", CLIP_LAYERS, rank)


def _write(path: Path, shapes: Shapes, number: int) -> int:
    tags = {f"tag {place}": number + place for place in range(300)}
    base = "sd_v1" if number % 2 else "sdxl_base_v1-0"
    metadata = {
        "ss_base_model_version": base,
        "ss_network_dim": "16",
        "ss_tag_frequency": json.dumps({"10_style": tags}),
        "ss_output_name": path.stem,
        "modelspec.trigger_phrase": f"style {number}",
    }
    return write_sparse(path, shapes, metadata)
