"""``stepwise generate``, from the words that are typed to the files that lie there."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from studio.cli.generate import request_of
from studio.cli.main import _load, _Parser
from studio.diffusion.samplers import COMPARED, SAMPLERS
from studio.engine.requests.generate import GenerateRequest
from studio.gallery import png, store
from studio.storage import storage_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Ran

    Stepwise = Callable[..., Ran]

ROOT = Path(__file__).parents[2]


def parsed(*words: str) -> GenerateRequest:
    parser = _Parser()
    _load("generate").add_arguments(parser)
    return request_of(parser.parse_args(words))


# -------------------------------------------------------------------------------------------------------- arguments


def test_every_flag_reaches_the_request() -> None:
    request = parsed(
        *[
            "a dog",
            "--negative",
            "cat",
            "--model",
            "m",
            "--sampler",
            "pc",
            "--steps",
            "7",
            "--spacing",
            "leading",
        ],
        *["--guidance", "2.5", "--seed", "9", "--count", "3", "--size", "64x32", "--corrector-steps", "2"],
        *["--snr", "0.2", "--predictor", "ddpm"],
    )
    assert request == GenerateRequest(
        prompt="a dog",
        negative="cat",
        model="m",
        sampler="pc",
        steps=7,
        spacing="leading",
        guidance=2.5,
        seed=9,
        count=3,
        width=64,
        height=32,
        options={"corrector_steps": 2, "snr": 0.2, "predictor": "ddpm"},
    )


def test_settings_that_are_not_given_are_the_models_defaults() -> None:
    assert parsed("a dog") == GenerateRequest(prompt="a dog", model="starter")


@pytest.mark.parametrize("name", COMPARED)
def test_every_option_of_every_sampler_is_a_flag(name: str) -> None:
    options = SAMPLERS[name].Options()
    words = [
        word
        for field in vars(options)
        for word in (f"--{field.replace('_', '-')}", str(getattr(options, field)))
    ]
    assert dict(parsed("", "--sampler", name, *words).options) == vars(options)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--steps", "0"], "steps must be a whole number from 1 to 1,000, not 0."),
        (["--steps", "-1"], "steps must be a whole number from 1 to 1,000, not -1."),
        (["--steps", "1000000000"], "steps must be a whole number from 1 to 1,000, not 1000000000."),
        (["--steps", "many"], "steps must be a whole number from 1 to 1,000, not 'many'."),
        (["--steps", "9" * 5000], "steps must be a whole number from 1 to 1,000, not Infinity."),
        (["--guidance", "nan"], "guidance must be a number from 0 to 30, not NaN."),
        (["--guidance=-inf"], "guidance must be a number from 0 to 30, not -Infinity."),
        (["--size", "0x0"], "width must be a whole number from 1 to 8,192, not 0."),
        (["--size", "800000x800000"], "width must be a whole number from 1 to 8,192, not 800000."),
        (["--size", "64"], "size must look like 64x64, not '64'."),
        (["--size", "64x64"], "size 64x64 is not one that the model 'tiny' makes (allowed: 16x16, 32x16)."),
        (["--sampler", "dimm"], "sampler 'dimm' is not known; did you mean 'ddim'? (there are: "),
        (["--sampler", "ddim", "--eta", "2"], "eta must be a number from 0 to 1, not 2."),
        (["--sampler", "ddpm", "--eta", "1"], "option 'eta' is not known"),
        (
            ["--seed", "18446744073709551616"],
            "seed must be a whole number from 0 to 18,446,744,073,709,551,615",
        ),
        (["--count", "0"], "count must be a whole number from 1 to 1,000, not 0."),
        (["--model", "tny"], "model 'tny' is not known; did you mean 'tiny'?"),
        (["--device", "cuda:99"], "The device 'cuda:99' does not exist (there are: auto, "),
        (["--negative", "x" * 100_000], "negative must be at most 2,000 characters, not 100,000."),
        (["--negative", "a\udc80b"], "negative contains half a character at position 2; type it again."),
        (["--spacing", "trail"], "spacing 'trail' is not known; did you mean 'trailing'?"),
    ],
    ids=lambda value: (
        " ".join(value)[:24].encode("ascii", "replace").decode() if isinstance(value, list) else ""
    ),
)
def test_a_wrong_argument_gets_one_sentence_and_code_2(
    stepwise: Stepwise, home: Path, words: list[str], sentence: str
) -> None:
    ran = stepwise("generate", "dog", *words)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith(f"stepwise: {sentence}")
    assert ran.err.count("\n") == 1
    assert not (home / "outputs").exists()


def test_a_long_prompt_is_refused_with_the_limit(stepwise: Stepwise) -> None:
    ran = stepwise("generate", "x" * 100_000)
    assert (ran.code, ran.err) == (2, "stepwise: prompt must be at most 2,000 characters, not 100,000.\n")


@pytest.mark.parametrize("words", [[], ["dog", "--eta"], ["dog", "cat"], ["dog", "--stepz", "3"]])
def test_words_that_cannot_be_read_get_one_line_and_code_2(stepwise: Stepwise, words: list[str]) -> None:
    ran = stepwise("generate", *words)
    assert ran.code == 2
    assert ran.err.startswith("stepwise generate: ")
    assert ran.err.count("\n") == 1


# --------------------------------------------------------------------------------------------------------- pictures


def test_pictures_lie_in_the_folder_that_is_made_for_them(stepwise: Stepwise, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    ran = stepwise("generate", "a dog", "--steps", "2", "--count", "2", "--out", out)
    assert ran.code == 0
    paths = [Path(line) for line in ran.out.splitlines()]
    assert sorted(paths) == sorted(out.iterdir())
    assert len(paths) == 2
    assert "picture 2 of 2: seed 1, 4 model calls" in ran.err
    metadata = png.read(paths[1]).metadata
    assert metadata is not None
    assert (metadata.seed, metadata.model) == (1, "tiny")
    assert metadata.dtype in ("float32", "bfloat16")  # whichever this processor is faster in
    assert metadata.device.startswith("cpu (")
    assert {"stepwise-studio", "torch", "python"} <= metadata.versions.keys()


def test_without_a_folder_they_lie_in_the_users_pictures(stepwise: Stepwise, home: Path) -> None:
    ran = stepwise("generate", "", "--steps", "1")
    assert ran.code == 0
    assert Path(ran.out.strip()).parent == home / "outputs"


def test_json_prints_one_object_for_each_picture_and_nothing_else(stepwise: Stepwise, tmp_path: Path) -> None:
    ran = stepwise(
        "generate", "dog", "--steps", "2", "--count", "2", "--seed", "5", "--out", tmp_path, "--json"
    )
    pictures = [json.loads(line) for line in ran.out.splitlines()]
    assert [picture["seed"] for picture in pictures] == [5, 6]
    for picture in pictures:
        assert picture.keys() == {
            *(
                "path",
                "run",
                "seed",
                "sampler",
                "steps",
                "model_calls",
                "seconds",
                "x_T_sha256",
                "final_sha256",
            )
        }
        assert Path(picture["path"]).is_file()
        assert (picture["sampler"], picture["steps"], picture["model_calls"]) == ("ddim", 2, 4)
        assert all(re.fullmatch("[0-9a-f]{64}", picture[key]) for key in ("x_T_sha256", "final_sha256"))


@pytest.mark.parametrize("sampler", COMPARED)
def test_a_picture_is_reproduced_from_the_settings_in_its_file(
    stepwise: Stepwise, tmp_path: Path, sampler: str
) -> None:
    words = ["--sampler", sampler, "--steps", "3", "--seed", "3", "--out", tmp_path, "--json"]
    first, second = (
        json.loads(line) for line in stepwise("generate", "dog", *words, "--count", "2").out.splitlines()
    )
    metadata = png.read(Path(second["path"])).metadata
    assert metadata is not None
    request = GenerateRequest.from_dict(metadata.request)
    given: dict[str, Any] = dict(request.options)
    flags = [word for name in given for word in (f"--{name.replace('_', '-')}", given[name])]
    again = stepwise("generate", request.prompt, *words, "--seed", metadata.seed, *flags)
    picture = json.loads(again.out)
    assert picture["final_sha256"] == second["final_sha256"] == metadata.final_sha256
    assert picture["final_sha256"] != first["final_sha256"]
    assert Path(picture["path"]).read_bytes()[-60:] == Path(second["path"]).read_bytes()[-60:]


@pytest.mark.parametrize("prompt", ["", "كلب أحمر", "🐕‍🦺", "-", "../../etc/passwd", "a\nb", "CON"])
def test_any_text_makes_a_picture(stepwise: Stepwise, tmp_path: Path, prompt: str) -> None:
    ran = stepwise("generate", prompt, "--steps", "1", "--out", tmp_path)
    assert ran.code == 0
    path = Path(ran.out.removesuffix("\n"))
    assert path.parent == tmp_path
    metadata = png.read(path).metadata
    assert metadata is not None
    assert metadata.request["prompt"] == prompt


def test_an_unused_negative_prompt_is_reported(stepwise: Stepwise, tmp_path: Path) -> None:
    words = ["generate", "dog", "--negative", "cat", "--steps", "1", "--out", tmp_path]
    note = "Note: At guidance 1 the negative prompt is unused."
    assert note in stepwise(*words, "--guidance", "1").err.splitlines()
    assert note not in stepwise(*words, "--guidance", "2").err.splitlines()


# ----------------------------------------------------------------------------------------------------------- faults


def test_a_folder_that_takes_no_files_is_refused_before_any_work(
    stepwise: Stepwise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    ran = stepwise("generate", "dog", "--out", tmp_path / "file")
    assert ran.code == 2
    assert (
        ran.err
        == f"stepwise: {tmp_path / 'file'} cannot be used: there is a file in the place of a folder.\n"
    )

    def refuse(**_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    ran = stepwise("generate", "dog", "--out", tmp_path)
    assert (ran.code, ran.err) == (
        2,
        f"stepwise: {tmp_path} cannot be written: the file system is read-only.\n",
    )


def full(folder: Path) -> Callable[..., object]:
    write_new = store.write_new

    def write(where: Path, *rest: Any) -> object:  # noqa: ANN401
        if where == folder:
            raise storage_error(where, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        return write_new(where, *rest)

    return write


def test_a_picture_that_the_disk_has_no_room_for_is_kept_elsewhere(
    stepwise: Stepwise, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(store, "write_new", full(out))
    ran = stepwise("generate", "dog", "--steps", "1", "--count", "3", "--out", out, "--json")
    assert ran.code == 2
    (picture,) = (json.loads(line) for line in ran.out.splitlines())
    kept = Path(picture["path"])
    assert kept.parent == home / "cache" / "rescued"
    assert png.read(kept).metadata is not None
    last = ran.err.splitlines()[-1]
    assert last == f"stepwise: {out} cannot be written: the disk is full. The picture was saved as {kept}."


def test_a_full_disk_is_reported_in_one_sentence(stepwise: Stepwise, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(where: Path, *_: object) -> None:
        raise storage_error(where, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    monkeypatch.setattr(store, "write_new", refuse)
    ran = stepwise("generate", "dog", "--steps", "1")
    assert ran.code == 2
    assert ran.err.splitlines()[-1].endswith("cannot be written: the disk is full.")


def test_a_damaged_model_is_named(stepwise: Stepwise, home: Path) -> None:
    weights = home / "models" / "tiny" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    ran = stepwise("generate", "dog")
    assert ran.code == 2
    assert str(weights) in ran.err
    assert ran.err.count("\n") == 1


# -------------------------------------------------------------------------------------------------------- processes


def started(home: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "studio", "generate", "dog", "--model", "tiny", "--device", "cpu", *words],
        cwd=ROOT,
        env={**os.environ, "STEPWISE_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for another process")
def test_an_interrupt_ends_with_a_sentence_and_keeps_what_is_finished(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with started(home, "--steps", "2", "--count", "1000", "--out", str(out)) as process:
        assert process.stdout is not None
        first = Path(process.stdout.readline().strip())
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=60)
    assert process.returncode == 130
    paths = [first, *map(Path, rest.splitlines())]
    assert err.splitlines()[-1] == f"Interrupted; {len(paths)} of 1000 pictures are saved."
    assert "Traceback" not in err
    assert sorted(paths) == sorted(out.iterdir())


def test_a_closed_pipe_is_not_an_error(home: Path, tmp_path: Path) -> None:
    with started(home, "--steps", "1", "--count", "1000", "--out", str(tmp_path), "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        json.loads(process.stdout.readline())
        process.stdout.close()
        err = process.stderr.read()
        process.wait(60)
    assert process.returncode == 1
    assert "Traceback" not in err
    assert "Broken" not in err
    assert "stepwise:" not in err
