"""Ways of keeping a picture that are wrong, and are found in programs people use. The checks must reject them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.gallery.files import picture_name
from studio.gallery.index import Catalogue, Entry

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from studio.gallery.metadata import PictureMetadata
    from tests.gallery.disk_faults import Disk


class RowFirstStore:
    """Enters the picture in the catalogue, then writes it straight to its final name."""

    def __init__(self, outputs: Path, catalogue: Path) -> None:
        self.catalogue = Catalogue(catalogue)
        self._outputs = outputs
        self._counter = 0

    def add(self, pixels: NDArray[np.uint8], metadata: PictureMetadata) -> Entry:
        self._outputs.mkdir(parents=True, exist_ok=True)
        self._counter += 1
        path = self._outputs / picture_name(self._counter, metadata.seed)
        height, width, _ = pixels.shape
        entry = Entry(path=path, width=width, height=height, metadata=metadata)
        self.catalogue.add(entry)
        info = PngInfo()
        info.add_text("stepwise", metadata.to_json())
        Image.fromarray(pixels).save(path, "PNG", pnginfo=info)
        return entry


def naive_save(at: Disk, folder: Path, data: bytes) -> None:
    """Write the file under its final name, as `open(path, "wb").write(data)` does, through the disk ``at``."""
    file = at.open(
        folder / "000002-7.png", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    )
    try:
        for start in range(0, len(data), 400):
            at.write(file, data[start : start + 400])
    finally:
        at.close(file)
