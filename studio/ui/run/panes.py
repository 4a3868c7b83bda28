"""What a model believed at the step that is looked at, side by side: asked of the engine, one guided call a step."""

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
from studio.ui.language import tr

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtGui import QImage

    from studio.engine.events import Explained
    from studio.engine.protocol import Engine
    from studio.engine.requests.generate import GenerateRequest
    from studio.engine.requests.previews import Quantity
    from studio.ui.core.engine_call import EngineCaller
    from studio.ui.run.model import RunModel

Key = tuple[str, int, int]
"""A job's id, a picture's place in it, and a step."""
PaneKey = Literal["x0", "x_t", "cond", "uncond", "difference", "score"]

PANES: tuple[tuple[PaneKey, str | Message, Message], ...] = (
    ("x0", "x0_hat", message("Predicted clean image (x0_hat), as the sampler uses it.")),
    ("cond", message("with the prompt"), message("Predicted from the prompt alone.")),
    ("uncond", message("without it"), message("Predicted from the negative prompt, or from no prompt.")),
    ("x_t", "x_t", message("The state itself, with the noise that is still in it.")),
    (
        "difference",
        "guided - uncond",
        message("What guidance does: its mean over the channels, with its sign."),
    ),
    ("score", "|score|", message("How strongly the score, the gradient of log p, pulls at each place.")),
)
SETTLE_MS = 60
"""How long a step must be looked at before the model is asked: who scrubs on does not wait for answers."""
MOST_KEPT = 64
_SIGNED = ("#3aa6d0", "#1b1b1e", "#f06a5a")
_HEAT = ("#08090c", "#143a66", "#12707e", "#2fa873", "#a3d65c", "#fbf6b8")


@dataclass(frozen=True, eq=False)
class Pane:
    """One side of a step.

    Attributes:
        image: what there is to see; None where it is not there (yet).
        words: its scale, or why there is nothing.
        stops: the colours of the scale, from its least value to its most.
    """

    image: QImage | None
    words: str = ""
    stops: tuple[str, ...] = ()


class PanesModel(QObject):
    """The six sides of the step that is looked at, while they are looked at.

    Signals:
        changed: `panes` are others.
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
        """What there is to see of the step that is looked at."""
        key = self._key()
        known = self._known.get(key, {}) if key is not None else {}
        return {name: known.get(name) or self._recorded(name) for name, _, _ in PANES}

    def set_active(self, active: bool) -> None:
        """Look at them, or no more."""
        if active != self._active:
            self._active = active
            self._on_changed()

    def _take(self, key: Key, explained: Explained) -> None:
        self._known[key] = _panes_of(explained)
        while len(self._known) > MOST_KEPT:
            del self._known[next(iter(self._known))]
        self._note_answer(key)

    def _fail(self, key: Key, sentence: str) -> None:
        """Say why there is no answer; who looks again asks again."""
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
        """Return what is there without asking the model: the sides that were recorded."""
        picture, done = self._run.picture, self._run.shown_step
        if picture is None or done is None:
            return Pane(None)
        if name == "x0" and done is picture.start:
            return Pane(None, tr("No prediction yet."))
        if name not in ("x0", "x_t"):
            failed = self._fault is not None and self._fault[0] == self._key()
            return Pane(None, self._fault[1] if failed and self._fault is not None else tr("One moment"))
        pixels = picture.frame(done, name)
        return Pane(to_image(pixels)) if pixels is not None else Pane(None, tr("One moment"))

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
        """Ask about the state that this step was taken from: it is what the model saw."""
        job_state, picture, done, key = self._run.viewed, self._run.picture, self._run.shown_step, self._key()
        if not self._active or job_state is None or picture is None or done is None or key is None:
            return
        sides: tuple[Quantity, ...] = ("x0", "x_t")
        for side in sides:
            self._run.request_frame(done.step, side, token=("panes", side))
        if key in self._known or key == self._asked:
            return
        before = picture.find(done.step - 1) if done is not picture.start else done
        if before is not None and not is_available(before):
            self._run.step_wanted.emit(before.step)
            return
        if before is None or before.state is None or picture.began is None:
            if done is not picture.last or job_state.over:
                self._known[key] = dict.fromkeys(
                    ("cond", "uncond", "difference", "score"), Pane(None, tr("This step was not kept whole."))
                )
                self.changed.emit()
            return
        self._asked = key
        request, weights = job_state.request_of(done.image), job_state.weights_of(done.image)
        # The evaluation that the step really made: some samplers do not evaluate the state at its own time.
        t = SAMPLERS[request.sampler or ""].first_query_time(done.t, done.s)
        self._engine.call(
            EngineCall(
                work=partial(_explain, request, weights, before.state, t),
                then=partial(self._take, key),
                failed=partial(self._fail, key),
                dropped=partial(self._forget, key),
                token="panes",
                priority=Priority.LOOK,
                weights_sha256=weights,
                gives_way=True,
            )
        )


def _explain(
    request: GenerateRequest,
    weights_sha256: str,
    x: NDArray[np.float32],
    t: int,
    call: EngineCall[Explained],
    engine: Engine,
) -> Explained:
    return engine.explain(request, weights_sha256, x, t, cancelled=call.cancelled)


def _panes_of(explained: Explained) -> dict[PaneKey, Pane]:
    off = Pane(None, tr("Guidance is off."))
    panes: dict[PaneKey, Pane] = {"cond": off, "uncond": off, "difference": off}
    for name in ("cond", "uncond"):
        if name in explained.pictures:
            panes["cond" if name == "cond" else "uncond"] = Pane(to_image(explained.pictures[name]))
    if explained.difference is not None:
        mean = explained.difference.mean(axis=0)
        most = float(abs(mean).max())
        signed = to_image(_coloured(mean, -most, most, _SIGNED))
        panes["difference"] = Pane(
            signed, tr("{least} to {most}", least=f"-{most:.2f}", most=f"+{most:.2f}"), _SIGNED
        )
    norm = explained.score_norm
    least, most = float(norm.min()), float(norm.max())
    panes["score"] = Pane(
        to_image(_coloured(norm, least, most, _HEAT)),
        tr("dark {least} to pale {most}", least=f"{least:.2f}", most=f"{most:.2f}"),
    )
    return panes


def _coloured(
    values: NDArray[np.float32], least: float, most: float, stops: tuple[str, ...]
) -> NDArray[np.uint8]:
    """Return numbers as a picture, coloured along stops of equal distance."""
    import numpy as np  # noqa: PLC0415 - the window opens before numpy is there

    share = (values - least) / max(most - least, 1e-12)
    places = np.linspace(0.0, 1.0, len(stops))
    channels = [[int(stop[at : at + 2], 16) for stop in stops] for at in (1, 3, 5)]
    picture = np.stack([np.interp(share, places, channel) for channel in channels], axis=-1)
    pixels: NDArray[np.uint8] = np.ascontiguousarray(np.rint(picture).astype(np.uint8))
    pixels.setflags(write=False)
    return pixels
