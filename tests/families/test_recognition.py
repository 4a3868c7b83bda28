"""Files are recognised from their headers alone, and those that look alike are told apart by the order of the rules."""

from __future__ import annotations

import itertools
import random
import tracemalloc

import pytest

from studio.families.recognition import recognise as module
from studio.families.recognition import rules
from studio.families.recognition.header import ModelHeader, Names, TensorInfo
from studio.families.recognition.kinds import Family, Kind, Source
from studio.families.recognition.recognise import Recognised, recognise
from tests.families import headers_adapters  # noqa: F401 - adds its cases
from tests.families.architectures import ldm_unet, under
from tests.families.headers import CASES, file, sdxl


def facts(found: Recognised) -> dict[str, object]:
    """What was found under the names that the cases use."""
    lora, distilled = found.lora, found.distillation
    return {
        "kind": found.kind,
        "family": found.family.value if found.family else None,
        "variant": found.variant,
        "layout": found.layout,
        "prefix": found.prefix,
        "in_channels": found.in_channels,
        "contains": found.contains,
        "missing": found.missing,
        "runs": found.runs,
        "ema": found.ema,
        "assumed": found.assumed,
        "tokens": found.tokens,
        "dtype": found.storage.dtype,
        "form": lora.form if lora else found.storage.form,
        "changes": lora.changes if lora else (),
        "rank": lora.rank if lora else 0,
        "family_source": found.family.source if found.family else None,
        "prediction": found.prediction.value if found.prediction else None,
        "prediction_source": found.prediction.source if found.prediction else None,
        "zsnr": found.zero_terminal_snr.value if found.zero_terminal_snr else None,
        "zsnr_source": found.zero_terminal_snr.source if found.zero_terminal_snr else None,
        "distillation": distilled.value.method if distilled else None,
        "distillation_source": distilled.source if distilled else None,
        "steps": distilled.value.steps if distilled else None,
        "triggers": found.description.trigger_words,
    }


def misjudged(names: list[str]) -> set[str]:
    """Return those of the cases that are not recognised as what they are."""
    wrong = set()
    for name in names:
        case = CASES[name]()
        known = facts(recognise(case.header))
        expected = case.expected | {"kind": case.kind, "family": case.family}
        if any(known[key] != value for key, value in expected.items()):
            wrong.add(name)
    return wrong


@pytest.mark.parametrize("name", CASES)
def test_a_real_file_is_recognised(name: str) -> None:
    case = CASES[name]()
    found = recognise(case.header)
    known, expected = facts(found), case.expected | {"kind": case.kind, "family": case.family}
    assert {key: known[key] for key in expected} == expected
    assert found.runs == (found.advice is None), "what does not run is explained"
    assert found.advice is None or found.advice.endswith(".")


def test_at_least_sixty_files_are_known() -> None:
    assert len(CASES) >= 60


# ------------------------------------------------------------------------------------------- the order of the rules
LOOK_ALIKES = [
    "flux1_dev",
    "flux1_fill",
    "flux2_klein_4b",
    "chroma1_hd",
    "chroma1_radiance",
    "longcat_image",
    "sd35_large_all_in_one",
    "sd35_medium",
    "sdxl_inpainting",
    "sd21_unclip",
    "anima",
    "z_image_turbo",
    "sana_1600m",
    "pixart_alpha",
    "pixart_sigma_diffusers",
    "hunyuan_image_21",
    "mage_flow",
    "qwen_image_edit_2511",
    "flux3_klein",
    "wan_21_t2v",
    "stable_video_diffusion",
    "kolors_unet",
]
"""Files for which a later rule holds as well."""


def test_rules_from_the_bottom_up_misjudge_what_looks_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    assert misjudged(LOOK_ALIKES) == set()
    monkeypatch.setattr(module, "NETWORK_RULES", rules.NETWORK_RULES[::-1])
    assert misjudged(LOOK_ALIKES) == set(LOOK_ALIKES)


@pytest.mark.parametrize(
    ("attempt", "file_name"),
    [("_network", "controlnet_sd1_with_its_base"), ("_lora", "ip_adapter_faceid_sd1"), ("_vae", "sdxl_base")],
)
def test_what_is_tried_too_early_misjudges(
    monkeypatch: pytest.MonkeyPatch, attempt: str, file_name: str
) -> None:
    assert misjudged([file_name]) == set()
    early = sorted(module.ATTEMPTS, key=lambda tried: tried.__name__ != attempt)
    monkeypatch.setattr(module, "ATTEMPTS", tuple(early))
    assert misjudged([file_name]) == {file_name}


def test_a_rule_that_reads_one_axis_wrongly_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The widths of SD 1.x and 2.x are the inputs of a layer, not its outputs."""
    wrong = [
        rules.Rule(
            Kind.NETWORK,
            (rules.Size("input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight", 0, (320,)),),
            Family.SD1,
        )
    ]
    monkeypatch.setattr(module, "NETWORK_RULES", (*wrong, *rules.NETWORK_RULES))
    assert misjudged(["sd20_base", "sd15_fine_tune_fp16"]) >= {"sd20_base"}


# --------------------------------------------------------------------------------------------------- what is stripped
@pytest.mark.parametrize("prefix", rules.PREFIXES)
def test_every_prefix_is_removed(prefix: str) -> None:
    found = recognise(file("unet.safetensors", under(prefix, ldm_unet())))
    assert (found.kind, found.prefix) == (Kind.NETWORK, prefix)
    assert found.family is not None
    assert found.family.value is Family.SD1


def test_names_of_nothing_known_are_unknown() -> None:
    found = recognise(ModelHeader(name="x.safetensors", tensors={"a.b.c": TensorInfo("F32", (3,))}))
    assert (found.kind, found.family, found.runs) == (Kind.UNKNOWN, None, False)


SHAPES = [(), (0,), (2**31,), (1,) * 8, (768,), (0, 768)]
NAMES = [
    "input_blocks.0.0.weight",
    "input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight",
    "decoder.conv_in.weight",
    "lora_unet_x.lora_down.weight",
    "lora_unet_x.lokr_w1",
    "x.hada_w1_b",
    "emb_params",
    "text_model.encoder.layers.11.mlp.fc1.weight",
    ".alpha",
    "....",
    "",
]


def test_no_name_and_no_shape_raises() -> None:
    for name, shape in itertools.product(NAMES, SHAPES):
        assert isinstance(recognise(file("x.safetensors", {name: shape})), Recognised), (name, shape)


def test_no_mixture_of_real_files_raises() -> None:
    """Half of one file's tensors, some of another's, and shapes that belong to neither."""
    chance = random.Random(11)
    pools = [list(CASES[name]().header.tensors.items())[::9] for name in list(CASES)[::5]]
    shapes = [tensor.shape for pool in pools for _, tensor in pool[:20]] + SHAPES
    for _ in range(150):
        first, second = chance.sample(pools, 2)
        mixed = dict(chance.sample(first, len(first) // 2) + chance.sample(second, min(30, len(second))))
        for name in chance.sample(list(mixed), len(mixed) // 4):
            mixed[name] = TensorInfo("F16", chance.choice(shapes))
        found = recognise(ModelHeader(name="x.safetensors", tensors=mixed))
        assert found.runs == (found.advice is None)


def test_names_of_a_hundred_segments_take_no_memory() -> None:
    deep = {
        ".".join(f"{number:x}{part}" for part in range(70)): TensorInfo("F16", (1,)) for number in range(1000)
    }
    header = ModelHeader(name="x.safetensors", tensors=deep)
    tracemalloc.start()
    try:
        recognise(header)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (
        peak < 128 * 1000 * 2**20 / 20_000
    )  # so that as many tensors as a header may have take less than 128 MB


# ------------------------------------------------------------------------------------------------------------ markers
def test_the_marker_of_a_file_wins_over_its_metadata_and_its_name() -> None:
    written = {"modelspec.prediction_type": "epsilon"}
    shapes = sdxl()
    assert (
        facts(recognise(file("x_vpred.safetensors", shapes | {"v_pred": (0,)}, metadata=written)))[
            "prediction"
        ]
        == "v"
    )
    found = facts(recognise(file("x_vpred.safetensors", shapes, metadata=written)))
    assert (found["prediction"], found["prediction_source"]) == ("eps", Source.METADATA)


def test_only_guesses_are_assumed() -> None:
    for name in ("sdxl_base", "noobai_v_prediction_by_key", "sd20_depth"):
        assert recognise(CASES[name]().header).assumed == ()
    assert recognise(CASES["sd21_fine_tune"]().header).assumed == ("prediction",)


def test_names_are_looked_up_by_their_segments() -> None:
    names = Names(
        {
            "a.b.c.weight": TensorInfo("F32", (1,)),
            "a.bc.weight": TensorInfo("F32", (2,)),
            "plain": TensorInfo("F32", ()),
        }
    )
    assert names.any_starts("a.b.")
    assert not names.any_starts("b.")
    assert names.any_ends(".c.weight")
    assert names.any_ends(".b.c.weight")
    assert not names.any_ends(".a")
    assert "c.weight" in names.under("a.b.")
    assert list(names.under("a.b.")) == ["c.weight"]
