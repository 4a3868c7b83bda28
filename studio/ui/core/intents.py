"""Requests from a feature to other parts of the window. Features emit these signals; only the shell connects them."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class Intents(QObject):
    """The intents of the whole window.

    Signals:
        generate: start the job that the open page has set up: pictures, a fork, a comparison or a training.
        cancel: cancel the running job.
        fork: run the fork that the fork panel has set up.
        use_settings: fill the form with this `GenerateRequest`.
        show_models: open the page of models.
        get_model: open the page that downloads a model.
        use_model: make the next pictures with the model of this name.
        open_picture: show this picture (an `Entry`) in the viewer, over the open page.
        go_live: show the running job.
        compare: run this `CompareRequest` and show its runs side by side.
        run_comparison: run this `CompareRequest`; the open page stays.
        compare_shown: compare the run on the canvas with others.
        compare_runs: show the recorded runs of these ids (a list) side by side.
        compare_pictures: show the recorded runs of these pictures (a list of `Entry`) side by side.
        open_comparison: show the comparison page in its last state.
        open_sweep: show the sweep instead of the comparison.
    """

    generate = Signal()
    cancel = Signal()
    fork = Signal()
    use_settings = Signal(object)
    show_models = Signal()
    get_model = Signal()
    use_model = Signal(str)
    open_picture = Signal(object)
    go_live = Signal()
    compare = Signal(object)
    run_comparison = Signal(object)
    compare_shown = Signal()
    compare_runs = Signal(list)
    compare_pictures = Signal(list)
    open_comparison = Signal()
    open_sweep = Signal()
