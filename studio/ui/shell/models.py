"""All models of the window, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.folders import Folders
    from studio.gallery.store import PictureStore
    from studio.ui.compare.library import CompareLibrary
    from studio.ui.compare.model import CompareModel
    from studio.ui.compare.reference import BatchingErrorModel, ReferenceModel
    from studio.ui.core.background import Background
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.engine_thread import EngineThread
    from studio.ui.core.frame_service import FrameService
    from studio.ui.core.intents import Intents
    from studio.ui.core.notices import Notices
    from studio.ui.core.settings import Preferences
    from studio.ui.core.thumbnails import Thumbnails
    from studio.ui.create.form_model import FormModel
    from studio.ui.gallery.model import GalleryModel
    from studio.ui.gallery.verify import VerifyModel
    from studio.ui.jobs.queue_model import QueueModel
    from studio.ui.jobs.recorded_runs import RunsModel
    from studio.ui.jobs.timings import Timings
    from studio.ui.run.export import ExportModel
    from studio.ui.run.filmstrip import FilmstripModel
    from studio.ui.run.fork import ForkModel
    from studio.ui.run.model import RunModel
    from studio.ui.run.panes import PanesModel
    from studio.ui.run.steps import StepRecompute, StepSaver
    from studio.ui.shell.status_bar import StatusModel
    from studio.ui.sweep.model import SweepModel
    from studio.ui.train.model import TrainModels
    from studio.ui.welcome.downloads import Downloads


@dataclass(frozen=True, kw_only=True, eq=False)
class Models:
    """The models of a program, made by `studio.ui.app.make_models`."""

    folders: Folders
    intents: Intents
    engine: EngineThread
    background: Background
    frames: FrameService
    store: PictureStore
    preferences: Preferences
    catalog: Catalog
    form: FormModel
    queue: QueueModel
    run: RunModel
    strip: FilmstripModel
    gallery: GalleryModel
    runs: RunsModel
    verifier: VerifyModel
    keeper: StepSaver
    forks: ForkModel
    recompute: StepRecompute
    panes: PanesModel
    exports: ExportModel
    compare: CompareModel
    library: CompareLibrary
    reference: ReferenceModel
    batching_error: BatchingErrorModel
    sweep: SweepModel
    train: TrainModels
    status: StatusModel
    notices: Notices
    downloads: Downloads
    thumbnails: Thumbnails
    timings: Timings

    def close(self) -> None:
        """Save the preferences and timings, and return when no background work is left."""
        self.background.close()
        self.form.close()
        self.downloads.close()
        self.catalog.close()
        self.gallery.close()
        self.runs.close()
        self.keeper.close()
        self.recompute.close()
        self.compare.close()
        self.library.close()
        self.sweep.close()
        self.exports.close()
        self.train.close()
        self.thumbnails.close()
        self.preferences.save()
        self.timings.save()
