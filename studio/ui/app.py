"""Builds the program from its parts and runs it."""

from __future__ import annotations

import importlib
import os
import secrets
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QLibraryInfo, QLocale, Qt, QTranslator
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication

from studio.engine.torch_setup import prepare_for_torch
from studio.folders import Folders, resources_dir
from studio.gallery.store import PictureStore
from studio.runs.store import RunStore
from studio.ui.compare.library import CompareLibrary
from studio.ui.compare.model import CompareModel
from studio.ui.compare.reference import BatchingErrorModel, ReferenceModel
from studio.ui.core.background import Background
from studio.ui.core.catalog import Catalog
from studio.ui.core.engine_thread import EngineThread
from studio.ui.core.frame_service import FrameService
from studio.ui.core.intents import Intents
from studio.ui.core.notices import Notices
from studio.ui.core.settings import Preferences, SettingsFile
from studio.ui.core.thumbnails import Thumbnails
from studio.ui.create.form_model import FormModel
from studio.ui.gallery.model import GalleryModel
from studio.ui.gallery.verify import VerifyModel
from studio.ui.jobs.queue_model import QueueModel
from studio.ui.jobs.recorded_runs import RunsModel
from studio.ui.jobs.session import Session
from studio.ui.jobs.timings import Timings
from studio.ui.jobs.training_session import TrainingSession
from studio.ui.language import choose_language
from studio.ui.run.export import ExportModel
from studio.ui.run.filmstrip import FilmstripModel
from studio.ui.run.fork import ForkModel
from studio.ui.run.model import RunModel
from studio.ui.run.panes import PanesModel
from studio.ui.run.steps import StepRecompute, StepSaver
from studio.ui.shell.garbage import GarbageCollector
from studio.ui.shell.hooks import Hooks
from studio.ui.shell.main_window import MainWindow
from studio.ui.shell.models import Models
from studio.ui.shell.status_bar import StatusModel
from studio.ui.shell.wiring import Wiring
from studio.ui.sweep.model import SweepModel
from studio.ui.theme.theme import Theme
from studio.ui.train.model import TrainModels
from studio.ui.welcome.downloads import Downloads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from studio.engine.protocol import Engine


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """The running program."""

    theme: Theme
    models: Models
    session: Session
    training: TrainingSession
    wiring: Wiring
    window: MainWindow

    def close(self) -> bool:
        """End the engine thread and save everything; return False if the thread did not end in time."""
        ended = self.session.close()
        self.models.close()
        return ended


def make_models(
    folders: Folders,
    make_engine: Callable[[], Engine] | None = None,
    *,
    store: PictureStore | None = None,
    draw: Callable[[int], int] = secrets.randbelow,
    clock: Callable[[], float] = time.monotonic,
) -> Models:
    """Return the models of a new program, without the connections of `Wiring`.

    Args:
        folders: the user's folders.
        make_engine: creates the engine in its thread, which is not started yet; None for the real engine.
        store: where finished pictures are saved; None for that of ``folders``.
        draw: returns a random integer in [0, n), for seeds.
        clock: returns seconds; a pause between two edits starts a new step of undo.
    """
    notices, intents = Notices(), Intents()
    preferences = Preferences(SettingsFile(folders.settings / "window.json"))
    timings = Timings(folders.cache / "timings.json")
    busy = threading.Event()
    catalog = Catalog(folders, busy)
    store = store or PictureStore.of(folders)
    thumbnails = Thumbnails(folders.cache)
    runs = RunsModel(RunStore.of(folders, round(preferences.runs_gib * 2**30)), store.catalogue)
    engine = EngineThread(make_engine or _engine_maker(folders), store, runs.store, busy=busy)
    background = Background()
    frames = FrameService(engine, background)
    run = RunModel(frames)
    gallery = GalleryModel(store, thumbnails, notices, runs.store)
    form = FormModel(catalog, preferences, timings, draw=draw, clock=clock)
    compare = CompareModel(frames)
    return Models(
        folders=folders,
        intents=intents,
        engine=engine,
        background=background,
        frames=frames,
        store=store,
        preferences=preferences,
        catalog=catalog,
        form=form,
        queue=QueueModel(),
        run=run,
        strip=FilmstripModel(run, frames),
        gallery=gallery,
        runs=runs,
        verifier=VerifyModel(runs.store, folders, engine),
        keeper=StepSaver(run, frames, store, gallery, notices),
        forks=ForkModel(run, catalog),
        recompute=StepRecompute(run, engine),
        panes=PanesModel(run, engine),
        exports=ExportModel(run, frames, notices),
        compare=compare,
        library=CompareLibrary(runs.store, store.catalogue, folders),
        reference=ReferenceModel(compare, catalog),
        batching_error=BatchingErrorModel(compare, engine),
        sweep=SweepModel(form, catalog, intents, SettingsFile(folders.catalogue / "sweep.json")),
        train=TrainModels.make(catalog, preferences, notices, engine, frames),
        status=StatusModel(),
        notices=notices,
        downloads=Downloads(catalog, notices, intents),
        thumbnails=thumbnails,
        timings=timings,
    )


def make_sessions(models: Models) -> tuple[Session, TrainingSession]:
    """Return the sessions, which connect the models with the engine thread; not started yet."""
    session = Session(
        models.engine,
        models.store,
        queue=models.queue,
        run=models.run,
        gallery=models.gallery,
        status=models.status,
        notices=models.notices,
        preferences=models.preferences,
        timings=models.timings,
    )
    training = TrainingSession(
        models.engine, run=models.train.run, catalog=models.catalog, notices=models.notices
    )
    return session, training


def build(
    app: QApplication,
    folders: Folders,
    make_engine: Callable[[], Engine] | None = None,
    *,
    ui_languages: Sequence[str] = (),
) -> Program:
    """Build the program and start its engine thread; the window is not shown yet.

    Args:
        app: Qt's application.
        folders: the user's folders.
        make_engine: creates the engine in its thread; None for the real engine.
        ui_languages: the system's languages, most preferred first, used unless the settings name a language.
    """
    models = make_models(folders, make_engine)
    translate_qt(app, choose_language(models.preferences.language, list(ui_languages)))
    theme = Theme(app, models.preferences.theme)
    session, training = make_sessions(models)
    window = MainWindow(theme, models, session, training)
    wiring = Wiring(app, theme, models, session, training)
    window.painted.connect(wiring.on_first_paint)
    session.start()
    return Program(
        theme=theme,
        models=models,
        session=session,
        training=training,
        wiring=wiring,
        window=window,
    )


def main(arguments: Sequence[str]) -> int:
    """Open the window and return the exit code once it is closed."""
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    app = QApplication([sys.argv[0], *arguments])
    app.setApplicationName("Stepwise Studio")
    app.setDesktopFileName("stepwise-studio")
    app.setWindowIcon(QIcon(str(resources_dir() / "app.svg")))
    collector = GarbageCollector(app)
    collector.start()
    program = build(app, Folders.find(), ui_languages=QLocale.system().uiLanguages())
    program.models.engine.engine_event.connect(collector.on_engine_event)
    hooks = Hooks(program.models.notices, program.models.folders.logs)
    hooks.install()
    hooks.end_requested.connect(program.window.close)
    program.window.closing.connect(app.quit)
    program.window.show()
    code = app.exec()
    if not program.close():
        os._exit(code)  # a model call does not return; finished pictures are saved
    return code


def translate_qt(app: QApplication, code: str) -> None:
    """Translate Qt's own dialogs and menus into the language ``code``, if Qt has a translation."""
    if code == "en":
        return
    translator = QTranslator(app)
    if translator.load(f"qtbase_{code}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        app.installTranslator(translator)


def _engine_maker(folders: Folders) -> Callable[[], Engine]:
    def make() -> Engine:
        prepare_for_torch()
        # By name, in the engine thread: torch must not be imported earlier.
        module = importlib.import_module("studio.engine.engine")
        engine: Engine = module.Engine(folders, spared_cores=1)
        return engine

    return make
