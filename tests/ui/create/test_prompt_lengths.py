from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QAbstractButton

from studio.errors import RequestError
from studio.prompts.length import measure
from studio.ui.create import text
from studio.ui.theme.metrics import FORM
from tests.ui.cards import SDXL, STARTER

if TYPE_CHECKING:
    from studio.ui.create.form_model import FormModel
    from tests.ui.program import MakePage, OpenPage


@pytest.fixture
def opened(make_page: MakePage) -> OpenPage:
    opened = make_page("form", STARTER, SDXL, size=(FORM, 900))
    opened.models.form.edit(model="juggernaut", prompt="a photo of a fox")
    return opened


@pytest.fixture
def form(opened: OpenPage) -> FormModel:
    return opened.models.form


def counted(opened: OpenPage, prompt: str) -> None:
    opened.wait(lambda: opened.models.form.lengths.lengths.prompt == measure(prompt))


def test_tokens_are_counted_for_both_prompts_of_models_with_clip(opened: OpenPage, form: FormModel) -> None:
    counted(opened, "a photo of a fox")
    assert text.length(measure("a photo of a fox")) in opened.texts
    form.edit(prompt="fox " * 83, negative="blurry")
    counted(opened, "fox " * 83)
    shown = opened.texts
    assert text.length(measure("fox " * 83)) in shown
    assert text.length(measure("blurry")) in shown
    form.edit(model="starter")
    assert form.lengths.lengths.prompt is None
    assert text.length(measure("fox " * 83)) not in opened.texts


def test_a_foreign_script_is_said_below_the_prompt(opened: OpenPage, form: FormModel) -> None:
    form.edit(prompt="빨간 여우")
    counted(opened, "빨간 여우")
    sentence = text.foreign_scripts([measure("빨간 여우")])
    assert sentence
    assert sentence in opened.texts
    form.edit(prompt="a red fox")
    counted(opened, "a red fox")
    assert sentence not in opened.texts


@pytest.mark.parametrize("prompt", ["[a|b]", "[a:b:0.5]", "a AND b"])
@pytest.mark.parametrize("field", ["prompt", "negative"])
def test_refused_syntax_is_said_before_generate(
    prompt: str, field: str, opened: OpenPage, form: FormModel
) -> None:
    form.edit(**{field: prompt})
    assert form.fault in opened.texts
    assert not opened.control("Generate", QAbstractButton).isEnabled()
    with pytest.raises(RequestError) as caught:
        form.take_request()
    assert caught.value.field == field
    form.edit(model="starter")  # reads it as text
    assert form.fault == ""


def test_a_negative_prompt_that_is_not_read_is_not_refused(form: FormModel) -> None:
    form.edit(negative="[a|b]", guidance=1.0)
    assert form.fault == ""


def test_the_form_opens_without_tokenizer_and_torch() -> None:
    code = "import sys, studio.ui.create.form_view; print({'tokenizers', 'torch'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
