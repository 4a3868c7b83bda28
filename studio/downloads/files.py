"""Which files of a repository make a model: of several variants, the smallest complete one.

Only ``.safetensors`` and ``.json`` files are ever downloaded, and the ``.txt`` files of a tokenizer: nothing that can
carry code.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from studio.errors import DownloadError
from studio.messages import message

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from studio.downloads.address import Address

INDEX: Final = "model_index.json"
CARD, WEIGHTS = "card.json", "model.safetensors"
"""The files of a model in this program's own format."""
MAX_FILES: Final = 20_000
MAX_BYTES: Final = 1 << 42

_SAFETENSORS: Final = ".safetensors"
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})$")
_SKIPPED_PARTS: Final = frozenset({"safety_checker", "feature_extractor", "image_encoder"})
"""Parts of a pipeline that no family of this program uses."""
_TOP_FILES: Final = frozenset({"config.json", "scheduler_config.json"})
"""What lies beside the index of a pipeline whose parts have no folders of their own, as the first DDPMs."""
_SHARD_LIST = re.compile(r"\.safetensors\.index\.(?:\w+\.)?json$")
_VARIANTS: Final = ("", "fp16", "bf16", "fp32")
_OTHER_KINDS = re.compile(
    r"(?i)(?:^|[^a-z])(lora|loras|vae|unet|transformer|text_?encoder\d?|clip|t5\w*|inpaint\w*|refiner|control\w*|adapter|"
    r"embedding\w*|upscaler?)(?:$|[^a-z])"
)
_UNSAFE = re.compile(r'[\x00-\x1f<>:"|?*\\]')


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file as the Hub lists it.

    Attributes:
        path: its path in the repository, with forward slashes.
        size: bytes.
        sha256: of the content, in hexadecimal; "" for a small file that is kept in git itself.
        git: the content's name in git (a SHA-1); "" if the Hub gives none.
    """

    path: str
    size: int
    sha256: str = ""
    git: str = ""

    def part_name(self, commit: str) -> str:
        """Return the name of its partial file: that of its content, so that it is continued in a later commit, too."""
        key = self.sha256 or self.git
        return f"{key or hashlib.sha256(f'{commit}/{self.path}'.encode()).hexdigest()}.part"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Files that together are one model.

    Attributes:
        title: what distinguishes it from others of its repository: a file's name, or a variant such as "fp16".
        files: all that is downloaded.
        folder: whether it becomes a folder; else it is a single file.
    """

    title: str
    files: tuple[RemoteFile, ...]
    folder: bool

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def key(self) -> str:
        """A short name of the set of files."""
        return hashlib.sha256("\n".join(sorted(file.path for file in self.files)).encode()).hexdigest()[:12]


@dataclass
class _Part:
    """One folder of a pipeline: its small files, and its weights and the lists of their shards by variant."""

    plain: list[RemoteFile] = field(default_factory=list)
    variants: dict[str, list[RemoteFile]] = field(default_factory=lambda: defaultdict(list))
    shard_lists: dict[str, list[RemoteFile]] = field(default_factory=lambda: defaultdict(list))


def choices(address: Address, listed: Sequence[RemoteFile]) -> tuple[Choice, ...]:
    """Return what can be downloaded from a repository, the proposed one first; a given file is the only choice.

    Raises:
        DownloadError: there is nothing that this program downloads, or the list is not plausible.
    """
    if len(listed) > MAX_FILES:
        raise DownloadError(
            address.repository,
            message("cannot be downloaded: it has more than {limit:,} files", limit=MAX_FILES),
        )
    files = [file for file in listed if is_safe(file)]
    if address.file:
        return (_single(address, files),)
    found = [*_native(files), *_pipelines(files), *_checkpoints(files)]
    if not found:
        kept = message(
            "cannot be downloaded: it has no .safetensors files, and other formats are never downloaded"
        )
        raise DownloadError(address.repository, kept)
    return tuple(found)


def is_safe(file: RemoteFile) -> bool:
    """Whether a file's name stays within its folder on every system, and its size is plausible."""
    pieces = file.path.split("/")
    return (
        0 <= file.size <= MAX_BYTES
        and len(file.path) <= 400
        and not _UNSAFE.search(file.path)
        and all(piece and not piece.startswith(".") and piece == piece.strip(" .") for piece in pieces)
    )


def _single(address: Address, files: Iterable[RemoteFile]) -> Choice:
    name = address.file.rpartition("/")[2]
    if not name.lower().endswith(_SAFETENSORS):
        raise DownloadError(
            name,
            message("is not downloaded: only .safetensors files are; choose another file of its repository"),
        )
    for file in files:
        if file.path == address.file:
            return Choice(title=name, files=(file,), folder=False)
    raise DownloadError(
        name,
        message("cannot be downloaded: there is no such file in {repository}", repository=address.repository),
    )


def _native(files: Sequence[RemoteFile]) -> list[Choice]:
    """A model in this program's own format."""
    top = {file.path: file for file in files if "/" not in file.path}
    if CARD not in top or WEIGHTS not in top:
        return []
    taken = [file for path, file in sorted(top.items()) if path.endswith((_SAFETENSORS, ".json"))]
    return [Choice(title=WEIGHTS, files=tuple(taken), folder=True)]


def _pipelines(files: Sequence[RemoteFile]) -> list[Choice]:
    """A folder in diffusers' layout, once for each variant for which it is complete, the smallest first."""
    index = next((file for file in files if file.path == INDEX), None)
    if index is None:
        return []
    parts: dict[str, _Part] = defaultdict(_Part)
    for file in files:
        folder, _, name = file.path.rpartition("/")
        if "/" in folder or folder in _SKIPPED_PARTS or file is index:
            continue
        if name.endswith(_SAFETENSORS):
            stem, variant = _variant(name)
            if stem in ("model", "diffusion_pytorch_model"):
                parts[folder].variants[variant].append(file)
        elif _SHARD_LIST.search(name):
            parts[folder].shard_lists[_variant_named(name)].append(file)
        elif name in _TOP_FILES or (folder and name.endswith((".json", ".txt"))):
            parts[folder].plain.append(file)
    found: dict[tuple[str, ...], Choice] = {}
    for variant in _VARIANTS:
        taken = _of_variant(index, parts, variant)
        if taken is not None:
            title = f"{variant or 'standard'} ({INDEX})"
            found.setdefault(
                tuple(file.path for file in taken), Choice(title=title, files=tuple(taken), folder=True)
            )
    return sorted(found.values(), key=lambda choice: choice.size)


def _of_variant(index: RemoteFile, parts: dict[str, _Part], variant: str) -> list[RemoteFile] | None:
    """Return the files of a variant, for parts without it those of the standard one; None if it is not complete."""
    taken, weights = [index], 0
    for part in parts.values():
        taken += part.plain
        if part.variants:
            there = variant if part.variants.get(variant) else ""
            shards = part.variants.get(there) or []
            if not _all_shards(shards):
                return None
            taken += shards
            if len(shards) > 1:
                taken += part.shard_lists.get(there, [])
            weights += there == variant
    return sorted(taken, key=lambda file: file.path) if weights else None


def _variant(name: str) -> tuple[str, str]:
    """Return the stem and the variant of a file of weights: "model.fp16-00001-of-00002.safetensors" gives "fp16"."""
    stem, _, variant = _SHARD.sub("", name.removesuffix(_SAFETENSORS)).partition(".")
    stem = _SHARD.sub("", stem)  # "model-00001-of-00002.fp16.safetensors", as older files are named
    return stem, variant


def _variant_named(name: str) -> str:
    """Return the variant of a list of shards: "model.safetensors.index.fp16.json" gives "fp16"."""
    return next((variant for variant in _VARIANTS if variant and f".{variant}." in name), "")


def _all_shards(files: Sequence[RemoteFile]) -> bool:
    totals = set()
    for file in files:
        stem = file.path.removesuffix(_SAFETENSORS)
        found = _SHARD.search(stem) or _SHARD.search(stem.partition(".")[0])
        totals.add(int(found[2]) if found else 1)
    return totals == {len(files)}


def _checkpoints(files: Sequence[RemoteFile]) -> list[Choice]:
    """Single files: those whose names say that they are whole models first, the smallest first."""
    single = [file for file in files if file.path.endswith(_SAFETENSORS)]
    top = [file for file in single if "/" not in file.path]
    if any(file.path == INDEX for file in files) or top:
        single = top  # what lies deeper are the parts of a pipeline

    def order(file: RemoteFile) -> tuple[bool, int, str]:
        return _OTHER_KINDS.search(file.path.rpartition("/")[2]) is not None, file.size, file.path

    return [
        Choice(title=file.path, files=(file,), folder=False)
        for file in sorted(single, key=order)
        if not _SHARD.search(file.path.removesuffix(_SAFETENSORS))
    ]
