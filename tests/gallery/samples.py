"""Pictures to keep, the same on every machine."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from studio.gallery.metadata import PictureMetadata

if TYPE_CHECKING:
    from numpy.typing import NDArray

PROMPTS = {
    "plain": "a red apple",
    "empty": "",
    "Latin-1": "une pomme à la crème, ½ mûre",
    "emoji": "🍎 a family 👩‍👩‍👧‍👦 in 🇰🇷 with a 👍🏽",
    "right to left": "תפוח אדום على الطاولة \u200f\u202eelppa\u202c",
    "Korean": "파란 배경의 빨간 사과",
    "lines": 'one\ntwo: three, "four"\\five\r\n\tsix',
    "looks like parameters": "x\nSteps: 1, Sampler: none, Seed: 3\nNegative prompt: y",
    "2,000 characters": "ab, " * 500,
    "2,000 pictograms": "🍎" * 2000,
    "zalgo": "a" + "\u0301" * 300 + " b",
}


def pixels(seed: int = 0, side: int = 16) -> NDArray[np.uint8]:
    """Return noise, uint8 (side, side + 3, 3): not square, so that exchanged sides are seen."""
    return np.random.default_rng(seed).integers(0, 256, (side, side + 3, 3), dtype=np.uint8)


def metadata(prompt: str = "a red apple", seed: int = 7, **changes: object) -> PictureMetadata:
    """Return what a picture of ``prompt`` remembers, with ``changes`` to its fields."""
    request = {
        "version": 1,
        "prompt": prompt,
        "negative": "blur, noise",
        "model": "starter",
        "sampler": "ddim",
        "options": {"eta": 0.25},
        "steps": 30,
        "spacing": "trailing",
        "guidance": 4.0,
        "seed": seed,
        "count": 1,
        "width": 64,
        "height": 64,
    }
    fields: dict[str, Any] = {
        "request": request,
        "image": 0,
        "seed": seed,
        "model": "starter",
        "model_sha256": digest("weights"),
        "device": "cpu",
        "dtype": "float32",
        "versions": {"stepwise-studio": "0.1.0", "torch": "2.13.0+cpu"},
        "x_T_sha256": digest(f"noise {seed}"),
        "final_sha256": digest(f"final {seed} {prompt}"),
        "model_calls": 60,
        "seconds": 1.25,
        "created": datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC),
    }
    return PictureMetadata(**{**fields, **changes})


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
