"""The language of the window: one function that every visible text passes through.

Texts are in English in the source (``text.py`` of each feature, labels declared with options, sentences of
error classes) and are looked up with gettext in ``resources/languages/<language>.mo``; English has no catalogue.
The language is chosen once, before the first widget is created. Imports no Qt.
"""

from __future__ import annotations

import gettext
from typing import TYPE_CHECKING

from studio.folders import resources_dir
from studio.messages import Message

if TYPE_CHECKING:
    from collections.abc import Callable

LANGUAGES = {"en": "English", "ko": "한국어"}
"""The languages of the window, by code, each in its own name."""

_catalogue: gettext.NullTranslations = gettext.NullTranslations()
_disguise: Callable[[str], str] | None = None


def set_language(code: str) -> None:
    """Use the catalogue of ``code`` for every text from now on; English if there is none."""
    global _catalogue
    path = resources_dir() / "languages" / f"{code}.mo"
    if code == "en" or not path.is_file():
        _catalogue = gettext.NullTranslations()
        return
    with path.open("rb") as file:
        _catalogue = gettext.GNUTranslations(file)


def set_disguise(disguise: Callable[[str], str] | None) -> None:
    """Pass every translated text through ``disguise``: the pseudo-locale with which tests find untranslated text."""
    global _disguise
    _disguise = disguise


def system_language(ui_languages: list[str]) -> str:
    """Return the code of the first of ``ui_languages`` ("ko-KR", "en", ...) in `LANGUAGES`, or "en"."""
    for name in ui_languages:
        code = name.replace("_", "-").split("-")[0].lower()
        if code in LANGUAGES:
            return code
    return "en"


def choose_language(choice: str, ui_languages: list[str]) -> str:
    """Use the language of the preference ``choice``: a code, or "system".

    Returns:
        The code of the language in use.
    """
    code = choice if choice in LANGUAGES else system_language(ui_languages)
    set_language(code)
    return code


def tr(text: str, /, **values: object) -> str:
    """Return ``text`` in the window's language with ``values`` filled in by name.

    ``text`` is a literal template, or a `Message`, which has its own values. Values that are messages are translated
    too. A text without an entry stays in English.
    """
    template = text
    if isinstance(text, Message):
        template, values = text.template, {**text.values, **values}
    return _finish(_catalogue.gettext(template) if template else template, values)


def trn(one: str, many: str, count: int, /, **values: object) -> str:
    """Return ``one`` or ``many`` by the plural rule of the window's language, with ``{count}`` filled in."""
    return _finish(_catalogue.ngettext(one, many, count), {"count": count, **values})


def _finish(template: str, values: dict[str, object]) -> str:
    if values:
        shown = {name: tr(value) if isinstance(value, Message) else value for name, value in values.items()}
        template = template.format_map(shown)
    return template if _disguise is None else _disguise(template)
