"""Finds the parameters of a family's networks among the tensors of files, by names and shapes alone. Needs no torch.

This is what loading needs, and all that can be checked before it: a file that passes here loads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from studio.errors import CheckpointError
from studio.families.family import PART_LABELS
from studio.families.keys import Source
from studio.messages import message
from studio.strict_json import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from studio.families.family import Family, Layout, Part

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
"""The shapes of tensors by name."""

_SCHEDULE_TABLES = re.compile(
    r"(?:model_ema\..+|(?:sqrt_|log_|posterior_|lvlb_)?\w*(?:alphas|betas|variance|coef1|coef2|weights)\w*"
    r"|scale_factor|denoiser\.sigmas|v_pred|ztsnr|edm_mean|edm_std|edm_vpred\.sigma_max)"
)
"""What training leaves in single files and sampling does not need, or reads elsewhere."""

_NAMED = 3  # in a sentence


@dataclass(frozen=True, eq=False)
class Listing:
    """What a file of weights holds.

    Attributes:
        path: the file, for messages.
        shapes: its tensors.
    """

    path: Path
    shapes: Shapes


@dataclass(frozen=True, eq=False)
class Match:
    """Where the parameters of one part are.

    Attributes:
        part: the part.
        layout: the layout in which the file holds it.
        sources: by parameter, the key in the file, prefix included, and what is to be done to the tensor.
    """

    part: Part
    layout: Layout
    sources: Mapping[str, Source]


@dataclass(frozen=True, eq=False)
class DryLoad:
    """The result of a successful dry load.

    Attributes:
        matches: by part.
        left_over: keys that no part uses and that are not known to be useless, by file.
    """

    matches: Mapping[str, Match]
    left_over: Mapping[Path, tuple[str, ...]]


def dry_load(family: Family, files: Mapping[str, Listing], expected: Mapping[str, Shapes]) -> DryLoad:
    """Match every parameter of a model with a tensor.

    Args:
        family: the model's family.
        files: by part, the file that holds it; the same for several parts if it is a single file.
        expected: by part, the shapes of its parameters.

    Raises:
        CheckpointError: a part has no file or its file does not hold it, a tensor is missing or of another
            shape, or a part's place in the file holds tensors that the part does not have.
    """
    return dry_load_parts(family.parts, files, expected)


def dry_load_parts(
    parts: Iterable[Part], files: Mapping[str, Listing], expected: Mapping[str, Shapes]
) -> DryLoad:
    """Match every parameter of some networks with a tensor. Arguments and errors are those of `dry_load`."""
    matches: dict[str, Match] = {}
    for part in parts:
        if part.name not in files:
            any_file = next(iter(files.values()))
            raise CheckpointError(any_file.path, _no_part(part))
        matches[part.name] = match_part(part, files[part.name], expected[part.name])
    left_over: dict[Path, tuple[str, ...]] = {}
    for listing in {id(file): file for file in files.values()}.values():
        own = [match for name, match in matches.items() if files[name] is listing]
        if rest := _left_over(own, listing):
            left_over[listing.path] = rest
    return DryLoad(matches, left_over)


def check_parts(parts: Iterable[Part], file: Listing, expected: Mapping[str, Shapes]) -> None:
    """Check that a file holds all parameters of some parts, and nothing else in their places.

    Args:
        parts: those that it should hold.
        file: the file.
        expected: by part, the shapes of its parameters.

    Raises:
        CheckpointError: as `dry_load`.
    """
    _left_over([match_part(part, file, expected[part.name]) for part in parts], file)


def match_part(part: Part, file: Listing, expected: Shapes) -> Match:
    """Match every parameter of one part with a tensor of a file.

    Raises:
        CheckpointError: the file does not hold the part, or a tensor is missing or of another shape.
    """
    layout = find_layout(part, file.shapes)
    if layout is None:
        raise CheckpointError(file.path, _no_part(part))
    sources: dict[str, Source] = {}
    missing: list[str] = []
    for name, shape in expected.items():
        candidates = [Source(layout.prefix + found.key, found.operation) for found in layout.naming(name)]
        source = next((found for found in candidates if found.key in file.shapes), None)
        if source is None:
            missing.append(candidates[0].key if candidates else name)
            continue
        if source.shape(file.shapes[source.key]) != shape:
            reason = message(
                "holds {name} of the {part} with the shape {found}; it should give {wanted}",
                name=quoted(source.key),
                part=PART_LABELS[part.name],
                found=_shape(file.shapes[source.key]),
                wanted=_shape(shape),
            )
            raise CheckpointError(file.path, reason)
        sources[name] = source
    if missing:
        reason = message(
            "lacks tensors of the {part}: {names}", part=PART_LABELS[part.name], names=some_names(missing)
        )
        raise CheckpointError(file.path, reason)
    return Match(part, layout, sources)


def find_layout(part: Part, shapes: Shapes) -> Layout | None:
    """Return the first of a part's layouts under which its marker is among ``shapes``; None: it is not there."""
    for layout in part.layouts(part.config):
        if any(layout.prefix + source.key in shapes for source in layout.naming(part.marker)):
            return layout
    return None


def _left_over(matches: Iterable[Match], file: Listing) -> tuple[str, ...]:
    """Return the tensors that no part uses; raises CheckpointError if one stands where a part's are."""
    matches = list(matches)
    used = {source.key for match in matches for source in match.sources.values()}
    rest = [key for key in file.shapes if key not in used]
    for match in matches:
        prefix = match.layout.prefix
        ignored = re.compile("|".join(f"(?:{name})" for name in match.layout.ignored) or r"(?!)")
        own = [key for key in rest if key.startswith(prefix)]
        useless = {key for key in own if ignored.fullmatch(key.removeprefix(prefix))}
        if unknown := [key for key in own if key not in useless]:
            reason = message(
                "holds tensors that the {part} of this family does not have: {names}",
                part=PART_LABELS[match.part.name],
                names=some_names(unknown),
            )
            raise CheckpointError(file.path, reason)
        rest = [key for key in rest if key not in useless]
    return tuple(key for key in rest if not _SCHEDULE_TABLES.fullmatch(key))


def _no_part(part: Part) -> str:
    return message("holds no {part} of this family", part=PART_LABELS[part.name])


def some_names(names: list[str]) -> str:
    """Return the first of many names, quoted, and how many more there are."""
    first, more = ", ".join(map(quoted, names[:_NAMED])), len(names) - _NAMED
    return message("{names} and {count:,} more", names=first, count=more) if more > 0 else first


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or message("of a single number")
