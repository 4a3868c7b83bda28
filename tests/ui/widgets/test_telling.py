"""Toasts, banners, error cards, the noise bar: they tell what they are to tell, and go when they should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from studio.ui.theme.metrics import GRID
from studio.ui.widgets import cards
from studio.ui.widgets.cards import Banner, ErrorCard, Toast
from studio.ui.widgets.numbers import NumberField
from studio.ui.widgets.scrubber import NoiseBar
from tests.ui.widgets.hands import count, show

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from studio.ui.theme.theme import Theme


@pytest.fixture
def toast(theme: Theme, qtbot: QtBot) -> Toast:
    field = NumberField(theme, "Steps", minimum=0, maximum=9)
    window = show(qtbot, field, width=800)
    window.setFixedHeight(600)
    field.field.setFocus()
    toast = Toast(theme)
    layout = window.layout()
    assert isinstance(layout, QVBoxLayout)
    layout.addStretch(1)
    layout.addWidget(toast)
    return toast


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "_INFO_MS", 10)
    monkeypatch.setattr(cards, "_ACTION_MS", 20)


@pytest.mark.layout
def test_a_toast_lies_at_the_bottom_centre_and_stays_there(toast: Toast, qtbot: QtBot) -> None:
    window = toast.parentWidget()
    toast.show_notice("Kept.")
    for size in ((800, 600), (500, 400)):
        window.setFixedSize(*size)
        qtbot.waitUntil(lambda height=size[1]: height // 2 < toast.geometry().bottom() < height)
        assert toast.geometry().center().x() == pytest.approx(window.width() / 2, abs=1)


@pytest.mark.layout
def test_a_toast_keeps_clear_of_what_is_in_use_at_the_foot(toast: Toast) -> None:
    others = [child for child in toast.parentWidget().children() if isinstance(child, QWidget)]
    toast.show_notice("Kept. " * 60)
    QApplication.processEvents()
    assert [
        other for other in others if other is not toast and other.geometry().intersects(toast.geometry())
    ] == []


def test_a_toast_never_takes_the_focus(toast: Toast) -> None:
    before = QApplication.focusWidget()
    assert before is not None
    toast.show_notice("Moved to the trash.", action="Undo", act=lambda: None)
    assert QApplication.focusWidget() is before


@pytest.mark.parametrize(
    ("kind", "action", "milliseconds"),
    [
        ("info", "", 6_000),
        ("info", "Undo", 12_000),
        ("warn", "", 12_000),
        ("error", "", 0),
        ("error", "Retry", 0),
    ],
)
def test_how_long_a_toast_stays(toast: Toast, kind: str, action: str, milliseconds: int) -> None:
    toast.show_notice("Told.", kind=kind, action=action)
    assert (toast.lifetime.interval() if toast.lifetime.isActive() else 0) == milliseconds


@pytest.mark.usefixtures("brief")
def test_a_toast_closes_automatically(toast: Toast, qtbot: QtBot) -> None:
    with qtbot.waitSignal(toast.closed):
        toast.show_notice("Kept.")
    assert not toast.isVisible()


@pytest.mark.usefixtures("brief")
def test_a_toast_stays_while_it_is_hovered_or_focused(toast: Toast, qtbot: QtBot) -> None:
    toast.show_notice("Moved.", action="Undo", act=lambda: None)
    toast.action.setFocus()
    with qtbot.waitSignal(toast.lifetime.timeout):
        pass
    assert toast.isVisible()
    with qtbot.waitSignal(toast.closed):
        toast.parentWidget().setFocus()


def test_after_the_mouse_a_toast_stays_a_little_and_an_error_for_good(toast: Toast) -> None:
    toast.show_notice("Kept.")
    toast.lifetime.stop()
    QApplication.sendEvent(toast, QEvent(QEvent.Type.Leave))
    assert toast.lifetime.isActive()
    toast.show_notice("Failed.", kind="error")
    QApplication.sendEvent(toast, QEvent(QEvent.Type.Leave))
    assert not toast.lifetime.isActive()


def test_the_action_is_done_once_and_closes(toast: Toast, qtbot: QtBot) -> None:
    done: list[str] = []
    toast.show_notice("Moved.", action="Undo", act=lambda: done.append("undone"))
    qtbot.mouseClick(toast.action, Qt.MouseButton.LeftButton)
    assert (done, toast.isVisible()) == (["undone"], False)


def test_an_action_may_post_a_notice_itself(toast: Toast, qtbot: QtBot) -> None:
    toast.show_notice("Moved.", action="Undo", act=lambda: toast.show_notice("Restored."))
    qtbot.mouseClick(toast.action, Qt.MouseButton.LeftButton)
    assert toast.isVisible()
    assert toast.accessibleName() == "Restored."
    assert not toast.action.isVisible()


def test_the_next_notice_replaces_the_last(toast: Toast) -> None:
    toast.show_notice("Failed.", kind="error", action="Retry", details="why")
    toast.show_notice("Kept.")
    assert toast.accessibleName() == "Kept."
    assert not toast.action.isVisible()
    assert not toast.details.isVisible()
    assert toast.lifetime.isActive()


def test_close_and_escape_close(toast: Toast, qtbot: QtBot) -> None:
    toast.show_notice("Kept.")
    qtbot.mouseClick(toast.close_button, Qt.MouseButton.LeftButton)
    assert not toast.isVisible()
    toast.show_notice("Kept.")
    toast.close_button.setFocus()
    qtbot.keyClick(toast.close_button, Qt.Key.Key_Escape)
    assert not toast.isVisible()


@pytest.mark.layout
def test_opened_details_lie_within_the_window(toast: Toast, qtbot: QtBot) -> None:
    toast.show_notice("Failed.", kind="error", details="\n".join(map(str, range(200))))
    low = toast.height()
    qtbot.mouseClick(toast.details.disclosure, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: toast.height() > low + 50)
    assert toast.parentWidget().rect().contains(toast.geometry())
    qtbot.mouseClick(toast.details.disclosure, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: toast.height() == low)


@pytest.mark.layout
def test_a_long_notice_is_shown_whole(toast: Toast, qtbot: QtBot) -> None:
    toast.show_notice("Kept.")
    QApplication.processEvents()
    low = toast.height()
    toast.show_notice("The picture could not be written to the folder that you chose. " * 12)
    qtbot.waitUntil(lambda: toast.height() > low + 40)


def test_a_banner_stays_until_it_is_closed(theme: Theme, qtbot: QtBot) -> None:
    banner = Banner(theme, "This torch does not use the graphics card.", action="How to fix")
    show(qtbot, banner, width=600)
    with qtbot.waitSignal(banner.action_clicked):
        qtbot.mouseClick(banner.action, Qt.MouseButton.LeftButton)
    assert banner.isVisible()
    with qtbot.waitSignal(banner.closed):
        qtbot.mouseClick(banner.close_button, Qt.MouseButton.LeftButton)
    assert not banner.isVisible()
    other = "Something else."
    banner.set_sentence(other)
    assert banner.accessibleName() == other
    assert banner.action.isHidden()


def test_an_error_card_says_what_happened_and_then_what_to_do(theme: Theme, qtbot: QtBot) -> None:
    card = ErrorCard(theme)
    show(qtbot, card, width=500)
    happened, remedy = "The model file /a.b/c.safetensors ends too soon.", "Copy it again. Or choose another."
    card.set_error(f"{happened} {remedy}", "Traceback")
    assert (card.happened.text(), card.remedy.text()) == (happened, remedy)
    assert card.details.isVisible()
    alone = "Nothing is known of it."
    card.set_error(alone)
    assert not card.remedy.isVisible()
    assert not card.details.isVisible()
    assert card.accessibleName() == alone


def test_details_are_opened_with_the_keyboard(theme: Theme, qtbot: QtBot) -> None:
    card = ErrorCard(theme)
    show(qtbot, card, width=500)
    card.set_error("It failed.", "line 1\nline 2")
    assert not card.details.view.isVisible()
    qtbot.keyClick(card.details.disclosure, Qt.Key.Key_Space)
    assert card.details.view.isVisible()
    assert card.details.view.isReadOnly()
    card.set_error("It failed again.", "line 3")
    assert not card.details.view.isVisible()


# ---------------------------------------------------------------------------------------------------- the noise bar


def test_the_noise_bar_is_filled_in_the_colour_of_its_level(theme: Theme, qtbot: QtBot) -> None:
    bar = NoiseBar(theme)
    show(qtbot, bar)
    bar.set_progress(0.5, 0.25)
    image = bar.grab().toImage()
    assert image.height() == GRID
    middle = image.height() // 2
    filled = [x for x in range(image.width()) if image.pixel(x, middle) == theme.noise(0.25).rgb()]
    assert len(filled) == pytest.approx(image.width() / 2, abs=4)


def test_an_empty_noise_bar_is_only_its_track(theme: Theme, qtbot: QtBot) -> None:
    bar = NoiseBar(theme)
    show(qtbot, bar)
    assert count(bar.grab().toImage(), theme.noise(1)) == 0
    bar.set_progress(0, 1)
    assert count(bar.grab().toImage(), theme.noise(1)) == 0


@pytest.mark.parametrize(("fraction", "percent"), [(0.0, 0), (0.333, 33), (1.0, 100), (-2, 0), (9, 100)])
def test_the_noise_bar_is_read_out_in_per_cent(
    theme: Theme, qtbot: QtBot, fraction: float, percent: int
) -> None:
    bar = NoiseBar(theme)
    qtbot.addWidget(bar)
    bar.set_progress(fraction, 0.5)
    interface = QAccessible.queryAccessibleInterface(bar)
    assert interface.role() == QAccessible.Role.ProgressBar
    assert interface.valueInterface().currentValue() == percent
    assert interface.text(QAccessible.Text.Name) != ""


def test_only_their_buttons_take_the_focus(theme: Theme, qtbot: QtBot) -> None:
    for widget in (Banner(theme, "Told."), ErrorCard(theme), NoiseBar(theme)):
        show(qtbot, widget)
        assert widget.focusPolicy() == Qt.FocusPolicy.NoFocus
        stops = [
            child
            for child in widget.findChildren(QWidget)
            if child.isVisible() and child.focusPolicy() & Qt.FocusPolicy.TabFocus
        ]
        assert all(QAccessible.queryAccessibleInterface(stop).text(QAccessible.Text.Name) for stop in stops)
