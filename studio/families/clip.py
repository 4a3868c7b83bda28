"""CLIP's text encoders, whichever shape transformers gives their modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from studio.families.family import TextPart
    from studio.prompts.chunks import Vector


class EncodedText(NamedTuple):
    """The output of a text encoder for B token sequences of length N.

    Attributes:
        hidden: features of each token, (B, N, D).
        pooled: one vector for each sequence, (B, P), taken at its first end token from the last layer, normalised and,
            if the encoder has a projection, projected.
    """

    hidden: Tensor
    pooled: Tensor


class TextEncoder(nn.Module):
    """A text encoder of a model. Implements `studio.prompts.encode.ChunkEncoder`.

    Attributes:
        model: transformers' module.
        part: its facts.
        inversions: the vectors of textual inversions by name, each (V, D); the prompt's `Vector` names one of them.
    """

    def __init__(self, model: nn.Module, part: TextPart) -> None:
        """Wrap a ``CLIPTextModel`` or ``CLIPTextModelWithProjection``, with its parameters."""
        super().__init__()
        self.model, self.part = model, part
        self.inversions: dict[str, Tensor] = {}

    @property
    def padding(self) -> int:
        """The id after the end of the text that the encoder was trained with."""
        return self.part.pad_token

    @torch.no_grad()
    def forward(
        self, tokens: Tensor, vectors: Sequence[Mapping[int, Vector]] = (), clip_skip: int | None = None
    ) -> EncodedText:
        """Encode tokens.

        Args:
            tokens: int64 (B, N), N at most 77.
            vectors: of each sequence, the vectors that replace the embedding of a token, by position.
            clip_skip: which layer's output is used, as A1111 counts: 1 is the last, 2 the one before; None: the
                family's default. A layer that the family has cut off counts as the last that is there.
        """
        part = self.part
        skip = max(part.clip_skip if clip_skip is None else clip_skip, part.last_layer)
        hooks = []
        if any(vectors):
            hooks.append(self.token_embedding.register_forward_hook(self._replaced_with(vectors)))
        try:
            output: Any = self.model(input_ids=tokens, output_hidden_states=True)
        finally:
            for hook in hooks:
                hook.remove()
        hidden: Tensor = output.hidden_states[part.last_layer - 1 - skip]
        if part.final_norm:
            hidden = text_transformer(self.model).final_layer_norm(hidden)
        pooled = output.text_embeds if part.kind == "projected clip" else output.pooler_output
        return EncodedText(hidden, pooled)

    @property
    def token_embedding(self) -> nn.Embedding:
        """The table of the tokens' embeddings."""
        table: nn.Embedding = text_transformer(self.model).embeddings.token_embedding
        return table

    def _replaced_with(
        self, vectors: Sequence[Mapping[int, Vector]]
    ) -> Callable[[nn.Module, tuple[object, ...], Tensor], Tensor]:
        """Return a forward hook that puts vectors in the place of tokens' embeddings."""

        def replace(_module: nn.Module, _tokens: tuple[object, ...], embedded: Tensor) -> Tensor:
            embedded = embedded.clone()
            for row, places in enumerate(vectors):
                for position, vector in places.items():
                    embedded[row, position] = self.inversions[vector.name][vector.index].to(embedded)
            return embedded

        return replace


def text_transformer(model: nn.Module) -> Any:  # noqa: ANN401 - a module of a library without types
    """Return the module with ``embeddings``, ``encoder`` and ``final_layer_norm``.

    Up to transformers 5.5 it is always ``model.text_model``. Since 5.6 ``CLIPTextModel`` is that module itself, while
    ``CLIPTextModelWithProjection`` still has it as ``text_model``.
    """
    return getattr(model, "text_model", model)
