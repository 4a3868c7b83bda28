"""Everything the page of trainings shows, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from studio.engine.train_estimate import estimate
from studio.ui.core.background import Background
from studio.ui.core.sheet_writer import SheetWriter
from studio.ui.core.thumbnails import Thumbnails
from studio.ui.models.forward import ForwardModel
from studio.ui.models.train_costs import TrainCosts
from studio.ui.models.train_folder import TrainFolder
from studio.ui.models.train_form import TrainForm
from studio.ui.models.train_reading import make_tile
from studio.ui.models.train_resumable import Resumables
from studio.ui.models.train_run import TrainRun
from studio.ui.models.train_sheet import CheckpointSheet

if TYPE_CHECKING:
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.notices import Notices
    from studio.ui.core.settings import Preferences


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainModels:
    """One of each.

    Attributes:
        folder: the pictures that were found.
        form: what to train.
        run: the training that goes on.
        resumables: those that can go on.
        forward: a picture on its way into noise.
        tiles: the pictures that were found, small.
        sheet: checkpoints on one sheet.
        background: writes it.
    """

    folder: TrainFolder
    form: TrainForm
    run: TrainRun
    resumables: Resumables
    forward: ForwardModel
    tiles: Thumbnails
    sheet: CheckpointSheet
    background: Background

    @classmethod
    def make(cls, catalog: Catalog, preferences: Preferences, notices: Notices) -> Self:
        """Make them; nothing is read yet."""
        folder, background = TrainFolder(), Background()
        costs = TrainCosts(partial(estimate, cache=catalog.folders.cache))
        return cls(
            folder=folder,
            form=TrainForm(catalog, preferences, folder, costs),
            run=TrainRun(),
            resumables=Resumables(catalog.folders),
            forward=ForwardModel(),
            tiles=Thumbnails(make=make_tile),
            sheet=CheckpointSheet(SheetWriter(notices, background)),
            background=background,
        )

    def close(self) -> None:
        """Read nothing more, and return once no thread is at it."""
        self.folder.close()
        self.resumables.close()
        self.forward.close()
        self.tiles.close()
        self.background.close()
