"""The panes of a step: x0_hat, x_t, the predictions with and without the prompt, their difference, and the score.

x0_hat and x_t are recorded. The others come from the engine, which evaluates the model again, with and without the
prompt, at the state that the step started from.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.diffusion.samplers import SAMPLERS
from studio.messages import Message, message
from studio.runs.memory import is_available
from studio.ui.core.engine_call import EngineCall, Priority
from studio.ui.core.images import to_image
from studio.ui.run import text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtGui import QImage

    from studio.engine.events import Explained
    from studio.engine.protocol import Engine
    from studio.engine.requests.adapters import AdapterRecord
    from studio.engine.requests.generate import GenerateRequest
    from studio.engine.requests.previews import Quantity
    from studio.ui.core.engine_call import EngineCaller
    from studio.ui.run.model import RunModel

Key = tuple[str, int, int]
"""The id of a job, which of its pictures, and a step."""
PaneKey = Literal["x0", "x_t", "cond", "uncond", "difference", "score"]

PANES: tuple[tuple[PaneKey, str | Message, Message], ...] = (
    ("x0", "x0_hat", message("Predicted clean image (x0_hat), as the sampler uses it.")),
    ("cond", message("with the prompt"), message("Predicted from the prompt alone.")),
    ("uncond", message("without it"), message("Predicted from the negative prompt, or from no prompt.")),
    ("x_t", "x_t", message("The state itself, with the noise that is still in it.")),
    (
        "difference",
        "guided - uncond",
        message("The effect of guidance: guided minus unguided prediction, averaged over the channels."),
    ),
    ("score", "|score|", message("The norm of the score, the gradient of log p, at each pixel.")),
)
SETTLE_MS = 60
"""How long a step must be shown before the model is evaluated, so that scrubbing evaluates none."""
MOST_KEPT = 64
_SIGNED = ("#3aa6d0", "#1b1b1e", "#f06a5a")
_HEAT = ("#08090c", "#143a66", "#12707e", "#2fa873", "#a3d65c", "#fbf6b8")


@dataclass(frozen=True, eq=False)
class Pane:
    """The content of one pane.

    Attributes:
        image: the picture; None if there is none (yet).
        note: the range of its colour scale, or why there is no picture; translated.
        stops: the colours of the scale, from the minimum to the maximum.
    """

    image: QImage | None
    note: str = ""
    stops: tuple[str, ...] = ()


class PanesModel(QObject):
    """The six panes of the shown step; the model is evaluated only while they are visible.

    Signals:
        changed: `panes` has changed.
    """

    changed = Signal()

    def __init__(self, run: RunModel, engine: EngineCaller, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._run, self._engine, self._active = run, engine, False
        self._known: dict[Key, dict[PaneKey, Pane]] = {}
        self._asked: Key | None = None
        self._fault: tuple[Key, str] | None = None
        self._timer = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._timer.timeout.connect(self._ask)
        for signal in (run.changed, run.steps_changed, run.selection_changed):
            signal.connect(self._on_changed)
        run.frame_decoded.connect(self._on_frame_decoded)

    @property
    def panes(self) -> dict[PaneKey, Pane]:
        """The panes of the shown step, as far as they are known."""
        key = self._key()
        known = self._known.get(key, {}) if key is not None else {}
        return {name: known.get(name) or self._recorded(name) for name, _, _ in PANES}

    def set_active(self, active: bool) -> None:
        """Note whether the panes are visible."""
        if active != self._active:
            self._active = active
            self._on_changed()

    def _take(self, key: Key, explained: Explained) -> None:
        self._known[key] = _panes_of(explained)
        while len(self._known) > MOST_KEPT:
            del self._known[next(iter(self._known))]
        self._note_answer(key)

    def _fail(self, key: Key, sentence: str) -> None:
        """Keep the error for this step; showing the step again evaluates it again."""
        self._fault = key, sentence
        self._note_answer(key)

    def _note_answer(self, key: Key) -> None:
        self._forget(key)
        self.changed.emit()
        if self._active and self._key() != key:
            self._timer.start()

    def _forget(self, key: Key) -> None:
        self._asked = None if self._asked == key else self._asked

    def _key(self) -> Key | None:
        job_state, done = self._run.viewed, self._run.shown_step
        return (
            (job_state.job.id, done.image, done.step) if job_state is not None and done is not None else None
        )

    def _recorded(self, name: PaneKey) -> Pane:
        """Return a pane as far as it is known without evaluating the model."""
        picture, done = self._run.picture, self._run.shown_step
        if picture is None or done is None:
            return Pane(None)
        if name == "x0" and done is picture.start:
            return Pane(None, text.no_prediction())
        if name not in ("x0", "x_t"):
            failed = self._fault is not None and self._fault[0] == self._key()
            return Pane(None, self._fault[1] if failed and self._fault is not None else text.computing())
        pixels = picture.frame(done, name)
        return Pane(to_image(pixels)) if pixels is not None else Pane(None, text.computing())

    @Slot()
    def _on_changed(self) -> None:
        if not self._active:
            return
        self.changed.emit()
        key = self._key()
        if self._fault is not None and self._fault[0] != key:
            self._fault = None
        if key is not None and key not in self._known and self._fault is None:
            self._timer.start()

    @Slot()
    def _on_frame_decoded(self) -> None:
        if self._active:
            self.changed.emit()

    @Slot()
    def _ask(self) -> None:
        """Evaluate the model at the state that the shown step started from, as the run did."""
        job_state, picture, done, key = self._run.viewed, self._run.picture, self._run.shown_step, self._key()
        if not self._active or job_state is None or picture is None or done is None or key is None:
            return
        quantities: tuple[Quantity, ...] = ("x0", "x_t")
        for quantity in quantities:
            self._run.request_frame(done.step, quantity, token=("panes", quantity))
        if key in self._known or key == self._asked:
            return
        before = picture.find(done.step - 1) if done is not picture.start else done
        if before is not None and not is_available(before):
            self._run.step_wanted.emit(before.step)
            return
        if before is None or before.state is None or picture.began is None:
            if done is not picture.last or job_state.over:
                not_kept = Pane(None, text.state_not_kept())
                self._known[key] = dict.fromkeys(("cond", "uncond", "difference", "score"), not_kept)
                self.changed.emit()
            return
        self._asked = key
        request, weights = job_state.request_of(done.image), job_state.weights_of(done.image)
        # As the step did: some samplers evaluate the model at another time than the state's own.
        t = SAMPLERS[request.sampler or ""].first_query_time(done.t, done.s)
        self._engine.call(
            EngineCall(
                work=partial(_explain, request, weights, before.state, t, picture.began.adapters),
                then=partial(self._take, key),
                failed=partial(self._fail, key),
                dropped=partial(self._forget, key),
                token="panes",
                priority=Priority.INTERACTIVE,
                weights_sha256=weights,
                gives_way=True,
            )
        )


def _explain(
    request: GenerateRequest,
    weights_sha256: str,
    x: NDArray[np.float32],
    t: float,
    adapters: tuple[AdapterRecord, ...],
    call: EngineCall[Explained],
    engine: Engine,
) -> Explained:
    return engine.explain(request, weights_sha256, x, t, cancelled=call.cancelled, adapters=adapters)


def _panes_of(explained: Explained) -> dict[PaneKey, Pane]:
    off = Pane(None, text.guidance_is_off())
    panes: dict[PaneKey, Pane] = {"cond": off, "uncond": off, "difference": off}
    for name in ("cond", "uncond"):
        if name in explained.pictures:
            panes["cond" if name == "cond" else "uncond"] = Pane(to_image(explained.pictures[name]))
    if explained.difference is not None:
        mean = explained.difference.mean(axis=0)
        most = float(abs(mean).max())
        signed = to_image(_coloured(mean, -most, most, _SIGNED))
        panes["difference"] = Pane(signed, text.signed_range(most), _SIGNED)
    norm = explained.score_norm
    least, most = float(norm.min()), float(norm.max())
    panes["score"] = Pane(to_image(_coloured(norm, least, most, _HEAT)), text.heat_range(least, most))
    return panes


def _coloured(
    values: NDArray[np.float32], least: float, most: float, stops: tuple[str, ...]
) -> NDArray[np.uint8]:
    """Return ``values`` of shape (H, W) as a picture (H, W, 3), coloured along stops of equal distance."""
    import numpy as np  # noqa: PLC0415 - the window opens before numpy is there

    share = (values - least) / max(most - least, 1e-12)
    places = np.linspace(0.0, 1.0, len(stops))
    channels = [[int(stop[at : at + 2], 16) for stop in stops] for at in (1, 3, 5)]
    picture = np.stack([np.interp(share, places, channel) for channel in channels], axis=-1)
    pixels: NDArray[np.uint8] = np.ascontiguousarray(np.rint(picture).astype(np.uint8))
    pixels.setflags(write=False)
    return pixels
