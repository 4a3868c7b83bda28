"""Emphasis and clip skip: settings of models that read prompts with CLIP, in the form, in comparisons and in forks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLineEdit

from studio.ui.create import text
from studio.ui.jobs.run_settings import FormValues, fitted, read_values, with_request
from studio.ui.theme.metrics import FORM
from tests.ui.cards import SD1, SDXL, STARTER

if TYPE_CHECKING:
    from studio.ui.create.form_model import FormModel
    from tests.ui.program import MakePage, OpenPage


@pytest.fixture
def opened(make_page: MakePage) -> OpenPage:
    opened = make_page("form", STARTER, SD1, SDXL, size=(FORM, 900))
    opened.models.form.edit(model="dreamshaper")
    opened.click("More settings")
    return opened


@pytest.fixture
def form(opened: OpenPage) -> FormModel:
    return opened.models.form


def test_they_are_offered_for_models_with_clip_alone(opened: OpenPage, form: FormModel) -> None:
    assert {"Emphasis", "Clip skip"} <= opened.names
    for name, kind in (("Emphasis", QComboBox), ("Clip skip", QLineEdit)):
        assert opened.control(name, kind).accessibleDescription()
    form.edit(model="starter")
    assert not {"Emphasis", "Clip skip"} & opened.names


def test_what_is_chosen_is_requested_undone_and_named_while_folded(opened: OpenPage, form: FormModel) -> None:
    emphasis, skip = opened.control("Emphasis", QComboBox), opened.control("Clip skip", QLineEdit)
    emphasis.setFocus()
    QTest.keyClick(emphasis, Qt.Key.Key_Down)
    skip.setFocus()
    QTest.keyClick(skip, Qt.Key.Key_Up)
    request = form.take_request()
    assert (request.emphasis, request.clip_skip) == ("comfyui", 2)
    assert "ComfyUI" in text.changed_settings(form.values, form.card)
    form.undo_stack.undo()
    form.undo_stack.undo()
    request = form.take_request()
    assert (request.emphasis, request.clip_skip) == ("a1111", 1)
    assert text.changed_settings(form.values, form.card) == ""


def test_a_default_follows_the_model_and_an_own_value_stays(form: FormModel) -> None:
    assert form.take_request().clip_skip == 1
    form.edit(model="juggernaut")
    assert form.take_request().clip_skip == 2
    form.edit(clip_skip=3)
    form.edit(model="dreamshaper")
    assert form.take_request().clip_skip == 3
    form.edit(model="starter")
    assert form.take_request().clip_skip is None
    form.edit(model="juggernaut")
    assert form.take_request().clip_skip == 3


def test_they_are_kept_and_unusable_ones_are_dropped() -> None:
    values = FormValues(emphasis="none", clip_skip=4)
    assert read_values(values.to_dict(), FormValues()) == values
    for saved in ({"emphasis": "loud"}, {"clip_skip": 0}, {"clip_skip": "2"}):
        assert read_values(values.to_dict() | saved, FormValues()) in (
            FormValues(emphasis="none"),
            FormValues(clip_skip=4),
        )
    assert fitted(FormValues(clip_skip=12, width=512, height=512), SD1).clip_skip == 12
    most = SD1.text_defaults.largest_clip_skip
    assert fitted(FormValues(clip_skip=most + 1, width=512, height=512), SD1).clip_skip is None


def test_a_picture_brings_them_back(form: FormModel) -> None:
    form.edit(emphasis="comfyui", clip_skip=2)
    request = form.take_request()
    usual, _ = with_request(FormValues(), request, SD1)
    assert (usual.emphasis, usual.clip_skip) == ("comfyui", 2)
    form.undo_stack.undo()
    values, _ = with_request(FormValues(emphasis="none", clip_skip=5), form.take_request(), SD1)
    assert (values.emphasis, values.clip_skip) == (None, None)


def test_each_run_of_a_comparison_has_its_own(make_page: MakePage) -> None:
    opened = make_page("compare", SD1)
    columns = opened.widget.columns
    place = len(columns.columns) - 1
    columns.edit(place, emphasis="none", clip_skip=2)
    requests = columns.take_request().requests
    assert (requests[0].emphasis, requests[0].clip_skip) == ("a1111", 1)
    assert (requests[place].emphasis, requests[place].clip_skip) == ("none", 2)
    assert len(opened.controls("Clip skip", QLineEdit)) == len(requests)
