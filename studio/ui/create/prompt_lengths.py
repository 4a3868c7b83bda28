"""The lengths of the form's prompts in tokens, for models that read prompts with CLIP; counted in another thread."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.errors import RequestError
from studio.ui.core.background import Background
from studio.ui.jobs.run_settings import reads_with_clip

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studio.errors import StudioError
    from studio.prompts.length import PromptLength
    from studio.ui.jobs.run_settings import RunSettings


@dataclass(frozen=True)
class Lengths:
    """The lengths of prompt and negative prompt; None while one is not known, or if it cannot be read."""

    prompt: PromptLength | None = None
    negative: PromptLength | None = None


class PromptLengths(QObject):
    """Follows the prompts of a form.

    Attributes:
        lengths: those counted last.

    Signals:
        changed: others were counted.
    """

    changed = Signal()

    def __init__(self, form: RunSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._form, self._background = form, Background(self)
        self._counted: tuple[str, str] | None = None
        self._inversions: dict[str, int] = {}
        self.lengths = Lengths()
        form.changed.connect(self._on_form_changed)
        self._on_form_changed()

    def set_inversions(self, inversions: Mapping[str, int]) -> None:
        """Count these textual inversions, names with their number of tokens, as what they stand for."""
        self._inversions, self._counted = dict(inversions), None
        self._on_form_changed()

    def close(self) -> None:
        """Wait for what is being counted."""
        self._background.close()

    @Slot()
    def _on_form_changed(self) -> None:
        values = self._form.values
        prompts = (values.prompt, values.negative) if reads_with_clip(self._form.card) else None
        if prompts == self._counted:
            return
        self._counted = prompts
        if prompts is None:
            self._show(Lengths())
        else:
            self._background.do(
                partial(_measure, *prompts, self._inversions),
                partial(self._on_measured, prompts),
                self._on_failed,
                key="count",
            )

    def _on_measured(self, prompts: tuple[str, str], lengths: Lengths) -> None:
        if prompts == self._counted:
            self._show(lengths)

    def _on_failed(self, error: StudioError) -> None:
        del error  # such as a missing vocabulary, which loading the model reports
        self._show(Lengths())

    def _show(self, lengths: Lengths) -> None:
        if lengths != self.lengths:
            self.lengths = lengths
            self.changed.emit()


def _measure(prompt: str, negative: str, inversions: Mapping[str, int]) -> Lengths:
    return Lengths(_length(prompt, inversions, "prompt"), _length(negative, inversions, "negative"))


def _length(prompt: str, inversions: Mapping[str, int], field: str) -> PromptLength | None:
    # By name: it brings the tokenizer, which the window opens without.
    try:
        length: PromptLength = importlib.import_module("studio.prompts.length").measure(
            prompt, inversions, field
        )
    except RequestError:  # the form says why
        return None
    return length
