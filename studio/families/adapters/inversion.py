"""Textual inversions: vectors that stand in a prompt for something that no word says.

Source: Gal et al. 2022, "An Image is Worth One Word: Personalizing Text-to-Image Generation using Textual Inversion",
arXiv 2208.01618. The names in files are those of A1111's trainer (``emb_params``), of SDXL's trainers (``clip_l`` and
``clip_g``) and of diffusers (the name of the token).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.errors import CheckpointError
from studio.messages import message

if TYPE_CHECKING:
    from torch import Tensor

    from studio.families.loading import Networks
    from studio.families.networks import TensorReader

MAX_VECTORS = 75
"""As many as a chunk of a prompt holds."""

_SDXL_NAMES = ("clip_l", "clip_g")


def read_inversion(reader: TensorReader, networks: Networks) -> tuple[Tensor, ...]:
    """Return the vectors of a textual inversion for each text encoder of a model, each (V, D).

    Raises:
        CheckpointError: the file cannot be read, or its vectors are not those of the model's text encoders.
    """
    widths = [encoder.token_embedding.embedding_dim for encoder in networks.text_encoders]
    shapes = reader.shapes
    names = _SDXL_NAMES if len(widths) == 2 else tuple(shapes)
    found = [shapes.get(name, ()) for name in names]
    counts = {shape[0] if len(shape) == 2 else len(shape) for shape in found}
    fits = [shape[-1:] for shape in found] == [(width,) for width in widths]
    if not fits or len(counts) != 1 or not 1 <= counts.pop() <= MAX_VECTORS:
        reason = message(
            "is not a textual inversion for this model: its text encoders need vectors of {widths} numbers",
            widths=" + ".join(map(str, widths)),
        )
        raise CheckpointError(reader.path, reason)
    return tuple(reader.read(name).reshape(-1, width) for name, width in zip(names, widths, strict=True))
