"""An engine's thread that does nothing by itself: a test sees what is asked of it, and answers by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studio.ui.core.background import Background
from studio.ui.core.frame_service import DecodeFrame, FrameService
from tests.runs.steps import frame
from tests.ui.fakes import FakeEngine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.ui.core.engine_call import EngineCall


class Asked:
    """Takes calls.

    Attributes:
        calls: every call, in the order in which they were made.
        engine: what their work is called with.
    """

    def __init__(self) -> None:
        self.calls: list[EngineCall[Any]] = []
        self.engine = FakeEngine()

    def call(self, call: EngineCall[Any]) -> None:
        for other in self.waiting:
            if call.token is not None and other.token == call.token:
                other.cancel()
                other.dropped()
        self.calls.append(call)

    @property
    def waiting(self) -> list[EngineCall[Any]]:
        """The calls that were neither answered nor dropped."""
        return [call for call in self.calls if not call.unwanted]

    def answer(self, call: EngineCall[Any]) -> None:
        """Do the work of a call and answer it, as the engine's thread would."""
        self.give(call, call.work(call, self.engine))

    def give(self, call: EngineCall[Any], answer: object) -> None:
        """Answer a call with this."""
        assert not call.unwanted, "nobody waits for it"
        call.cancel()
        call.then(answer)

    def fail(self, call: EngineCall[Any], sentence: str) -> None:
        """Answer a call with an error."""
        assert not call.unwanted, "nobody waits for it"
        call.cancel()
        call.failed(sentence)

    # ------------------------------------------------------------------------------------------------------- frames
    @property
    def decodes(self) -> list[EngineCall[Any]]:
        """The calls to decode a frame."""
        return [call for call in self.calls if isinstance(call.work, DecodeFrame)]

    @property
    def steps(self) -> list[tuple[int, str]]:
        """The step and the quantity of each of them."""
        return [(call.work.step, call.work.quantity) for call in self.decodes]  # type: ignore[attr-defined]

    def decode(self, place: int = -1, value: int = 250, pixels: NDArray[np.uint8] | None = None) -> None:
        """Answer the call of this place among `decodes` with a picture of one value.

        One that is not waited for any more had begun, and leaves its picture in the record.
        """
        call = self.decodes[place]
        work: Any = call.work
        answer = frame(value, side=16) if pixels is None else pixels
        work.state.job.record.put_frame(work.image, work.step, work.quantity, answer)
        if not call.unwanted:
            self.give(call, answer)


def make_frames(asked: Asked | None = None, max_bytes: int = 2**20) -> FrameService:
    """Return a source of frames that asks ``asked``; nothing reads its files."""
    return FrameService(asked or Asked(), Background(), max_bytes)
