"""The catalogue of the Korean window is complete, up to date, and fits the texts it translates."""

from __future__ import annotations

import ast
import gettext
import importlib.util
import io
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from studio.messages import message
from studio.ui.language import set_language, tr, trn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from babel.messages.catalog import Catalog

ROOT = Path(__file__).parents[2]
PARTICLE = re.compile(r"\}(이|가|은|는|을|를|와|과|로|으로)(?=[\s.,]|$)")


def load_tool() -> ModuleType:
    """Return packaging/translations.py; the name ``packaging`` is that of an installed library."""
    spec = importlib.util.spec_from_file_location("translations", ROOT / "packaging" / "translations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tool() -> Iterator[ModuleType]:
    yield load_tool()
    sys.modules.pop("translations", None)


@pytest.fixture(scope="module")
def catalog(tool: ModuleType) -> Catalog:
    """The Korean catalogue with every template that there is now."""
    return tool.update("ko")


@pytest.fixture
def korean() -> Iterator[None]:
    set_language("ko")
    yield
    set_language("en")


def pairs(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Yield every template with its translation; the plural one where there are two."""
    for entry in catalog:
        if entry.id:
            source = entry.id if isinstance(entry.id, str) else entry.id[1]
            for translated in filter(
                None, (entry.string,) if isinstance(entry.string, str) else entry.string
            ):
                yield source, translated


def misfits(tool: ModuleType, source: str, translated: str) -> bool:
    """Return whether a translation has other placeholders, or other spaces at its ends, than its source."""
    ends = [(text[:1].isspace(), text[-1:].isspace()) for text in (source, translated)]
    return tool.placeholders(source) != tool.placeholders(translated) or ends[0] != ends[1]


def has_unsafe_particle(translated: str) -> bool:
    """Return whether a particle that depends on the sound before it follows a placeholder, without its other form."""
    return PARTICLE.search(translated) is not None


def test_every_text_is_translated(tool: ModuleType, catalog: Catalog) -> None:
    assert tool.untranslated(catalog) == []


def test_the_files_are_up_to_date(tool: ModuleType, catalog: Catalog) -> None:
    po, mo = tool.texts(catalog)
    assert (tool.FOLDER / "ko.po").read_bytes() == po
    assert (tool.FOLDER / "ko.mo").read_bytes() == mo


def test_no_text_is_written_inside_an_f_string() -> None:
    """Such a text is found by some versions of Python only."""
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in sorted((ROOT / "studio").rglob("*.py"))
        for formatted in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(formatted, ast.JoinedStr)
        for call in ast.walk(formatted)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in ("tr", "trn", "message")
        and call.args
        and isinstance(call.args[0], ast.Constant)
    ]
    assert found == []


def test_updating_twice_gives_the_same_bytes(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list(tool.collect())
    monkeypatch.setattr(tool, "collect", lambda: found)
    monkeypatch.setattr(tool, "FOLDER", tmp_path)
    assert tool.main(["--check"]) == 1, "without files there is something to do"
    assert list(tmp_path.iterdir()) == []
    tool.main([])
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    tool.main([])
    assert first == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(first) == {"ko.po", "ko.mo"}


def test_translations_keep_the_placeholders_of_their_templates(tool: ModuleType, catalog: Catalog) -> None:
    assert [pair for pair in pairs(catalog) if misfits(tool, *pair)] == []


@pytest.mark.parametrize(
    "translated", ["{steps}단계", "{step}/{steps:,}단계", "{step}/{steps}단계 ", "{step!r}/{steps}단계"]
)
def test_a_translation_that_does_not_fit_is_found(tool: ModuleType, translated: str) -> None:
    assert misfits(tool, "step {step} of {steps}", translated)
    assert not misfits(tool, "step {step} of {steps}", "{steps}단계 중 {step}단계")


def test_particles_fit_every_value(catalog: Catalog) -> None:
    """Whether a Korean particle is 이 or 가 depends on the sound before it, which a placeholder hides."""
    assert [translated for _, translated in pairs(catalog) if has_unsafe_particle(translated)] == []


def test_a_particle_that_fits_some_values_only_is_found() -> None:
    assert has_unsafe_particle("{name}을 찾을 수 없습니다.")
    assert has_unsafe_particle("{name}으로 저장했습니다.")
    assert not has_unsafe_particle("{name}을(를) 찾을 수 없습니다.")
    assert not has_unsafe_particle("{name}에 저장했습니다.")


def test_the_header_has_no_boilerplate(tool: ModuleType, catalog: Catalog) -> None:
    header = tool.texts(catalog)[0].split(b"#:")[0].decode()
    assert "fuzzy" not in header
    for boilerplate in ("FIRST AUTHOR", "FULL NAME", "EMAIL@ADDRESS", "PROJECT", "ORGANIZATION", "Babel"):
        assert boilerplate not in header


def test_gettext_reads_the_compiled_catalogue(tool: ModuleType, catalog: Catalog) -> None:
    compiled = gettext.GNUTranslations(io.BytesIO(tool.texts(catalog)[1]))
    assert compiled.info()["language"] == "ko"
    assert compiled.gettext("Cancel") == "취소"


@pytest.mark.usefixtures("korean")
def test_the_window_speaks_korean() -> None:
    assert tr("Cancel") == "취소"
    assert tr("step {step} of {steps}", step=3, steps=30) == "3/30단계"
    one, many = "{count} frame is a draft", "{count} frames are drafts"
    assert [trn(one, many, count) for count in (1, 2)] == ["초안 프레임 1개", "초안 프레임 2개"]
    reason = message("must be a whole number, not {value}", value="x")
    assert (
        tr(message("{field} {reason}.", field="steps", reason=reason)) == "steps: 정수여야 합니다(입력값: x)."
    )
