"""A picture that is dropped on the window gives its settings to the form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from studio.engine.requests import GenerateRequest
from studio.errors import RequestError, StorageError
from studio.gallery import png

if TYPE_CHECKING:
    from PySide6.QtCore import QMimeData


def dropped_file(data: QMimeData) -> Path | None:
    """Return the one local file that is being dragged, or None."""
    urls = [url for url in data.urls() if url.isLocalFile()]
    return Path(urls[0].toLocalFile()) if len(urls) == 1 else None


def read_request(path: Path) -> GenerateRequest | str:
    """Return what a picture was made from, for that picture alone; or a sentence on why that cannot be told.

    The file may come from anybody: only its description is read, under the same caps as everywhere, and nothing starts.
    """
    try:
        metadata = png.read(path).metadata
        if metadata is None:
            return f"{path.name} was not made here: it does not say how."
        request = GenerateRequest.from_dict(metadata.request)
        return replace(request, seed=metadata.seed, count=1).validate()
    except StorageError as error:
        return str(error)
    except RequestError as error:
        return f"The settings in {path.name} cannot be used: {error}"
