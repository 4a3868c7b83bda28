from __future__ import annotations

import json
import re

import pytest
from PIL import Image

from studio.gallery.origin import Origin
from studio.gallery.parameters import parameters_text
from studio.gallery.pixels import encode
from tests.gallery.samples import PROMPTS, digest, metadata, pixels


def parse(text: str) -> dict[str, str]:
    """Read the text as its other readers do: last line pairs, then prompt and negative prompt."""
    *lines, last = text.split("\n")
    pairs = dict(re.findall(r'\s*([\w][\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)', last))
    assert len(pairs) >= 3, "readers take a last line of fewer pairs for prompt"
    found = {name: json.loads(value) if value.startswith('"') else value for name, value in pairs.items()}
    prompt: list[str] = []
    negative: list[str] = []
    into = prompt
    for line in lines:
        if line.startswith("Negative prompt:"):
            into, line = negative, line.removeprefix("Negative prompt:")
        into.append(line.strip())
    return {**found, "Prompt": "\n".join(prompt), "Negative prompt": "\n".join(negative)}


def test_another_program_reads_how_a_picture_was_made() -> None:
    assert parse(parameters_text(metadata(), 64, 96)) == {
        "Prompt": "a red apple",
        "Negative prompt": "blur, noise",
        "Steps": "30",
        "Sampler": "DDIM",
        "CFG scale": "4",
        "Seed": "7",
        "Size": "64x96",
        "Model hash": digest("weights")[:10],
        "Model": "starter",
        "Eta": "0.25",
        "Version": "Stepwise Studio 0.1.0",
    }


def test_a_step_that_was_kept_says_so_to_other_programs_too() -> None:
    origin = Origin(run="000042-0f3a9c1b", step=12, of=30, kind="step")
    assert parse(parameters_text(metadata(origin=origin), 64, 96))["Origin"] == "step 12 of 30"


@pytest.mark.parametrize("name", [name for name in PROMPTS if name not in ("lines", "looks like parameters")])
def test_prompts_of_one_line_come_back_whole(name: str) -> None:
    assert parse(parameters_text(metadata(PROMPTS[name]), 1, 1))["Prompt"] == PROMPTS[name].strip()


def test_a_prompt_that_looks_like_parameters_changes_none_of_them() -> None:
    read = parse(parameters_text(metadata(PROMPTS["looks like parameters"]), 1, 1))
    assert (read["Steps"], read["Sampler"], read["Seed"]) == ("30", "DDIM", "7")


@pytest.mark.parametrize("name", ["a, b: c", 'say "x"', "two\tparts, y"])
def test_names_with_commas_are_quoted_so_that_they_come_back(name: str) -> None:
    request = {**metadata().request, "sampler": name}
    assert parse(parameters_text(metadata(request=request), 1, 1))["Sampler"] == name


def test_the_parser_here_sees_what_is_not_quoted() -> None:
    assert parse("x\nSteps: 1, Seed: 2, Size: 1x1, Sampler: a, b: c")["Sampler"] != "a, b: c"


def test_what_the_request_leaves_open_is_left_out() -> None:
    text = parameters_text(metadata(request={"prompt": "x", "steps": True, "guidance": None}), 8, 8)
    assert text.startswith("x\nSeed: 7, Size: 8x8, Model hash: ")


@pytest.mark.parametrize(("guidance", "text"), [(7, "7"), (7.0, "7"), (7.5, "7.5"), (0.1, "0.1"), (0, "0")])
def test_numbers_are_written_as_people_write_them(guidance: float, text: str) -> None:
    request = {**metadata().request, "guidance": guidance}
    assert parse(parameters_text(metadata(request=request), 1, 1))["CFG scale"] == text


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_it_is_found_in_the_file_by_a_foreign_reader(prompt: str, tmp_path: object) -> None:
    path = f"{tmp_path}/x.png"
    kept = metadata(prompt)
    with open(path, "wb") as file:
        file.write(encode(pixels(), kept))
    with Image.open(path, formats=("PNG",)) as image:
        assert str(image.info["parameters"]) == parameters_text(kept, image.width, image.height)
        assert json.loads(image.info["stepwise"])["request"]["prompt"] == prompt
