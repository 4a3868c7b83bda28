"""Files from strangers, through the real entrances: each is explained in one sentence, fast and in little memory.

The folders are scanned, and each file is looked up by its path, in a process of its own with limits on its memory and
time; a process that was started once forks them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.checkpoints.models import write_sparse
from tests.families import headers_adapters  # noqa: F401 - adds its cases
from tests.families.headers import CASES, sd1
from tests.weights import torch_corpus
from tests.weights.corpus import HOSTILE, entry, packed

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and limits of memory")

MEMORY, SECONDS = 128 << 20, 2

CHILD = f"""
import json, os, resource, sys, time
from pathlib import Path
from studio.checkpoints import catalog
from studio.checkpoints.catalog import find_model, list_library
from studio.errors import StudioError
from studio.folders import Folders

def sentence(work):
    try:
        return None, work()
    except StudioError as error:
        return error.message, None

def examine(home, path):
    folders = Folders.under(home)
    with open("/proc/self/statm", "rb") as file:
        base = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (base + {MEMORY}, resource.RLIM_INFINITY))
    begun = time.process_time()
    found = list_library(folders)
    listed = {{str(model.path): model.error for model in found.models if not model.shipped}}
    error, model = sentence(lambda: find_model(path, folders))
    seconds = time.process_time() - begun
    return {{"listed": listed, "error": error, "found": model and model.name, "seconds": seconds}}

catalog.resources_dir = lambda: Path("/nowhere")
list_library(Folders.under(Path("/nowhere")))  # what is read once is read before the first is forked
for line in sys.stdin:
    case, home, path = json.loads(line)
    sys.stdout.flush()
    if os.fork() == 0:
        answer = {{"crash": "ended"}}
        try:
            answer = examine(Path(home), path)
        except BaseException as error:
            answer = {{"crash": repr(error)}}
        print(json.dumps([case, answer]), flush=True)
        os._exit(0)
    os.wait()
"""


def _raw(data: bytes, name: str = "model.safetensors") -> Any:  # noqa: ANN401
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def _of(header: str) -> Any:  # noqa: ANN401
    def make(folder: Path) -> Path:
        path = folder / f"{header}.safetensors"
        known = CASES[header]().header
        tensors = {name: tensor.shape for name, tensor in known.tensors.items()}
        write_sparse(path, tensors, known.metadata)
        return path

    return make


def _without(*names: str, **changed: tuple[int, ...]) -> Any:  # noqa: ANN401
    def make(folder: Path) -> Path:
        shapes = {name: shape for name, shape in sd1().items() if name not in names}
        renamed = {
            f"model.diffusion_model.{name.replace('_dot_', '.')}": one for name, one in changed.items()
        }
        write_sparse(folder / "model.safetensors", shapes | renamed)
        return folder / "model.safetensors"

    return make


def _link(target: str) -> Any:  # noqa: ANN401
    def make(folder: Path) -> Path:
        (folder / "model.safetensors").symlink_to(target)
        return folder / "model.safetensors"

    return make


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "model.safetensors")
    return folder / "model.safetensors"


def _folder(index: bytes | str, **files: bytes) -> Any:  # noqa: ANN401
    """A folder of diffusers; an index of text is where a link leads."""

    def make(folder: Path) -> Path:
        whole = folder / "whole"
        (whole / "unet").mkdir(parents=True)
        if isinstance(index, str):
            (whole / "model_index.json").symlink_to(index)
        else:
            (whole / "model_index.json").write_bytes(index)
        for name, data in files.items():
            (whole / "unet" / name.replace("_dot_", ".").replace("_dash_", "-")).write_bytes(data)
        return whole

    return make


PIPELINE = b'{"unet": ["diffusers", "UNet2DConditionModel"]}'
SHARDS = "diffusion_pytorch_model_dot_safetensors_dot_index_dot_json"
UNKNOWN = "holds no model this program knows"

FILES: dict[str, tuple[Any, str]] = {
    **{f"header: {name}": (_raw(data), reason) for name, (data, reason) in HOSTILE.items()},
    **{
        f"pickle: {name}": (
            _raw(torch_corpus.HOSTILE[name][0] + b"\0" * 1024, "model.ckpt"),
            torch_corpus.HOSTILE[name][1],
        )
        for name in ("os.system", "a pickle cut off", "nested a million deep", "a compressed archive")
    },
    "a text encoder": (_of("clip_l"), "This is the text encoder CLIP-L"),
    "a LoRA": (_of("kohya_lora_sd1"), "This is a LoRA, not a model"),
    "a VAE": (_of("vae_ft_mse"), "This is a VAE, not a model"),
    "a VAE of other channels": (_of("flux_ae"), "This is a VAE, not a model"),
    "a model of another family": (_of("flux1_dev"), "model, which this program cannot run yet"),
    "a missing tensor": (_without("model.diffusion_model.out.0.bias"), "lacks tensors of the U-Net"),
    "a shape that cannot be": (_without(out_dot_2_dot_bias=(7,)), "with the shape 7; it should give 4"),
    "one tensor too many": (
        _without(out_dot_9_dot_bias=(7,)),
        "tensors that the U-Net of this family does not",
    ),
    "a link to a device": (_link("/dev/zero"), "is not a regular file"),
    "a link to nothing": (_link("nothing"), "is missing"),
    "a link to itself": (_link("model.safetensors"), "form a loop"),
    "a pipe": (_pipe, "is not a regular file"),
    "an index that is a list": (_folder(b"[]"), UNKNOWN),
    "an index nested 100,000 deep": (_folder(b'{"a":' * 100_000), UNKNOWN),
    "an index of a device": (_folder("/dev/zero"), UNKNOWN),
    "an index of code": (
        _folder(b'{"_class_name": ["os", "system"], "unet": ["subprocess", "Popen"]}'),
        UNKNOWN,
    ),
    "shards outside": (
        _folder(PIPELINE, **{SHARDS: b'{"weight_map": {"a": "../../../etc/passwd"}}'}),
        "which is not in its folder",
    ),
    "shards without index": (
        _folder(PIPELINE, diffusion_pytorch_model_dash_00001_dash_of_dash_00002_dot_safetensors=b"x"),
        "whose index is missing",
    ),
    "shards of a wrong index": (_folder(PIPELINE, **{SHARDS: b'{"weight_map": 5}'}), "weight_map"),
    "a network that is a web page": (
        _folder(PIPELINE, diffusion_pytorch_model_dot_safetensors=b"<html>" + bytes(99)),
        "is a web page",
    ),
    "a header that lies about sizes": (
        _raw(packed({"a": entry([2**31], [0, 2**33])}, bytes(64))),
        "bytes are missing",
    ),
}
REASONS = {
    "header: GGUF": "The weights are stored as GGUF",  # recognition names it, with what to do
}
NOT_LISTED = {
    *("a text encoder", "a LoRA", "a VAE", "a VAE of other channels"),  # they are no models
    *("a link to a device", "a link to nothing", "a link to itself", "a pipe"),  # they are no files
    "header: GGUF",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What became of each file in a process with limits."""
    home, lines = tmp_path_factory.mktemp("hostile"), []
    for number, (case, (make, _)) in enumerate(FILES.items()):
        folder = home / str(number) / "models"
        folder.mkdir(parents=True)
        lines.append(json.dumps([case, str(home / str(number)), str(make(folder))]))
    done = subprocess.run(
        [sys.executable, "-c", CHILD], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    found = dict(map(json.loads, done.stdout.splitlines()))
    return {case: found.get(case, {"crash": done.stderr}) for case in FILES}


@pytest.mark.parametrize("case", FILES)
def test_a_bad_file_is_explained_in_one_sentence_in_two_seconds_and_128_mb(
    answers: dict[str, dict[str, Any]], case: str
) -> None:
    answer, reason = answers[case], REASONS.get(case, FILES[case][1])
    assert "crash" not in answer, answer
    assert answer["found"] is None
    assert reason in answer["error"]
    assert answer["error"].endswith(".")
    assert "\n" not in answer["error"]
    assert answer["seconds"] < SECONDS
    listed = list(answer["listed"].values())
    assert len(listed) == (case not in NOT_LISTED)
    assert all(reason in error for error in listed)
