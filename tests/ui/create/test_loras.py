"""The prompt says which LoRAs are used; the form lists them, and edits them in the prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QAbstractSlider, QApplication, QLineEdit

from studio.checkpoints.library.adapters import Adapter
from studio.families.recognition.kinds import Family, Kind
from studio.prompts.length import measure
from studio.ui.create import loras as loras_module
from studio.ui.create import text
from studio.ui.create.loras_view import MOST
from studio.ui.theme.metrics import FORM
from tests.ui.cards import SDXL, STARTER

if TYPE_CHECKING:
    from pathlib import Path

    from studio.ui.create.form_model import FormModel
    from tests.ui.program import MakePage, OpenPage


def adapter(folder: Path, name: str, *words: str, kind: Kind = Kind.LORA, tokens: int = 0) -> Adapter:
    path = folder / f"{name}.safetensors"
    return Adapter(
        name=name,
        path=path,
        kind=kind,
        prompt_name=name,
        family=Family.SDXL,
        trigger_words=words,
        tokens=tokens,
    )


@pytest.fixture
def opened(make_page: MakePage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenPage:
    found = (
        adapter(tmp_path, "ink", "ink wash", "sumi-e"),
        adapter(tmp_path, "snow"),
        adapter(tmp_path, "badhand", kind=Kind.TEXTUAL_INVERSION, tokens=6),
    )
    monkeypatch.setattr(loras_module, "adapters_for", lambda card, folders: found if card == SDXL else ())
    image = QImage(40, 60, QImage.Format.Format_RGB32)
    image.fill(0xFF8800)
    assert image.save(str(tmp_path / "ink.preview.png"))
    (tmp_path / "snow.png").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'/>")
    opened = make_page("form", STARTER, SDXL, size=(FORM, 900))
    opened.models.form.edit(model="juggernaut", prompt="a fox")
    opened.wait(lambda: opened.models.form.loras.listed)
    return opened


@pytest.fixture
def form(opened: OpenPage) -> FormModel:
    return opened.models.form


def test_each_lora_of_the_prompt_has_a_row(opened: OpenPage, form: FormModel) -> None:
    assert text.lora_weight("ink") not in opened.names
    form.edit(prompt="a fox <lora:ink:0.8> <lora:INK:0.5> <lora:other:1>")
    weight = opened.controls(text.lora_weight("ink"), QLineEdit)
    assert [field.text() for field in weight] == ["0.80"]
    assert text.missing_loras(["other"]) in opened.texts
    form.edit(model="starter")  # to which it is text
    assert text.lora_weight("ink") not in opened.names
    assert "Add LoRA" not in opened.names


def test_a_weight_edits_the_prompt_as_one_step_of_undo(opened: OpenPage, form: FormModel) -> None:
    form.edit(prompt="a fox <lora:ink:0.8>, red")
    steps = form.undo_stack.count()
    slider = opened.control(text.lora_weight("ink"), QAbstractSlider)
    for value in (17, 18, 30):
        slider.setValue(value)
    assert form.values.prompt == "a fox <lora:ink:1.5>, red"
    assert opened.widget.texts.prompt.value == form.values.prompt
    assert form.undo_stack.count() == steps + 1
    form.undo_stack.undo()
    assert form.values.prompt == "a fox <lora:ink:0.8>, red"
    field = opened.control(text.lora_weight("ink"), QLineEdit)
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "-0.25")
    assert form.values.prompt == "a fox <lora:ink:-0.25>, red"


def test_a_weight_typed_in_the_prompt_moves_the_slider(opened: OpenPage, form: FormModel) -> None:
    form.edit(prompt="<lora:ink:0.5:1.5>")
    assert opened.control(text.lora_weight("ink"), QAbstractSlider).value() == 30
    form.edit(prompt="<lora:ink:7>")  # beyond the slider
    slider = opened.control(text.lora_weight("ink"), QAbstractSlider)
    assert slider.value() == slider.maximum()
    assert form.values.prompt == "<lora:ink:7>"


def test_a_lora_is_removed_and_brought_back(opened: OpenPage, form: FormModel) -> None:
    form.edit(prompt="a fox <lora:ink:0.8>, red")
    opened.click(text.remove_lora("ink"), QAbstractButton)
    assert form.values.prompt == "a fox, red"
    form.undo_stack.undo()
    assert form.values.prompt == "a fox <lora:ink:0.8>, red"


def test_loras_that_fit_are_searched_and_added_by_keyboard(opened: OpenPage, form: FormModel) -> None:
    opened.click("Add LoRA", QAbstractButton)
    names = opened.widget.texts.lora_popover.names
    assert names.texts == ["ink", "snow"]
    search = QApplication.focusWidget()
    QTest.keyClicks(search, "SN")
    assert names.texts == ["snow"]
    QTest.keyClick(search, Qt.Key.Key_Return)
    assert form.values.prompt == "a fox <lora:snow:1>"
    assert not opened.widget.texts.lora_popover.isVisible()
    form.undo_stack.undo()
    assert form.values.prompt == "a fox"


def test_trigger_words_are_offered_until_the_prompt_has_them(opened: OpenPage, form: FormModel) -> None:
    form.edit(prompt="Sumi-E fox <lora:ink:0.8>")
    assert text.add_words("sumi-e") not in opened.names
    opened.click(text.add_words("ink wash"), QAbstractButton)
    assert form.values.prompt == "Sumi-E fox, ink wash <lora:ink:0.8>"
    assert text.add_words("ink wash") not in opened.names


def test_the_picture_beside_a_file_is_shown_and_a_broken_one_is_not(
    opened: OpenPage, form: FormModel
) -> None:
    form.edit(prompt="<lora:ink:1> <lora:snow:1>")
    ink, snow = form.loras.fitting
    opened.wait(lambda: form.loras.picture(ink) is not None)
    image = form.loras.picture(ink)
    assert image.width() == image.height() == loras_module.SIDE
    assert form.loras.picture(snow) is None


def test_more_loras_than_rows_are_counted(opened: OpenPage, form: FormModel) -> None:
    form.edit(prompt=" ".join(f"<lora:ink{number}:1>" for number in range(MOST + 2)))
    assert text.more_loras(2) in opened.texts
    assert form.fault == ""


def test_a_textual_inversion_counts_as_what_it_stands_for(opened: OpenPage, form: FormModel) -> None:
    form.edit(negative="badhand, blurry")
    expected = measure("badhand, blurry", {"badhand": 6})
    assert expected.tokens > measure("badhand, blurry").tokens
    opened.wait(lambda: form.lengths.lengths.negative == expected)
