"""CLIP's text encoders, whichever shape transformers gives their modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from studio.families.family import TextPart


@dataclass(frozen=True, eq=False)
class EncodedText:
    """The output of a text encoder for B token sequences of length N.

    Attributes:
        hidden: features of each token, (B, N, D).
        pooled: one vector for each sequence, (B, P), taken at its first end token from the last layer, normalised and,
            if the encoder has a projection, projected.
    """

    hidden: Tensor
    pooled: Tensor


class TextEncoder(nn.Module):
    """A text encoder of a model."""

    def __init__(self, model: nn.Module, part: TextPart) -> None:
        """Wrap transformers' ``CLIPTextModel`` or ``CLIPTextModelWithProjection``."""
        super().__init__()
        self.model, self.part = model, part

    @torch.no_grad()
    def forward(self, tokens: Tensor, clip_skip: int | None = None) -> EncodedText:
        """Encode tokens.

        Args:
            tokens: int64 (B, N), N at most 77.
            clip_skip: which layer's output is used, as A1111 counts: 1 is the last, 2 the one before; None: the
                family's default. A layer that the family has cut off counts as the last that is there.
        """
        skip = max(self.part.clip_skip if clip_skip is None else clip_skip, self.part.last_layer)
        output: Any = self.model(input_ids=tokens, output_hidden_states=True)
        hidden: Tensor = output.hidden_states[self.part.last_layer - 1 - skip]
        if self.part.final_norm:
            hidden = text_transformer(self.model).final_layer_norm(hidden)
        pooled = output.text_embeds if self.part.kind == "projected clip" else output.pooler_output
        return EncodedText(hidden, pooled)

    @property
    def token_embedding(self) -> nn.Embedding:
        """The table of the tokens' embeddings."""
        table: nn.Embedding = text_transformer(self.model).embeddings.token_embedding
        return table


def text_transformer(model: nn.Module) -> Any:  # noqa: ANN401 - a module of a library without types
    """Return the module with ``embeddings``, ``encoder`` and ``final_layer_norm``.

    Up to transformers 5.5 it is always ``model.text_model``. Since 5.6 ``CLIPTextModel`` is that module itself, while
    ``CLIPTextModelWithProjection`` still has it as ``text_model``.
    """
    return getattr(model, "text_model", model)
