"""Where the keyboard goes when a page is opened with it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from studio.ui.gallery.page import GalleryView
from studio.ui.views.create import CreatePage
from studio.ui.views.picture_stack import PictureStack


def give_keyboard(page: QWidget) -> None:
    """Put the keyboard where a page is worked with first."""
    if isinstance(page, CreatePage):
        page.form.focus_prompt()
    elif isinstance(page, PictureStack) and isinstance(page.under, GalleryView):
        page.under.take_keyboard()
    else:
        stops = (
            child for child in page.findChildren(QWidget) if child.focusPolicy() & Qt.FocusPolicy.TabFocus
        )
        first = next((child for child in stops if child.isVisible() and child.isEnabled()), None)
        if first is not None:
            first.setFocus(Qt.FocusReason.OtherFocusReason)
