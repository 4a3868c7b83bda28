"""A picture that is dropped on the window gives its settings to the form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from studio.engine.requests.generate import GenerateRequest
from studio.errors import RequestError, StorageError
from studio.gallery import png
from studio.ui.language import tr

if TYPE_CHECKING:
    from PySide6.QtCore import QMimeData


def dropped_file(data: QMimeData) -> Path | None:
    """Return the one local file that is being dragged, or None."""
    urls = [url for url in data.urls() if url.isLocalFile()]
    return Path(urls[0].toLocalFile()) if len(urls) == 1 else None


def read_request(path: Path) -> GenerateRequest | str:
    """Return what a picture was made from, for that picture alone; or a sentence on why it cannot be read.

    The file may come from a stranger: only its metadata is read, under the usual limits, and nothing starts.
    """
    try:
        metadata = png.read(path).metadata
        if metadata is None:
            return tr("{file} has no Stepwise settings in it.", file=path.name)
        request = GenerateRequest.from_dict(metadata.request)
        return replace(request, seed=metadata.seed, count=1).validate()
    except StorageError as error:
        return tr(error.message)
    except RequestError as error:
        return tr("The settings in {file} cannot be used: {reason}", file=path.name, reason=error.message)
