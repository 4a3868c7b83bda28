"""The tokenizer of OpenAI's CLIP, which Stable Diffusion 1.x, 2.x and XL share.

Byte-pair encoding of text in small letters. The vocabulary is that of openai/CLIP (resources/clip). The result is that
of Hugging Face's CLIPTokenizer without ftfy, which AUTOMATIC1111's web UI and ComfyUI use. Importable without torch.

Source: Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", arXiv 2103.00020.
"""

from __future__ import annotations

import functools
import gzip
from typing import TYPE_CHECKING, Final

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE

from studio.folders import resources_dir

if TYPE_CHECKING:
    from pathlib import Path

START: Final = 49406
END: Final = 49407
COMMA: Final = 267

_MERGES: Final = 49152 - 256 - 2
"""How many of the merges in the file belong to the vocabulary of 49,408."""
_WORD_END: Final = "</w>"
_WORDS: Final = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


class ClipTokenizer:
    """Text to token ids, without start and end."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text's tokens, each 0 to 49,405."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: list[int]) -> str:
        """Return the text of tokens, in small letters."""
        text: str = self._tokenizer.decode(ids, skip_special_tokens=False)
        return text.replace(_WORD_END, " ").strip()


@functools.cache
def clip_tokenizer() -> ClipTokenizer:
    """Return the tokenizer; reading its vocabulary takes a few tenths of a second the first time."""
    return ClipTokenizer(_build(resources_dir() / "clip" / "bpe_simple_vocab_16e6.txt.gz"))


def _build(path: Path) -> Tokenizer:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")[1 : _MERGES + 1]  # the first line is a heading
    merges = [(first, second) for first, _, second in (line.partition(" ") for line in lines)]
    singles = _byte_letters()
    words = singles + [letter + _WORD_END for letter in singles] + ["".join(pair) for pair in merges]
    vocabulary = {word: number for number, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    tokenizer = Tokenizer(
        BPE(
            vocab=vocabulary,
            merges=merges,
            unk_token="<|endoftext|>",
            continuing_subword_prefix="",
            end_of_word_suffix=_WORD_END,
            fuse_unk=False,
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _byte_letters() -> list[str]:
    """Return the characters that stand for the 256 bytes, those that print as themselves first."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return [chr(byte) for byte in printable] + [chr(256 + number) for number in range(256 - len(printable))]
