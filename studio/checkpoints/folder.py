"""A model's folder: ``card.json`` beside ``model.safetensors``. Importable without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.checkpoints.card import MAX_CARD_BYTES, ModelCard
from studio.errors import CheckpointError
from studio.messages import message
from studio.storage import write_files
from studio.weights.files import read_small
from studio.weights.header import check_file

if TYPE_CHECKING:
    from pathlib import Path

CARD_NAME = "card.json"
WEIGHTS_NAME = "model.safetensors"
NATIVE_DTYPES = ("F32", "F16", "BF16", "I64")
"""The dtypes of weights that this program writes; a model of its own with others is not one that it wrote."""


def read_card(folder: Path) -> ModelCard:
    """Return the card of the model in ``folder``.

    Raises:
        CheckpointError: there is none, or it is malformed.
    """
    path = folder / CARD_NAME
    return ModelCard.from_json(read_small(path, MAX_CARD_BYTES), path)


def write_card(folder: Path, card: ModelCard) -> None:
    """Replace the card of the model in ``folder`` (with new results, for example); the weights stay as they are.

    Raises:
        StorageError: it cannot be written; the old card is left as it was.
    """
    write_files({folder / CARD_NAME: card.to_json().encode()})


def describe(folder: Path) -> ModelCard:
    """Return the card of the model in ``folder`` after comparing it with the header of the weights file.

    Quick: the weights themselves are not read, and their hash is not computed.

    Raises:
        CheckpointError: the card or the weights file is missing or malformed, or they do not belong together.
    """
    card = read_card(folder)
    path = folder / WEIGHTS_NAME
    header = check_file(path, dtypes=NATIVE_DTYPES)
    if not card.weights_sha256:
        raise CheckpointError(folder / CARD_NAME, message("lacks the hash of its weights"))
    header.check_parameters(card.parameters, path)
    return card
