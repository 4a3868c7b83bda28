"""All models of the training page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from studio.engine.training.estimate import StoredTimings
from studio.ui.core.background import Background
from studio.ui.core.thumbnails import Thumbnails
from studio.ui.jobs.sheet_writer import SheetWriter
from studio.ui.train.data import TrainFolder, make_tile
from studio.ui.train.form import TrainCosts, TrainForm
from studio.ui.train.noise import ForwardModel
from studio.ui.train.resumable import Resumables
from studio.ui.train.run import TrainRun
from studio.ui.train.sheet import CheckpointSheet

if TYPE_CHECKING:
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.engine_call import EngineCaller
    from studio.ui.core.frame_service import FrameService
    from studio.ui.core.notices import Notices
    from studio.ui.core.settings import Preferences


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainModels:
    """The models of the training page.

    Attributes:
        folder: the pictures of the chosen folder.
        form: the settings.
        run: the running training.
        resumables: the unfinished trainings.
        forward: the picture of the Noise tab.
        tiles: thumbnails of the folder.
        sheet: saves a sheet of checkpoints.
        background: writes the sheet.
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
    def make(
        cls,
        catalog: Catalog,
        preferences: Preferences,
        notices: Notices,
        engine: EngineCaller,
        frames: FrameService,
    ) -> Self:
        """Create the models; nothing is read yet."""
        folder, background = TrainFolder(), Background()
        timings = StoredTimings(catalog.folders.cache)
        costs = TrainCosts(timings.estimate, engine, timings.read)
        costs.forget()
        return cls(
            folder=folder,
            form=TrainForm(catalog, preferences, folder, costs),
            run=TrainRun(),
            resumables=Resumables(catalog.folders),
            forward=ForwardModel(),
            tiles=Thumbnails(make=make_tile),
            sheet=CheckpointSheet(SheetWriter(notices, background), frames),
            background=background,
        )

    def close(self) -> None:
        """Stop all reading and writing, and wait for it."""
        self.folder.close()
        self.form.close()
        self.resumables.close()
        self.forward.close()
        self.tiles.close()
        self.background.close()
