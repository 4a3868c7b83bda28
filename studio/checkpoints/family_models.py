"""Models of the families that artists already have: one safetensors file, or a folder in diffusers' layout.

They are used where they are. What is known of one before it is loaded is a `FamilyInfo`, made from its recognised
header. Importable without torch.
"""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from studio.checkpoints.choices import NO_CHOICES, NO_TINY_VAE, path_key
from studio.checkpoints.library.pairing import PartFiles, suppliers
from studio.errors import CheckpointError, StudioError
from studio.families.interface import SizeRule, TextDefaults
from studio.families.recognition.kinds import COMPONENT_TITLES, Component, Kind, needs
from studio.families.recognition.kinds import Family as FamilyName
from studio.families.sd1 import SD1
from studio.families.sd2 import SD2
from studio.families.sdxl import SDXL
from studio.messages import message
from studio.weights.conversion import as_safetensors
from studio.weights.shards import weights_in

if TYPE_CHECKING:
    import threading
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    import torch

    from studio.checkpoints.choices import ModelChoices
    from studio.checkpoints.library.scan import ModelFile
    from studio.diffusion.levels import FinalLevel
    from studio.diffusion.prediction import PredictionKind
    from studio.diffusion.schedules import Schedule
    from studio.families.family import Defaults, Family
    from studio.families.interface import Model, Size
    from studio.families.recognition.recognise import Recognised
    from studio.folders import Folders
    from studio.messages import Message
    from studio.weights.hashing import HashCache

FAMILIES: Final[Mapping[str, Family]] = MappingProxyType({one.name: one for one in (SD1, SD2, SDXL)})
"""The families that this program samples, by name."""

MIN_SIDE_PX, MAX_SIDE_PX = 256, 2048

_PARTS: Final = MappingProxyType(
    {
        Component.NETWORK: "unet",
        Component.VAE_4: "vae",
        Component.CLIP_L: "text_encoder",
        Component.CLIP_H: "text_encoder",
        Component.CLIP_BIGG: "text_encoder_2",
    }
)
"""The name of the part that a component is, in the families of `FAMILIES`."""


VARIANTS: Final[Mapping[str, tuple[PredictionKind, bool]]] = MappingProxyType(
    {"eps": ("eps", False), "v": ("v", False), "v-zsnr": ("v", True)}
)
"""What may follow the name of a model and an @ to name it with another prediction, and whether its schedule then ends
without signal.
"""


class UnsupportedModelError(CheckpointError):
    """A model is of a kind that this program does not run."""

    def __init__(self, path: Path, advice: Message) -> None:
        """Name the file, and in a sentence what it is and what to do."""
        StudioError.__init__(self, message("{path}: {advice}", path=path, advice=advice))
        self.path, self.reason = path, advice


@dataclass(frozen=True)
class Part:
    """A part of a model, as lists show it. Implements `studio.families.interface.PartInfo`."""

    kind: str
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FamilyInfo:
    """What is known of a model before it is loaded. Implements `studio.families.interface.ModelInfo`.

    Attributes:
        name: of its file or folder, without the suffix; two that differ only in it are equal.
        display_name: what the user calls it; "": by its name. Likewise.
        family_name: a key of `FAMILIES`.
        files: the file of each part, the same for several parts if it is a single file; a part whose weights are
            sharded is named with each of its shards.
        signature: changes whenever the model's own file does.
        prediction: the meaning of the U-Net's output.
        zero_terminal_snr: whether its schedule ends without signal.
        recognised_as: the two as they were recognised, whatever the user decided.
        final_level: where the last step of a run leads.
        tiny_vae: the file with the tiny VAE for its previews; None: it has none.
        defaults: settings for what a request leaves open.
        parameters: number of values in its own file.
        size_on_disk: bytes of its own file or folder.
        precision: the precision in which its weights are stored.
        assumed: the names of the facts that its header does not say.
        weights_sha256: the hash of its files, and of what the user decided other than recognised; "" until it was
            computed. Two that differ in nothing else are equal.
    """

    name: str = field(compare=False)
    display_name: str = field(default="", compare=False)
    family_name: str
    files: tuple[tuple[str, Path], ...]
    signature: str
    prediction: PredictionKind
    zero_terminal_snr: bool = False
    recognised_as: tuple[PredictionKind, bool] | None = None
    final_level: FinalLevel = "clean"
    tiny_vae: Path | None = None
    defaults: Defaults
    parameters: int
    size_on_disk: int = 0
    precision: str = ""
    assumed: tuple[str, ...] = ()
    licence: str = ""
    training_data: str = ""
    weights_sha256: str = field(default="", compare=False)

    @property
    def family(self) -> Family:
        """Its family."""
        return FAMILIES[self.family_name]

    @property
    def title(self) -> str:
        """What the user calls it: by its file's name unless they chose another."""
        return self.display_name or self.name

    @property
    def backbone(self) -> Part:
        """The U-Net."""
        return Part("unet")

    @property
    def text(self) -> Part:
        """CLIP."""
        return Part("clip")

    @property
    def text_defaults(self) -> TextDefaults:
        """How CLIP reads prompts."""
        parts = self.family.text_parts
        return TextDefaults(
            clip_skip=parts[0].clip_skip, largest_clip_skip=min(part.largest_clip_skip for part in parts)
        )

    @property
    def schedule(self) -> Part:
        """The noise schedule of its family."""
        facts = self.family.schedule
        config: dict[str, object] = {"T": facts.T, "beta_start": facts.beta_start, "beta_end": facts.beta_end}
        if self.zero_terminal_snr:
            config["zero_terminal_snr"] = True
        if self.final_level != "clean":
            config["final_level"] = self.final_level
        return Part(facts.name, config)

    @property
    def clip(self) -> bool:
        """False: latents have no fixed range."""
        return False

    @property
    def T(self) -> int:
        """The number of times of the schedule."""
        return self.family.schedule.T

    @property
    def sizes(self) -> tuple[Size, ...]:
        """The sizes its family was trained at."""
        return self.family.sizes

    @property
    def size_rule(self) -> SizeRule:
        """The other sizes."""
        return SizeRule(multiple=self.family.size_multiple, minimum=MIN_SIDE_PX, maximum=MAX_SIDE_PX)

    @property
    def downscale(self) -> int:
        """Pixels per latent along each side."""
        return self.family.latents.downscale

    @property
    def evaluation(self) -> Mapping[str, Any]:
        """Empty: nothing was measured."""
        return {}

    def latent_shape_for(self, width: int, height: int) -> tuple[int, int, int]:
        """Return (C, h, w) of the latents of pictures of ``width`` x ``height`` pixels."""
        return (self.family.latents.channels, height // self.downscale, width // self.downscale)

    def to_dict(self) -> dict[str, Any]:
        """Return everything that is known as JSON values."""
        return {
            "name": self.name,
            "family": self.family_name,
            "files": {
                part: str(paths[0]) if len(paths) == 1 else list(map(str, paths))
                for part, paths in by_part(self.files).items()
            },
            "prediction": self.prediction,
            "zero_terminal_snr": self.zero_terminal_snr,
            "schedule": {"kind": self.schedule.kind, "config": dict(self.schedule.config)},
            "sizes": [list(size) for size in self.sizes],
            "defaults": {
                "sampler": self.defaults.sampler,
                "steps": self.defaults.steps,
                "guidance": self.defaults.guidance,
                "spacing": self.defaults.spacing,
            },
            "parameters": self.parameters,
            "precision": self.precision,
            "assumed": list(self.assumed),
            "weights_sha256": self.weights_sha256,
        }


def is_model(file: ModelFile, choices: ModelChoices = NO_CHOICES) -> bool:
    """Whether a file holds a denoising network, so that it is a model or lacks little to be one.

    A file of which nothing is known is one if the user chose its family.
    """
    found = file.recognised
    if found is None:
        return False
    chosen = found.kind is Kind.UNKNOWN and choices.family is not None
    return chosen or found.kind in (Kind.CHECKPOINT, Kind.NETWORK)


def refused(file: ModelFile) -> CheckpointError | None:
    """Return the error that says why a file is no model, and what to do with it; None if nothing is known of it."""
    found = file.recognised
    if found is None:
        return None if file.problem is None else CheckpointError(file.path, file.problem)
    if found.kind is Kind.UNKNOWN and found.storage.readable:
        return None
    if (advice := found.advice) is not None:
        return UnsupportedModelError(file.path, advice)
    if found.kind is Kind.LORA:
        written = f"<lora:{file.name}:1>"
        return UnsupportedModelError(
            file.path,
            message(
                "This is a LoRA, not a model; choose a model, and write {name} in its prompt.", name=written
            ),
        )
    if found.kind is Kind.TEXTUAL_INVERSION:
        written = f"embedding:{file.name}"
        return UnsupportedModelError(
            file.path,
            message(
                "This is a textual inversion, not a model; choose a model, and write {name} in its prompt.",
                name=written,
            ),
        )
    return None


def describe(
    file: ModelFile, others: Iterable[ModelFile] = (), choices: ModelChoices = NO_CHOICES
) -> FamilyInfo:
    """Return what is known of a model.

    Args:
        file: its file or folder, recognised.
        others: the files that may supply the parts that it lacks, or that the user chose.
        choices: what the user decided about it.

    Raises:
        CheckpointError: it cannot be used; the sentence says what it is and what to do, or what is missing.
    """
    parts = others if isinstance(others, PartFiles) else PartFiles(others)
    found = file.recognised
    as_is = file
    if found is not None:
        found = _decided(found, choices)
        file = replace(file, recognised=found)
    if found is None or found.family is None:
        raise CheckpointError(file.path, file.problem or message("holds no model that this program knows"))
    if found.advice is not None:
        raise UnsupportedModelError(file.path, found.advice)
    if file.fault is not None and choices.family is None and not choices.vae:
        raise CheckpointError(file.path, file.fault)
    family = FAMILIES[found.family.value]
    prediction, zero_terminal_snr = _trained(file, found, family)
    recognised = (
        (prediction, zero_terminal_snr)
        if choices.prediction is None and choices.zero_terminal_snr is None
        else _trained(file, as_is.recognised or found, family)
    )
    return FamilyInfo(
        name=file.name.replace("/", "--"),
        display_name=choices.title,
        family_name=family.name,
        files=_with_vae(file, _files(file, found, parts.files), parts.files, choices),
        signature=file.signature,
        prediction=prediction,
        zero_terminal_snr=zero_terminal_snr,
        recognised_as=recognised,
        final_level=choices.final_level,
        tiny_vae=_tiny_vae(file, parts, choices),
        defaults=_defaults(family, found),
        parameters=found.parameters,
        size_on_disk=file.size,
        precision=found.storage.form or found.storage.dtype,
        assumed=found.assumed,
        licence=found.description.licence,
    )


def as_variant(info: FamilyInfo, variant: str) -> FamilyInfo:
    """Return the same model with another prediction; ``variant`` is a key of `VARIANTS`."""
    prediction, zero_terminal_snr = VARIANTS[variant]
    return replace(
        info,
        name=f"{info.name}@{variant}",
        display_name=info.display_name and f"{info.display_name}@{variant}",
        prediction=prediction,
        zero_terminal_snr=zero_terminal_snr,
        assumed=tuple(one for one in info.assumed if one not in ("prediction", "zero_terminal_snr")),
        weights_sha256="",
    )


def hashed(
    info: FamilyInfo,
    hashes: HashCache,
    *,
    cancelled: threading.Event | None = None,
    paused: threading.Event | None = None,
) -> FamilyInfo:
    """Return the same with the hash of its weights, computed if it is not known: it may take many seconds.

    The hash of a folder is that of the hashes of its files. A hash that cannot be stored is no error.

    Raises:
        CheckpointError: a file cannot be read.
        LoadCancelled: ``cancelled`` was set.
    """
    found = [
        hashes.hash_of(path, cancelled=cancelled, paused=paused, must_store=False) for path in own_files(info)
    ]
    return replace(info, weights_sha256=_identity(info, found))


def own_files(info: FamilyInfo) -> tuple[Path, ...]:
    """Return the files that a model is read from, each once."""
    return tuple(dict.fromkeys(path for _, path in info.files))


def with_known_hash(info: FamilyInfo, hashes: HashCache) -> FamilyInfo:
    """Return the same with the hash of its weights, if it is known."""
    found = [hashes.known(path) for path in own_files(info)]
    known = [one for one in found if one is not None]
    return replace(info, weights_sha256=_identity(info, known)) if len(known) == len(found) else info


def load(
    info: FamilyInfo,
    *,
    folders: Folders,
    device: torch.device | str = "cpu",
    rungs: Collection[str] = (),
    cancelled: threading.Event | None = None,
) -> Model:
    """Load a model for runs that take these rungs.

    PyTorch files are converted the first time, into the cache of the user's folders.

    Raises:
        CheckpointError: a file cannot be read, or does not hold what it should.
        StorageError: a converted file cannot be written.
        LoadCancelled: ``cancelled`` was set.
    """
    converted = {path: as_safetensors(path, folders.cache, cancelled=cancelled) for path in own_files(info)}
    # By name: this module says what models there are before torch is there.
    loader = importlib.import_module("studio.families.model")
    model: Model = loader.load_model(
        info,
        info.family,
        by_part((part, converted[path]) for part, path in info.files),
        device=device,
        schedule=_schedule(info),
        tiny_vae=_tiny_weights(info, folders.cache, cancelled),
        rungs=rungs,
        cancelled=cancelled,
    )
    return model


def sharing(info: FamilyInfo, loaded: Model, folders: Folders) -> Model | None:
    """Return a model with the networks of one that is loaded, if both are of the same files; else None.

    The two may differ in what the networks' output means, in the schedule and in the tiny VAE of their previews.
    """
    known, loader = loaded.card, importlib.import_module("studio.families.model")
    if not isinstance(known, FamilyInfo) or not isinstance(loaded, loader.FamilyModel):
        return None
    if (known.family_name, known.files, known.signature) != (info.family_name, info.files, info.signature):
        return None
    model: Model = replace(
        loaded, card=info, schedule=_schedule(info), tiny_vae=_tiny_weights(info, folders.cache)
    )
    return model


def _schedule(info: FamilyInfo) -> Schedule:
    schedule: Schedule = importlib.import_module("studio.families.model").schedule_of(
        info.family.schedule, zero_terminal_snr=info.zero_terminal_snr, final_level=info.final_level
    )
    return schedule


def _tiny_weights(info: FamilyInfo, cache: Path, cancelled: threading.Event | None = None) -> Path | None:
    """Return the file to load the tiny VAE from; previews say what is wrong with one that cannot be converted."""
    if info.tiny_vae is None:
        return None
    try:
        return as_safetensors(info.tiny_vae, cache, cancelled=cancelled)
    except StudioError:
        return info.tiny_vae


def _identity(info: FamilyInfo, hashes: list[str]) -> str:
    """Return the hash of the files, with what makes pictures differ although the files are the same."""
    decided = []
    if info.recognised_as is not None and info.recognised_as != (info.prediction, info.zero_terminal_snr):
        decided.append(f"prediction {info.prediction}, zero-terminal SNR {info.zero_terminal_snr}")
    if info.final_level != "clean":
        decided.append(f"final level {info.final_level}")
    found = _joined(hashes)
    return hashlib.sha256("; ".join([found, *decided]).encode("ascii")).hexdigest() if decided else found


def _joined(hashes: list[str]) -> str:
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode("ascii")).hexdigest()


def _files(file: ModelFile, found: Recognised, others: Iterable[ModelFile]) -> tuple[tuple[str, Path], ...]:
    """Return the files of each part, in the order of the family's parts."""
    files = {_PARTS[one]: _files_of(file, one) for one in found.contains if one in _PARTS}
    supplied = suppliers(file, others)
    lacking = []
    for component in found.missing:
        if supplied.get(component):
            files[_PARTS[component]] = _files_of(supplied[component][0], component)
        else:
            lacking.append(COMPONENT_TITLES[component])
    if lacking:
        reason = message(
            "lacks its {parts}, and no file in the model folders has it", parts=" + ".join(lacking)
        )
        raise CheckpointError(file.path, reason)
    order = [part.name for part in FAMILIES[found.family.value].parts] if found.family is not None else []
    return tuple((part, path) for part in order for path in files.get(part, ()))


def _decided(found: Recognised, choices: ModelChoices) -> Recognised:
    """Return what was recognised with the user's decisions in place of it."""
    family = None if choices.family is None else FamilyName(choices.family)
    if found.kind is Kind.UNKNOWN and family is not None:
        contains = (Component.NETWORK, *needs(family))
        found = replace(found, kind=Kind.CHECKPOINT, contains=contains)
    zero_terminal_snr = choices.zero_terminal_snr
    if zero_terminal_snr is None and choices.prediction == "eps":
        zero_terminal_snr = False  # a state without signal says nothing about its noise
    return found.choosing(family=family, prediction=choices.prediction, zero_terminal_snr=zero_terminal_snr)


def _trained(file: ModelFile, found: Recognised, family: Family) -> tuple[PredictionKind, bool]:
    """Return the prediction, and whether the schedule ends without signal."""
    prediction = family.prediction if found.prediction is None else found.prediction.value
    zero_terminal_snr = found.zero_terminal_snr is not None and found.zero_terminal_snr.value
    return _known_prediction(file, prediction), zero_terminal_snr


def _with_vae(
    file: ModelFile,
    files: tuple[tuple[str, Path], ...],
    others: Iterable[ModelFile],
    choices: ModelChoices,
) -> tuple[tuple[str, Path], ...]:
    """Return the files of the parts with the VAE that the user chose in place of the model's own."""
    if not choices.vae:
        return files
    chosen = next((one for one in others if path_key(one.path) == choices.vae), None)
    if chosen is None or chosen.recognised is None:
        reason = message(
            "is to be used with the VAE in {file}, which cannot be found or read; choose another VAE for it",
            file=choices.vae,
        )
        raise CheckpointError(file.path, reason)
    if chosen.recognised.kind is Kind.TINY_VAE or Component.VAE_4 not in chosen.recognised.contains:
        reason = message(
            "is to be used with the VAE in {file}, whose latents do not have the 4 channels of this model's; choose "
            "another VAE for it",
            file=chosen.path.name,
        )
        raise CheckpointError(file.path, reason)
    parts = by_part(files) | {"vae": _files_of(chosen, Component.VAE_4)}
    return tuple((part, path) for part, paths in parts.items() for path in paths)


def _tiny_vae(file: ModelFile, parts: PartFiles, choices: ModelChoices) -> Path | None:
    """Return the file of the tiny VAE for a model's previews: the one chosen, else one that is known to fit."""
    if choices.tiny_vae == NO_TINY_VAE:
        return None
    if choices.tiny_vae:
        found = next((one for one in parts.tiny_vaes if path_key(one.path) == choices.tiny_vae), None)
    else:
        found = parts.fitting_tiny_vae(file)
    return None if found is None or found.is_folder else found.path


def _files_of(file: ModelFile, component: Component) -> tuple[Path, ...]:
    """Return the files with a part: the file itself, or the one in the part's folder, or its shards."""
    if not file.is_folder:
        return (file.path,)
    folder = file.path / _PARTS[component]
    found = weights_in(folder)
    if found is None:
        raise CheckpointError(folder, message("has no file of weights"))
    return found.paths


def by_part(files: Iterable[tuple[str, Path]]) -> dict[str, tuple[Path, ...]]:
    """Return the files of each part, from pairs of a part and one of its files."""
    parts: dict[str, tuple[Path, ...]] = {}
    for part, path in files:
        parts[part] = (*parts.get(part, ()), path)
    return parts


def _known_prediction(file: ModelFile, prediction: str) -> PredictionKind:
    if prediction == "eps":
        return "eps"
    if prediction == "v":
        return "v"
    raise CheckpointError(
        file.path, message("predicts {kind}, which this program cannot sample yet", kind=prediction)
    )


def _defaults(family: Family, found: Recognised) -> Defaults:
    """Return the settings of the family, or of the way in which this model was made to need few steps."""
    if found.distillation is None:
        return family.defaults
    distilled = found.distillation.value
    defaults = family.variants.get(distilled.method.lower(), family.defaults)
    return defaults if distilled.steps is None else replace(defaults, steps=distilled.steps)
