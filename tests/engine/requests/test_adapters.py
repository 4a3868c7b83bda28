"""What a prompt refers to is found in the model folders, or refused by name before anything runs."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from studio.checkpoints.family_models import FamilyInfo
from studio.checkpoints.library.adapters import adapters_among
from studio.checkpoints.library.scan import ModelFile
from studio.engine.requests.adapters import AdapterRecord, ResolvedPrompts, resolve_prompts
from studio.engine.requests.generate import GenerateRequest
from studio.errors import RequestError
from studio.families.recognition.recognise import recognise
from studio.families.sd1 import SD1
from studio.messages import message
from tests.families import headers_adapters  # noqa: F401 - adds its cases
from tests.families.headers import CASES

CARD = FamilyInfo(
    name="dreams",
    family_name="sd1",
    files=(),
    signature="",
    prediction="eps",
    defaults=SD1.defaults,
    parameters=1,
)


def file(case: str, path: str) -> ModelFile:
    header = replace(CASES[case]().header, name=Path(path).name)
    return ModelFile(path=Path(path), size=7, signature="", recognised=recognise(header))


FILES = (
    file("kohya_lora_sd1", "/m/Lora/ink.safetensors"),
    file("kohya_lora_sd1", "/m/Lora/old/ink.safetensors"),
    file("kohya_lora_sdxl_with_text_encoders", "/m/Lora/paint.safetensors"),
    file("loha_sd1", "/m/Lora/loha.safetensors"),
    file("easynegative", "/m/embeddings/easynegative.safetensors"),
    file("learned_embeds_diffusers", "/m/embeddings/toy.safetensors"),
    file("learned_embeds_diffusers", "/m/more/toy.safetensors"),
    file("negative_xl", "/m/embeddings/negativeXL.safetensors"),
    ModelFile(path=Path("/m/Lora/torn.safetensors"), size=1, signature="", problem=message("is empty")),
)


def hash_of(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()


def resolved(prompt: str, negative: str = "", card: FamilyInfo = CARD) -> ResolvedPrompts:
    request = GenerateRequest(prompt=prompt, negative=negative, emphasis="none", clip_skip=2)
    return resolve_prompts(request, card, lambda: adapters_among(FILES, [Path("/m")]), hash_of)


def test_loras_and_embeddings_are_found_with_their_weights_and_recorded_by_name_and_hash() -> None:
    found = resolved(
        "a (Toy:1.2) fox <lora:ink:0.5> <lora:old/ink:unet=0.2:te=0>", "embedding:easynegative.safetensors"
    )
    assert (found.text.emphasis, found.text.clip_skip) == ("none", 2)
    assert [(one.path, one.weight, one.text_weight) for one in found.text.loras] == [
        (Path("/m/Lora/ink.safetensors"), 0.5, 0.5),
        (Path("/m/Lora/old/ink.safetensors"), 0.2, 0.0),
    ]
    assert [(one.name, one.tokens) for one in found.text.inversions] == [("easynegative", 75), ("toy", 1)]
    assert found.adapters == tuple(
        AdapterRecord(kind, Path(path).stem, hash_of(Path(path)))
        for kind, path in (
            ("lora", "/m/Lora/ink.safetensors"),
            ("lora", "/m/Lora/old/ink.safetensors"),
            ("embedding", "/m/embeddings/toy.safetensors"),
            ("embedding", "/m/embeddings/easynegative.safetensors"),
        )
    )
    assert any("'old/ink'" in note for note in found.notes), "two files of one name are said"
    assert any("'more/toy'" in note for note in found.notes)


def test_what_a_prompt_does_not_name_is_not_used_and_a_bare_name_of_another_family_is_text() -> None:
    found = resolved("a toyshop and a negativeXL")
    assert (found.text.loras, found.text.inversions, found.adapters, found.notes) == ((), (), (), ())


def test_the_other_of_two_files_can_be_named() -> None:
    (use,) = resolved("embedding:more/toy").text.inversions
    assert (use.path, use.name) == (Path("/m/more/toy.safetensors"), "more/toy")
    (use,) = resolved("embedding:embeddings/toy").text.inversions
    assert (use.path, use.name) == (Path("/m/embeddings/toy.safetensors"), "embeddings/toy")


@pytest.mark.parametrize(
    ("prompt", "negative", "said"),
    [
        ("<lora:imk:1>", "", "'imk', which is not in the model folders (did you mean 'ink'?)"),
        ("<lora:unheard-of:1>", "", "asks for the LoRA 'unheard-of', which is not in the model folders."),
        ("<lora:paint:1>", "", "'paint', which is for Stable Diffusion XL and not for Stable Diffusion 1.x."),
        ("<lora:loha:1>", "", "'loha', a LoHa adapter, which this program cannot apply"),
        ("<lora:torn:1>", "", "'torn', whose file cannot be read: it is empty."),
        ("embedding:toi", "", "embedding 'toi', which is not in the model folders (did you mean 'toy'?)"),
        ("", "embedding:negativeXL", "which is for Stable Diffusion XL"),
        ("", "bad <lora:ink:1>", "write it in the prompt"),
        ("<lora:easynegative:1>", "", "LoRA 'easynegative', which is not in the model folders"),
    ],
)
def test_a_lora_that_cannot_be_applied_is_never_left_out_silently(
    prompt: str, negative: str, said: str
) -> None:
    with pytest.raises(RequestError) as refused:
        resolved(prompt, negative)
    assert said in str(refused.value)
    assert refused.value.field == ("prompt" if prompt else "negative")


def test_a_lora_is_also_found_by_the_title_that_its_trainer_gave_it() -> None:
    header = CASES["kohya_lora_sd1"]().header
    named = replace(header, metadata={**header.metadata, "ss_output_name": "Inky Lines"})
    files = [ModelFile(path=Path("/m/x_v1.safetensors"), size=1, signature="", recognised=recognise(named))]
    request = GenerateRequest(prompt="<lora:inky lines:1>")
    (use,) = resolve_prompts(request, CARD, lambda: adapters_among(files), hash_of).text.loras
    assert use.path == Path("/m/x_v1.safetensors")
