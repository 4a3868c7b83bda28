"""The model's prediction for one state: both sides of guidance, and the score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
from msgspec import Meta

from studio.arrays import read_only_copy
from studio.diffusion.prediction import score_from_eps
from studio.diffusion.samplers.drive import query_once
from studio.diffusion.samplers.stepper import Query
from studio.engine.events import Explained
from studio.engine.requests.checks import check_value
from studio.engine.sampling.decoders import decode, to_pixels
from studio.engine.sampling.generate import guidance_of
from studio.engine.sampling.preview import to_array
from studio.errors import RequestError
from studio.messages import message

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from studio.engine.requests.generate import GenerateRequest
    from studio.engine.sampling.models import ReadyModel
    from studio.families.interface import TextOptions


@torch.no_grad()
def explain(
    request: GenerateRequest, ready: ReadyModel, x: NDArray[np.float32], t: float, text: TextOptions
) -> Explained:
    """Evaluate the model once for one state, as a run of the request would.

    Args:
        request: resolved with the model's card.
        ready: the model.
        x: the state, float32 (C, h, w); not changed.
        t: its time, 0 to T-1.
        text: how its prompts are read.

    Raises:
        RequestError: the state does not belong to this request, or there is no score at its time.
    """
    model = ready.model
    shape = model.card.latent_shape_for(request.width or 0, request.height or 0)
    if x.shape != shape or not bool(np.isfinite(x).all()):
        reason = message("must be finite numbers of the shape {shape}", shape="x".join(map(str, shape)))
        raise RequestError("state", reason)
    check_value("time", t, Annotated[float, Meta(ge=0, le=model.schedule.T - 1)])
    state = torch.tensor(x, dtype=torch.float32, device=model.device)[None]
    guided, model_calls = query_once(guidance_of(request, model, text), ready.denoiser, Query(state, t))
    clipped = ready.denoiser.clipped(guided, state, t)
    score = score_from_eps(clipped.eps, model.schedule.sigma(t))
    predicted = {"x0_hat": clipped.x0_hat}
    difference: NDArray[np.float32] | None = None
    if guided.cond is not None and guided.uncond is not None:
        predicted |= {"cond": guided.cond.x0_hat, "uncond": guided.uncond.x0_hat}
        difference = to_array(guided.x0_hat - guided.uncond.x0_hat)
    arrays = {name: to_array(x0_hat) for name, x0_hat in predicted.items()}
    return Explained(
        x0_hat=arrays["x0_hat"],
        cond=arrays.get("cond"),
        uncond=arrays.get("uncond"),
        difference=difference,
        score_norm=read_only_copy(score[0].norm(dim=0).cpu().numpy()),
        pictures={name: to_pixels(decode(model, x0_hat)) for name, x0_hat in predicted.items()},
        model_calls=model_calls,
    )
