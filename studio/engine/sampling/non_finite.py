"""The likely cause of values that are not finite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from studio.messages import Message, message

if TYPE_CHECKING:
    from studio.diffusion.samplers.stepper import State
    from studio.engine.sampling.models import ReadyModel


@torch.no_grad()
def cause_of_non_finite(ready: ReadyModel, state: State) -> Message | None:
    """Return the likely cause in a sentence; None: nothing points to one.

    The weights are looked at here, after the fact: reading all of them before every run would take longer than a step.

    Args:
        ready: the model.
        state: the step's result. If it is finite, the picture that was decoded from it is not.
    """
    if not _weights_are_finite(ready):
        return message("Its weights contain such values: the file is damaged; get it again.")
    if bool(state.x.isfinite().all()):
        return message(
            "Only the decoded picture is affected: the values of this VAE are too large; choose another VAE."
        )
    if ready.precision.dtype == "float16":
        return message(
            "Values beyond the range of float16 are likely; lower the guidance, or use a file in bfloat16 or float32."
        )
    if state.index == state.first + 1 and ready.model.card.prediction != "v":
        return message(
            "It failed at its first step: the file may predict something else than {prediction}; try the other kind "
            "of prediction.",
            prediction=ready.model.card.prediction,
        )
    return None


def _weights_are_finite(ready: ReadyModel) -> bool:
    weights = (one for network in ready.model.modules() for one in network.parameters())
    # The sum of a tensor is finite if all its values are, up to an overflow, which a second look excludes.
    return all(
        bool(one.float().sum().isfinite()) or bool(one.float().isfinite().all())
        for one in weights
        if one.is_floating_point()
    )
