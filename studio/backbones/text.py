"""A text encoder that is trained from nothing, before its backbone or together with it.

It reads any Unicode text. A word is the sum of an entry of its own and the mean of entries for its character n-grams,
all found by hashing, so no vocabulary is needed and an unseen word lands near those that are spelled like it
(Bojanowski et al. 2017, arXiv:1607.04606). A small transformer then lets the words see their order. The empty text is a
condition of its own: what the backbone learns as "no prompt".

The encoder may also make a *draft*: the mean of all pictures that a text could mean, E[x_0 | text], which is what any
denoiser has to say at pure noise. Learned by itself, by plain regression, it costs a small part of what it costs
through a denoiser; given to the backbone beside x_t, it leaves it to say what x_t adds. Parts of a draft may be made by
*tiles*: each looks for its own words and all are painted by the same network, at places from left to right. What is
learned about a thing on the left then holds on the right, and "a cat and a dog" needs no pair to have been seen.
"""

from __future__ import annotations

import math
import re
import unicodedata
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from studio.backbones.layers import Attention, FeedForward, zero

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORD = re.compile(r"\w+|[^\w\s]", re.UNICODE)
_NGRAM_SIZES = (2, 3, 4, 5)


@dataclass(frozen=True)
class TextConfig:
    """Shape of a text encoder."""

    features: int = 256  # of tokens and of the pooled vector
    words: int = 24  # read at most; what follows is not seen
    ngrams: int = 24  # of a word, read at most
    buckets: int = 8192  # of the hash tables
    layers: int = 2
    heads: int = 4
    draft: tuple[int, ...] = ()  # shape (C, H, W) of the draft; (): none is made
    tiles: int = 0  # of half the draft's width, painted alike and added to it at even distances; 0: none


@lru_cache(maxsize=65_536)
def word_ids(word: str, config: TextConfig) -> tuple[int, tuple[int, ...]]:
    """Hash a word and its character n-grams.

    Returns:
        The word's bucket, 0 to buckets - 1, and its n-grams' buckets, 1 to buckets - 1 (0 stands for "none").
    """
    framed = f"<{word}>"
    grams = [framed[i : i + n] for n in _NGRAM_SIZES for i in range(len(framed) - n + 1)]
    ids = tuple(1 + zlib.crc32(gram.encode("utf-8", "replace")) % (config.buckets - 1) for gram in grams)
    return zlib.crc32(framed.encode("utf-8", "replace")) % config.buckets, ids[: config.ngrams]


def split_words(text: str) -> list[str]:
    """Split a text into lower-case words and single punctuation marks, in Unicode's compatibility form."""
    return _WORD.findall(unicodedata.normalize("NFKC", text[:4000]).casefold())


class Layer(nn.Module):
    """A transformer layer with normalisation before each half."""

    def __init__(self, features: int, heads: int) -> None:
        """Take the width of the tokens and the number of heads."""
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(features) for _ in range(2))
        self.attention = Attention(features, heads)
        self.feed_forward = FeedForward(features)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map tokens (B, L, D) with their mask (B, L) to (B, L, D)."""
        x = x + self.attention(self.norms[0](x), mask=mask)
        out: Tensor = x + self.feed_forward(self.norms[1](x))
        return out


class TextEncoder(nn.Module):
    """Texts to a condition: tokens, their mask, and one pooled vector."""

    def __init__(self, config: TextConfig) -> None:
        """Build the encoder of a configuration."""
        super().__init__()
        self.config = config
        self.word = nn.Embedding(config.buckets, config.features)
        self.ngram = nn.Embedding(config.buckets, config.features, padding_idx=0)
        self.start = nn.Parameter(torch.randn(config.features))
        self.position = nn.Parameter(0.1 * torch.randn(config.words + 1, config.features))
        self.layers = nn.ModuleList(Layer(config.features, config.heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.features)
        # Of a token within the pooled vector, and within what each tile looks for.
        self.weight = zero(nn.Linear(config.features, 1 + config.tiles, bias=False))
        self.pooled_norm = nn.LayerNorm(config.features)
        self.draft = _painter(config.features, math.prod(config.draft)) if config.draft else None
        self.tile = _painter(config.features, math.prod(config.draft) // 2) if config.tiles else None

    def tokenise(self, prompts: Sequence[str], *, trim: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Turn texts into numbers.

        Args:
            prompts: B texts.
            trim: cut to the longest text (faster; for training) instead of always to ``words``.

        Returns:
            word ids (B, L), n-gram ids (B, L, ngrams) padded with 0, mask (B, L + 1), true where
            the start mark or a word is.
        """
        config = self.config
        split = [split_words(prompt)[: config.words] for prompt in prompts]
        length = max((len(words) for words in split), default=0) if trim else config.words
        ids = torch.zeros(len(split), length, dtype=torch.int64)
        grams = torch.zeros(len(split), length, config.ngrams, dtype=torch.int64)
        mask = torch.zeros(len(split), length + 1, dtype=torch.bool)
        mask[:, 0] = True
        for row, words in enumerate(split):
            mask[row, 1 : len(words) + 1] = True
            for column, word in enumerate(words):
                ids[row, column], found = word_ids(word, config)
                grams[row, column, : len(found)] = torch.tensor(found)
        return ids, grams, mask

    def forward(self, ids: Tensor, grams: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Encode what :meth:`tokenise` returned.

        Returns:
            tokens (B, L + 1, D), mask (B, L + 1), pooled (B, D) and, where one is made, the draft (B, C, H, W).
        """
        batch, length, ngrams = grams.shape
        features = self.config.features
        bags = F.embedding_bag(grams.reshape(-1, ngrams), self.ngram.weight, mode="mean", padding_idx=0)
        words = self.word(ids) + bags.view(batch, length, features)
        x = torch.cat([self.start.expand(batch, 1, -1), words], dim=1) + self.position[: length + 1]
        for layer in self.layers:
            x = layer(x, mask)
        x = self.norm(x)
        weights = self.weight(x).masked_fill(~mask[:, :, None], float("-inf")).softmax(dim=1)
        pooled = self.pooled_norm(weights.transpose(1, 2) @ x)  # (B, 1 + tiles, D)
        if self.draft is None:
            return x, mask, pooled[:, 0]
        draft = self.draft(pooled[:, 0]).view(batch, *self.config.draft)
        if self.tile is not None:
            draft = draft + self._tiled(self.tile(pooled[:, 1:]))
        return x, mask, pooled[:, 0], draft

    def _tiled(self, painted: Tensor) -> Tensor:
        """Lay tiles (B, tiles, C * H * W / 2) side by side, overlapping where they must; return (B, C, H, W)."""
        channels, height, width = self.config.draft
        tiles = painted.view(*painted.shape[:2], channels, height, width // 2).unbind(dim=1)
        free = width - width // 2
        places = [free * place // max(len(tiles) - 1, 1) for place in range(len(tiles))]
        laid = [F.pad(tile, (at, free - at)) for tile, at in zip(tiles, places, strict=True)]
        return torch.stack(laid).sum(dim=0)

    def encode(self, prompts: Sequence[str], *, trim: bool = False) -> tuple[Tensor, ...]:
        """Encode texts as a condition (tokens, mask, pooled and, if there is one, draft); "" is the empty condition."""
        device = self.start.device
        ids, grams, mask = self.tokenise(prompts, trim=trim)
        condition: tuple[Tensor, ...] = self(ids.to(device), grams.to(device), mask.to(device))
        return condition


def _painter(features: int, cells: int) -> nn.Sequential:
    """Map a pooled vector to the cells of a draft or a tile."""
    return nn.Sequential(nn.Linear(features, 4 * features), nn.GELU(), nn.Linear(4 * features, cells))
