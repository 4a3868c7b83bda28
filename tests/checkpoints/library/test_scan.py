"""Folders are scanned where they are, every file once, and only what is new or has changed is read."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest
import torch

from studio.checkpoints.library import cache as remembering
from studio.checkpoints.library import scan as module
from studio.checkpoints.library.cache import RecognitionCache
from studio.checkpoints.library.scan import Scan, read_header, scan
from studio.families.recognition.kinds import Component, Family, Kind, Source
from tests.checkpoints.models import write_sparse
from tests.families import headers_adapters  # noqa: F401 - adds its cases
from tests.families.architectures import clip, diffusers_unet, diffusers_vae, taesd
from tests.families.headers import CASES, file, sd1
from tests.weights.corpus import HOSTILE
from tests.weights.torch_corpus import archive, called, text

if TYPE_CHECKING:
    from pathlib import Path

    from studio.families.recognition.header import ModelHeader
    from tests.families.architectures import Shapes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="makes links")

EMBEDDING: Shapes = {"emb_params": (2, 768)}
LORA: Shapes = {
    "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": (4, 768),
    "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight": (640, 4),
}


def write(path: Path, shapes: Shapes, metadata: dict[str, str] | None = None) -> Path:
    """Write a safetensors file of float16 zeros."""
    listed: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    place = 0
    for name, shape in shapes.items():
        size = 2
        for number in shape:
            size *= number
        listed[name] = {"dtype": "F16", "shape": shape, "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(listed).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(place))
    return path


def kinds(found: Scan) -> dict[str, Kind | str]:
    return {
        file.path.name: file.recognised.kind if file.recognised else str(file.problem) for file in found.files
    }


class Reader:
    """Reads headers, and counts how often."""

    def __init__(self) -> None:
        self.paths: list[Path] = []

    def __call__(self, path: Path) -> ModelHeader:
        self.paths.append(path)
        return read_header(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    models = tmp_path / "models"
    write(models / "embeddings/easynegative.safetensors", EMBEDDING)
    write(models / "loras/style.safetensors", LORA, {"modelspec.trigger_phrase": "style"})
    write(models / "vae_approx/taesd_decoder.safetensors", taesd()[1])
    return models


def test_files_are_found_in_all_folders_and_recognised(folder: Path) -> None:
    found = scan([folder])
    assert kinds(found) == {
        "easynegative.safetensors": Kind.TEXTUAL_INVERSION,
        "style.safetensors": Kind.LORA,
        "taesd_decoder.safetensors": Kind.TINY_VAE,
    }
    assert (found.added, found.unchanged, found.removed, found.unreadable) == (3, 0, 0, ())
    lora = next(file for file in found.files if file.name == "style")
    assert lora.recognised is not None
    assert lora.recognised.description.trigger_words == ("style",)
    assert lora.size == lora.path.stat().st_size


def test_a_single_file_can_be_scanned(folder: Path) -> None:
    assert len(scan([folder / "loras/style.safetensors"]).files) == 1


def test_a_second_scan_reads_nothing(folder: Path, tmp_path: Path) -> None:
    cache = RecognitionCache(tmp_path / "cache/models.json")
    first = scan([folder], cache)
    cache.save()
    reader = Reader()
    again = scan([folder], RecognitionCache(tmp_path / "cache/models.json"), read=reader)
    assert reader.paths == []
    assert again.files == first.files
    assert (again.added, again.changed, again.unchanged) == (0, 0, 3)


def test_only_what_changed_is_read_again(folder: Path) -> None:
    cache, reader = RecognitionCache(), Reader()
    scan([folder], cache)
    lora = write(folder / "loras/style.safetensors", LORA | {"x.alpha": ()})
    found = scan([folder], cache, read=reader)
    assert reader.paths == [lora]
    assert (found.added, found.changed, found.unchanged) == (0, 1, 2)


def test_a_file_put_in_place_of_another_of_the_same_size_and_time_is_noticed(folder: Path) -> None:
    """The inode is part of what a file is known by."""
    cache, reader = RecognitionCache(), Reader()
    old = folder / "loras/style.safetensors"
    scan([folder], cache)
    before = old.stat()
    new = write(folder / "loras/new.tmp", LORA, {"modelspec.trigger_phrase": "other"})
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(old)
    assert old.stat().st_size == before.st_size
    scan([folder], cache, read=reader)
    assert reader.paths == [old]


def test_what_is_gone_is_reported_and_forgotten(folder: Path) -> None:
    cache = RecognitionCache()
    scan([folder], cache)
    (folder / "loras/style.safetensors").unlink()
    found = scan([folder], cache)
    assert (found.removed, len(found.files), len(cache)) == (1, 2, 2)


def test_a_drive_that_is_gone_is_a_problem_and_nothing_is_forgotten(folder: Path, tmp_path: Path) -> None:
    cache, reader = RecognitionCache(), Reader()
    scan([folder], cache)
    folder.rename(tmp_path / "elsewhere")
    found = scan([folder], cache)
    assert [path for path, _ in found.folder_problems] == [folder]
    assert (found.files, found.removed, len(cache)) == ((), 0, 3)
    (tmp_path / "elsewhere").rename(folder)
    assert scan([folder], cache, read=reader).unchanged == 3
    assert reader.paths == []


V_CONFIG = """model:
  target: ldm.models.diffusion.ddpm.LatentDiffusion
  params:
    parameterization: "v"
    linear_start: 0.00085
"""


def test_the_configuration_of_a1111_beside_a_checkpoint_says_what_it_predicts(tmp_path: Path) -> None:
    checkpoint = tmp_path / "anything.safetensors"
    checkpoint.write_bytes(b"x")
    header, cache = CASES["sd15_fine_tune_fp16"]().header, RecognitionCache()

    def predicts() -> tuple[str, Source]:
        (model,) = scan([tmp_path], cache, read=lambda path: header).files
        assert model.recognised is not None
        assert model.recognised.prediction is not None
        return model.recognised.prediction.value, model.recognised.prediction.source

    assert predicts() == ("eps", Source.FAMILY)
    sidecar = tmp_path / "anything.yaml"
    sidecar.write_text(V_CONFIG)
    assert predicts() == ("v", Source.CONFIG)
    sidecar.write_text(V_CONFIG.replace("parameterization", "# no parameterization"))
    assert predicts() == ("eps", Source.FAMILY)
    sidecar.unlink()
    sidecar.symlink_to("/dev/zero")
    assert predicts() == ("eps", Source.FAMILY)


# --------------------------------------------------------------------------------------------------------------- links
def test_links_to_files_and_folders_are_followed_and_each_file_counts_once(
    folder: Path, tmp_path: Path
) -> None:
    elsewhere = write(tmp_path / "elsewhere/other.safetensors", EMBEDDING)
    (folder / "linked.safetensors").symlink_to(elsewhere)
    (folder / "again").symlink_to(elsewhere.parent)
    (folder / "loras/itself").symlink_to(folder)
    found = scan([folder, folder / "loras", tmp_path / "elsewhere"])
    assert len(found.files) == 4
    assert found.folder_problems == ()


@pytest.mark.timeout(20)
def test_links_to_devices_loops_and_nothing_are_passed_over(folder: Path) -> None:
    (folder / "null.safetensors").symlink_to("/dev/zero")
    (folder / "nowhere.safetensors").symlink_to(folder / "missing")
    (folder / "loop.safetensors").symlink_to(folder / "loop.safetensors")
    os.mkfifo(folder / "pipe.safetensors")
    found = scan([folder])
    assert len(found.files) == 3
    assert [path.name for path, _ in found.folder_problems] in ([], ["loop.safetensors"])


def test_a_snapshot_of_hugging_face_is_one_model_named_by_its_repository(tmp_path: Path) -> None:
    hub = tmp_path / "hub/models--artist--my-model"
    blob = write(hub / "blobs/1f2e", EMBEDDING)
    index = hub / "snapshots/abc/model_index.json"
    index.parent.mkdir(parents=True)
    index.write_text('{"unet": ["diffusers", "UNet2DConditionModel"]}')
    (index.parent / "unet").mkdir()
    (index.parent / "unet/diffusion_pytorch_model.safetensors").symlink_to(blob)
    found = scan([tmp_path / "hub"], read=lambda path: file(path.name, diffusers_unet()))
    (model,) = found.files
    assert (model.name, model.is_folder) == ("artist/my-model", True)
    assert model.recognised is not None
    assert model.recognised.kind is Kind.NETWORK


# ------------------------------------------------------------------------------------------------- diffusers' folders
@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    home = tmp_path / "models/diffusers/sd15"
    for part, shapes in (("vae", taesd()[1]), ("text_encoder", EMBEDDING), ("unet", LORA)):
        stem = "model" if part == "text_encoder" else "diffusion_pytorch_model"
        write(home / part / f"{stem}.safetensors", shapes)
        write(home / part / f"{stem}.fp16.safetensors", shapes)
    (home / "scheduler").mkdir()
    (home / "scheduler/scheduler_config.json").write_text('{"prediction_type": "v_prediction"}')
    parts = ("unet", "vae", "text_encoder", "scheduler")
    (home / "model_index.json").write_text(json.dumps({part: ["diffusers", "x"] for part in parts}))
    write(home / "sd15-all-in-one.safetensors", EMBEDDING)
    return home


def true_headers(path: Path) -> ModelHeader:
    """The header that the part of a pipeline would have."""
    shapes = {"unet": diffusers_unet(), "vae": diffusers_vae(), "text_encoder": clip()}
    return file(path.name, shapes[path.parent.name]) if path.parent.name in shapes else read_header(path)


def test_a_folder_of_diffusers_is_one_model_and_a_file_beside_it_another(pipeline: Path) -> None:
    found = scan([pipeline.parents[1]], read=true_headers)
    assert [file.path.name for file in found.files] == ["sd15", "sd15-all-in-one.safetensors"]
    whole = found.files[0].recognised
    assert whole is not None
    assert whole.family is not None
    assert whole.prediction is not None
    assert (whole.kind, whole.family.value, whole.prediction.value) == (Kind.CHECKPOINT, Family.SD1, "v")
    assert whole.contains == (Component.NETWORK, Component.CLIP_L, Component.VAE_4)


def test_a_change_of_any_file_in_a_folder_is_noticed(pipeline: Path) -> None:
    cache = RecognitionCache()
    scan([pipeline], cache, read=true_headers)
    assert scan([pipeline], cache, read=true_headers).unchanged == 2
    (pipeline / "scheduler/scheduler_config.json").write_text('{"prediction_type": "epsilon"}')
    found = scan([pipeline], cache, read=true_headers)
    assert found.changed == 1
    assert found.files[0].recognised is not None
    assert found.files[0].recognised.prediction is not None
    assert found.files[0].recognised.prediction.value == "eps"


def test_of_the_variants_of_a_part_the_plain_one_is_read(pipeline: Path) -> None:
    reader = Reader()
    scan([pipeline], read=reader)
    assert not [path for path in reader.paths if ".fp16." in path.name]


# ----------------------------------------------------------------------------------------------------------- bad files
def test_files_that_are_no_models_are_explained_and_stop_nothing(folder: Path) -> None:
    (folder / "page.safetensors").write_bytes(b"<!DOCTYPE html>" + bytes(100))
    (folder / "cut.safetensors").write_bytes((5000).to_bytes(8, "little") + b"{}")
    (folder / "old.ckpt").write_bytes(b"PK\x03\x04" + bytes(4096))
    (folder / "tiny.bin").write_bytes(b"\x80\x02")
    (folder / "flux.gguf").write_bytes(b"GGUF" + bytes(100))
    write(folder / "renamed.ckpt", LORA | {"padding": (2048,)})
    found = scan([folder])
    assert len(found.files) == 8
    assert {file.name for file in found.unreadable} == {"page", "cut", "old"}
    assert kinds(found)["renamed.ckpt"] is Kind.LORA
    gguf = next(file for file in found.files if file.name == "flux")
    assert gguf.recognised is not None
    assert gguf.recognised.storage.form == "GGUF"


def test_no_hostile_file_stops_a_scan(tmp_path: Path) -> None:
    for number, (damaged, _) in enumerate(HOSTILE.values()):
        (tmp_path / f"{number}.safetensors").write_bytes(damaged)
    found = scan([tmp_path])
    assert len(found.files) == len(HOSTILE)
    named = [file for file in found.files if file.recognised is not None]
    assert [file.recognised.storage.form for file in named if file.recognised] == ["GGUF"]


def test_a_pytorch_file_is_recognised_by_what_it_holds_and_a_hostile_one_is_explained(folder: Path) -> None:
    torch.save({name: torch.zeros(shape) for name, shape in LORA.items()}, folder / "lora.pt")
    (folder / "bad.ckpt").write_bytes(archive(called("os.system", text("touch owned")), bytes(4096)))
    found = scan([folder])
    assert kinds(found)["lora.pt"] is Kind.LORA
    assert "names 'os.system'" in str(kinds(found)["bad.ckpt"])


def test_what_is_wrong_with_a_file_is_remembered_and_can_still_be_translated(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "page.safetensors").write_bytes(b"<html>" + bytes(100))
    cache = RecognitionCache(tmp_path / "models.json")
    first = scan([folder], cache)
    cache.save()
    reader = Reader()
    again = scan([folder], RecognitionCache(tmp_path / "models.json"), read=reader)
    assert reader.paths == []
    (before,), (after,) = first.unreadable, again.unreadable
    assert before.problem is not None
    assert after.problem is not None
    assert (after.problem, after.problem.template) == (before.problem, before.problem.template)


@pytest.mark.parametrize(
    "damage", [b"", b"{", b'{"version": 99, "entries": {}}', b'{"version": 1, "entries": {"a": 3}}']
)
def test_a_damaged_cache_is_as_good_as_none(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "models.json").write_bytes(damage)
    assert len(RecognitionCache(tmp_path / "models.json")) == 0


def test_other_rules_forget_what_was_found(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = RecognitionCache(tmp_path / "models.json")
    scan([folder], cache)
    cache.save()
    assert len(RecognitionCache(tmp_path / "models.json")) == 3
    monkeypatch.setattr(remembering, "rules_version", lambda: "newer rules")
    assert len(RecognitionCache(tmp_path / "models.json")) == 0


def test_everything_recognised_survives_the_cache(tmp_path: Path) -> None:
    made = {name: make().header for name, make in list(CASES.items())[::6]}
    for name in made:
        (tmp_path / f"{name}.safetensors").write_bytes(b"x")
    cache = RecognitionCache(tmp_path / "cache.json")
    first = scan([tmp_path], cache, read=lambda path: made[path.stem])
    cache.save()
    again = scan([tmp_path], RecognitionCache(tmp_path / "cache.json"))
    assert again.files == first.files
    assert again.unchanged == len(made)


# -------------------------------------------------------------------------------------------------------------- limits
def test_a_scan_says_when_there_is_too_much(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = RecognitionCache()
    scan([folder], cache)
    monkeypatch.setattr(module, "MAX_ENTRIES", 2)
    found = scan([folder], cache)
    assert found.cut_short
    assert (found.removed, len(cache)) == (0, 3)


def test_a_scan_can_be_cancelled_between_files(folder: Path) -> None:
    answers = iter([False, True])
    found = scan([folder], cancelled=lambda: next(answers))
    assert (found.cancelled, len(found.files)) == (True, 1)


def test_progress_counts_to_the_end(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    scan([folder], progress=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_environments_and_hidden_folders_are_not_searched(folder: Path) -> None:
    write(folder / "venv/lib/x.safetensors", EMBEDDING)
    write(folder / ".trash/x.safetensors", EMBEDDING)
    assert len(scan([folder]).files) == 3


def test_a_model_that_would_not_load_says_why_and_that_is_remembered(tmp_path: Path) -> None:
    whole, cache = sd1(), RecognitionCache(tmp_path / "cache.json")
    missing = "model.diffusion_model.output_blocks.3.1.norm.weight"
    broken = {name: shape for name, shape in whole.items() if name != missing}
    odd = whole | {"model.diffusion_model.out.2.bias": (7,)}
    scaled = whole | {"model.diffusion_model.time_embed.0.scale_weight": ()}
    for name, shapes in {"good": whole, "lacks": broken, "odd": odd, "scaled": scaled}.items():
        write_sparse(tmp_path / "models" / f"{name}.safetensors", shapes)
    for again in (False, True):
        reader = Reader()
        found = {file.name: file for file in scan([tmp_path / "models"], cache, read=reader).files}
        assert (reader.paths == []) == again
        assert all(file.recognised is not None for file in found.values())
        assert found["good"].fault is found["scaled"].fault is None
        assert missing in str(found["lacks"].fault)
        assert "with the shape 7; it should give 4" in str(found["odd"].fault)
        cache.save()
        cache = RecognitionCache(tmp_path / "cache.json")
