from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from studio.engine.requests.generate import GenerateRequest
from studio.ui.create import text
from studio.ui.jobs import cost_text
from studio.ui.jobs import text as run_text
from studio.ui.jobs.run_settings import SUGGESTION
from studio.ui.theme.metrics import FORM, SECTION
from tests.ui.cards import LARGE, STARTER, WORDLESS, broken, installed, numbers, show_models

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from studio.ui.core.catalog import Catalog
    from studio.ui.create.form_model import FormModel
    from studio.ui.create.form_view import FormView
    from studio.ui.jobs.timings import Timings
    from tests.ui.program import MakePage, OpenPage


@pytest.fixture
def opened(make_page: MakePage) -> OpenPage:
    cards = (STARTER, LARGE, WORDLESS, broken("torn"))
    return make_page("form", *cards, draw=numbers(3141592653, 11, 13, 17), size=(FORM, 900))


@pytest.fixture
def view(opened: OpenPage) -> FormView:
    return opened.widget


@pytest.fixture
def form(opened: OpenPage) -> FormModel:
    return opened.models.form


@pytest.fixture
def timings(opened: OpenPage) -> Timings:
    return opened.models.timings


@pytest.fixture
def catalog(opened: OpenPage) -> Catalog:
    return opened.models.catalog


def type_into(widget: QWidget, text: str) -> None:
    widget.setFocus()
    QTest.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(widget, text)


def texts(view: QWidget) -> list[str]:
    return [label.text() for label in view.findChildren(QLabel) if label.isVisible()]


# ---------------------------------------------------------------------------------------------- edits reach the model
def test_what_is_typed_is_in_the_form(view: FormView, form: FormModel) -> None:
    type_into(view.texts.prompt.editor, "a <b>dog</b>")
    type_into(view.settings.steps.field, "250")
    type_into(view.settings.guidance.field, "22.5")
    view.settings.more.set_open(True)
    type_into(view.settings.options.controls["eta"].widget.field, "0.25")
    type_into(view.settings.seed.field, "4294967295")
    type_into(view.settings.count.field, "1")
    view.texts.disclosure.set_open(True)
    type_into(view.texts.negative.editor, "snow")
    request = form.take_request()
    assert request == GenerateRequest(
        prompt="a <b>dog</b>",
        negative="snow",
        steps=250,
        guidance=22.5,
        options={"eta": 0.25},
        seed=2**32 - 1,
    ).resolve(STARTER)


def test_the_slider_ends_before_the_field_does(view: FormView, form: FormModel) -> None:
    for slider in (view.settings.steps, view.settings.guidance):
        slider.track.setValue(slider.track.maximum())
    assert (form.values.steps, form.values.guidance) == (100, 15.0)


def test_choices_are_made_with_the_keyboard(view: FormView, form: FormModel) -> None:
    view.settings.sampler.box.setFocus()
    QTest.keyClick(view.settings.sampler.box, Qt.Key.Key_Down)
    assert form.values.sampler == "langevin"
    view.settings.more.set_open(True)
    view.settings.spacing.box.setFocus()
    QTest.keyClick(view.settings.spacing.box, Qt.Key.Key_Up)
    assert form.values.spacing == "leading"
    view.settings.model.box.setFocus()
    QTest.keyClick(view.settings.model.box, Qt.Key.Key_Down)
    assert form.values.model == "large"


def test_dice_and_lock(view: FormView, form: FormModel, qtbot: QtBot) -> None:
    qtbot.mouseClick(view.settings.seed.dice, Qt.MouseButton.LeftButton)
    assert (form.values.seed, view.settings.seed.value) == (11, 11)
    qtbot.mouseClick(view.settings.seed.lock, Qt.MouseButton.LeftButton)
    assert form.values.seed_locked
    form.undo_stack.undo()
    assert not view.settings.seed.locked


def test_only_sizes_the_model_makes_are_offered(view: FormView, form: FormModel) -> None:
    sizes = view.settings.offered_sizes
    assert not sizes.choice.isVisible()
    assert run_text.size_text(form.values.size) in texts(view)
    form.edit(model="large")
    assert sizes.choice.isVisible()
    assert not sizes.only.isVisible()
    sizes.choice.box.setFocus()
    QTest.keyClick(sizes.choice.box, Qt.Key.Key_Down)
    assert form.values.size == (128, 64)


# ----------------------------------------------------------------------------------------------- the model is shown
def test_the_form_is_shown_and_nothing_is_edited_by_that(view: FormView, form: FormModel) -> None:
    request = GenerateRequest(
        prompt="a tiger",
        negative="blue",
        model="large",
        sampler="pc",
        steps=77,
        guidance=7.5,
        seed=99,
        count=3,
    )
    form.load_request(request)
    assert form.undo_stack.count() == 1
    assert view.texts.prompt.value == "a tiger"
    assert view.texts.negative.value == "blue"
    assert view.texts.negative.isVisible()
    assert (view.settings.model.value, view.settings.sampler.value) == ("large", "pc")
    assert (view.settings.steps.value, view.settings.guidance.value) == (77, 7.5)
    assert (view.settings.seed.value, view.settings.count.value) == (99, 3)
    assert set(view.settings.options.controls) == {"predictor", "corrector_steps", "snr"}


def test_undo_brings_back_what_was_typed_without_losing_the_focus(view: FormView, form: FormModel) -> None:
    editor = view.texts.prompt.editor
    type_into(editor, "a red fox")
    form.undo_stack.undo()
    assert editor.toPlainText() == "a red "
    QTest.keyClicks(editor, "cat")
    assert form.values.prompt == "a red cat"


def test_the_suggested_prompt_is_selected_and_any_other_is_not(view: FormView, form: FormModel) -> None:
    view.focus_prompt()
    editor = view.texts.prompt.editor
    assert editor.textCursor().selectedText() == SUGGESTION
    QTest.keyClicks(editor, "a dog")
    assert form.values.prompt == "a dog"
    view.focus_prompt()
    assert not editor.textCursor().hasSelection()


def test_steps_end_at_the_schedules_times(view: FormView, form: FormModel) -> None:
    form.edit(model="large")
    type_into(view.settings.steps.field, "900")
    QTest.keyClick(view.settings.steps.field, Qt.Key.Key_Return)
    assert form.values.steps == 500
    form.edit(model="starter")
    type_into(view.settings.steps.field, "900")
    assert form.values.steps == 900


def test_the_negative_prompt_opens_where_it_holds_text_and_says_when_it_has_no_effect(
    view: FormView, form: FormModel
) -> None:
    assert not view.texts.negative.isVisible()
    form.edit(negative="snow")
    assert view.texts.negative.isVisible()
    assert view.texts.negative.isEnabled()
    form.edit(guidance=1.0)
    assert not view.texts.negative.isEnabled()
    assert run_text.no_guidance() in texts(view)
    view.texts.disclosure.set_open(False)  # the user has the last word
    form.edit(steps=10)
    assert not view.texts.negative.isVisible()


def test_a_model_without_text_disables_what_it_does_not_use(view: FormView, form: FormModel) -> None:
    form.edit(model="wordless")
    assert not view.texts.prompt.isEnabled()
    assert not view.settings.guidance.isEnabled()
    assert not view.texts.disclosure.isVisible()
    assert text.no_text() in texts(view)
    form.edit(model="starter")
    assert view.texts.prompt.isEnabled()
    assert text.no_text() not in texts(view)


def test_models_come_and_go(
    view: FormView, form: FormModel, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    def offered() -> list[str]:
        return [view.settings.model.box.itemText(row) for row in range(view.settings.model.box.count())]

    assert offered() == [card.title for card in (STARTER, LARGE, WORDLESS)]
    show_models(monkeypatch, installed(LARGE))
    with qtbot.waitSignal(catalog.changed):
        catalog.reload()
    assert offered() == ["starter", "Large"]
    assert view.foot.fault.text() == form.fault != ""
    form.edit(model="large")
    assert offered() == ["Large"]


def test_the_model_tells_about_itself_as_plain_text(view: FormView, form: FormModel, qtbot: QtBot) -> None:
    view.settings.about.set_open(True)
    shown = texts(view)
    assert {value for _, value in run_text.model_facts(STARTER)} <= set(shown)
    assert STARTER.training_data in shown
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in view.findChildren(QLabel))
    form.edit(model="large")
    qtbot.waitUntil(lambda: {value for _, value in run_text.model_facts(LARGE)} <= set(texts(view)))


# ---------------------------------------------------------------------------------------------------------- the foot
def test_generate_is_asked_for_by_its_button_alone(view: FormView, opened: OpenPage, qtbot: QtBot) -> None:
    asked: list[str] = []
    opened.models.intents.generate.connect(lambda: asked.append("generate"))
    opened.models.intents.cancel.connect(lambda: asked.append("cancel"))
    for field in (view.settings.steps.field, view.settings.seed.field, view.settings.count.field):
        field.setFocus()
        QTest.keyClick(field, Qt.Key.Key_Return)
    assert asked == []
    qtbot.mouseClick(view.foot.generate, Qt.MouseButton.LeftButton)
    assert not view.foot.cancel.isVisible()
    idle = view.foot.generate.text()
    view.foot.set_running(True)
    assert view.foot.generate.text() != idle
    qtbot.mouseClick(view.foot.generate, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(view.foot.cancel, Qt.MouseButton.LeftButton)
    assert asked == ["generate", "generate", "cancel"]
    view.foot.set_running(False)
    assert view.foot.generate.text() == idle
    assert not view.foot.cancel.isVisible()


@pytest.mark.layout
def test_what_is_wrong_stands_above_generate(view: FormView, form: FormModel) -> None:
    assert not view.foot.fault.isVisible()
    form.edit(count=4, seed=2**64 - 1)
    assert view.foot.fault.text() == form.fault != ""
    assert view.foot.fault.geometry().bottom() < view.foot.generate.geometry().top()
    assert not view.foot.generate.isEnabled()
    form.edit(count=1)
    assert not view.foot.fault.isVisible()
    assert view.foot.generate.isEnabled()


def test_the_cost_stands_beneath(view: FormView, form: FormModel, timings: Timings) -> None:
    assert view.foot.cost.text() == cost_text.cost(form.estimate)
    timings.note(
        model_sha256=STARTER.weights_sha256, device="cpu", size=(64, 64), model_calls=60, seconds=2.1
    )
    form.refresh_estimate()
    assert form.estimate.seconds == pytest.approx(2.1)
    assert view.foot.cost.text() == cost_text.cost(form.estimate)
    form.edit(count=4, guidance=1.0)
    assert view.foot.cost.text() == cost_text.cost(form.estimate)


@pytest.mark.layout
@pytest.mark.parametrize("height", [360, 560, 1200])
def test_generate_is_always_in_sight(height: int, view: FormView, form: FormModel) -> None:
    form.edit(sampler="pc", negative="snow")
    view.settings.about.set_open(True)
    view.resize(FORM, height)
    QApplication.processEvents()
    bottom = view.foot.generate.mapTo(view, view.foot.generate.rect().bottomLeft()).y()
    assert bottom < height
    assert view.width() == FORM
    assert view.area.horizontalScrollBar().maximum() == 0


# -------------------------------------------------------------------------------------------- keyboard, screen readers
def name_of(widget: QWidget) -> str:
    # Of a box Linux is told the label by a relation, and what is chosen as its name.
    spoken = QAccessible.queryAccessibleInterface(widget).text(QAccessible.Text.Name)
    return widget.accessibleName() or spoken


def focus_order(view: FormView) -> list[QWidget]:
    """Return what Tab reaches, starting at the prompt."""
    QApplication.processEvents()  # what was added is shown
    first = view.texts.prompt.editor
    first.setFocus()
    order: list[QWidget] = [first]
    while len(order) < 100:
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        widget = QApplication.focusWidget()
        if widget is first:
            return order
        order.append(widget)
    raise AssertionError("Tab goes on for ever")


def test_tab_goes_from_top_to_bottom_and_everything_has_a_name(view: FormView, form: FormModel) -> None:
    form.edit(model="large", negative="snow", sampler="langevin")
    view.settings.more.set_open(True)
    view.foot.set_running(True)
    view.resize(FORM, 700)
    order = [name_of(widget) for widget in focus_order(view)]
    # A slider and its field have one name, as have a fold and what it opens.
    assert [name for name, _ in itertools.groupby(order)] == [
        "Prompt",
        "Negative prompt",
        "Model",
        "Size",
        "Sampler",
        "Steps",
        "Guidance",
        "Seed",
        name_of(view.settings.seed.dice),
        name_of(view.settings.seed.lock),
        "Pictures",
        "More settings",
        "Passes",
        "Step size",
        "Spacing",
        name_of(view.settings.about.header),
        name_of(view.foot.generate),
        "Cancel",
    ]
    form.edit(sampler="pc")  # its options stand where those of the other stood
    names = [name for name, _ in itertools.groupby(map(name_of, focus_order(view)))]
    place = names.index("Predictor")
    assert names[place - 1 : place + 4] == [
        "More settings",
        "Predictor",
        "Corrector passes",
        "Signal-to-noise ratio",
        "Spacing",
    ]


def test_what_tab_reaches_comes_into_sight(view: FormView) -> None:
    view.resize(FORM, 400)
    for widget in focus_order(view)[:-1]:
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        view.area.ensureWidgetVisible(widget)
        assert not widget.visibleRegion().isEmpty()


# ------------------------------------------------------------------------------------------------------------- layout
@pytest.mark.parametrize("height", [700, 1500, 2100])
def test_spare_height_goes_below_the_rows(view: FormView, height: int) -> None:
    view.resize(FORM, height)
    QApplication.processEvents()
    label = next(label for label in view.findChildren(QLabel) if label.text() == "Prompt")
    editor = view.texts.prompt.editor
    assert label.mapTo(view, label.rect().topLeft()).y() < label.height() + SECTION
    gap = editor.mapTo(view, editor.rect().topLeft()).y() - label.mapTo(view, label.rect().bottomLeft()).y()
    assert gap <= SECTION


def test_the_first_screen_shows_the_main_settings_and_folds_the_others(
    view: FormView, form: FormModel
) -> None:
    settings = view.settings
    shown = (settings.model, settings.offered_sizes, settings.sampler, settings.steps, settings.guidance)
    assert all(row.isVisible() for row in (view.texts.prompt, *shown, settings.seed, settings.count))
    assert not settings.spacing.isVisible()
    assert not settings.options.isVisible()


def test_whether_more_settings_are_shown_is_remembered(view: FormView, opened: OpenPage) -> None:
    assert not opened.models.preferences.more_settings_shown
    opened.click("More settings")
    assert opened.models.preferences.more_settings_shown
    assert view.settings.spacing.isVisible()


def test_folded_settings_that_differ_from_the_defaults_are_named(view: FormView, form: FormModel) -> None:
    header = view.settings.more.header
    assert header.accessibleDescription() == ""
    form.edit_option("eta", 0.5)
    form.edit(spacing="leading")
    assert header.accessibleDescription() == text.changed_settings(form.values, STARTER) != ""


def test_an_active_negative_prompt_is_named_while_it_is_folded(view: FormView, form: FormModel) -> None:
    form.edit(negative="teeth\nand hats")
    view.texts.disclosure.set_open(False)
    assert view.texts.disclosure.header.accessibleDescription() == run_text.one_line(form.values.negative)
    form.edit(negative="")
    assert view.texts.disclosure.header.accessibleDescription() == ""


def test_opening_the_negative_prompt_puts_the_cursor_into_it(view: FormView, opened: OpenPage) -> None:
    opened.click("Negative prompt")
    assert QApplication.focusWidget() is view.texts.negative.editor
