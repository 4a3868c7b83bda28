"""The catalogues of the window's languages: ``python packaging/translations.py`` brings them up to date.

It collects every template that is written out in a call of ``tr``, ``trn`` or ``message`` in ``studio``, and what the
cards of the shipped models say of their data and licence. It adds the new ones to
``resources/languages/<language>.po`` (for translators; any gettext editor opens it), drops those that are gone, and
compiles the ``.mo`` that the window reads. ``--check`` changes nothing and returns 1 where something would change or is
not translated yet.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "resources" / "languages"
KEYWORDS = {"tr": None, "message": None, "trn": (1, 2)}
WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)
"""The date in every header: a date that moves would change the files although no text did."""


class Texts(Catalog):
    """The texts of one language, with a header that depends on nothing but the language."""

    def __init__(self, language: str) -> None:
        """Start without texts."""
        super().__init__(
            locale=language,
            project="Stepwise Studio",
            version="1",
            header_comment=f"# The texts of Stepwise Studio: {Locale.parse(language).english_name}.",
            language_team="Stepwise Studio",
            last_translator="Stepwise Studio",
            creation_date=WRITTEN,
            revision_date=WRITTEN,
            charset="utf-8",
            fuzzy=False,
        )

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        """The header's lines, without an address for bugs and the version of Babel."""
        return [
            line for line in super().mime_headers if line[0] not in ("Report-Msgid-Bugs-To", "Generated-By")
        ]


def collect() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """Yield every template in ``studio``, or its singular and plural, with the path of its module."""
    found = extract_from_dir(ROOT / "studio", method_map=[("**.py", "python")], keywords=KEYWORDS)
    for name, _line, text, _comments, _context in found:
        if text:  # tr("") asks for nothing; the empty entry is the header
            yield f"studio/{Path(name).as_posix()}", text
    for path in sorted((ROOT / "resources" / "models").glob("*/card.json")):
        card = json.loads(path.read_text(encoding="utf-8"))
        for field in ("training_data", "licence"):
            yield path.relative_to(ROOT).as_posix(), card[field]


def update(language: str) -> Texts:
    """Return the catalogue of ``language``: its translations, for those templates that there are now.

    A template without letters outside its placeholders, such as "{device}, {dtype}", is its own translation until a
    translator writes another.
    """
    path, known, catalog = FOLDER / f"{language}.po", Catalog(locale=language), Texts(language)
    if path.is_file():
        with path.open("rb") as file:
            known = read_po(file, locale=language)
    for place, text in collect():
        catalog.add(text, locations=[(place, 1)])
    for entry in catalog:
        if not entry.id:
            continue
        before = known.get(entry.id)
        if before is not None and isinstance(before.id, str) == isinstance(entry.id, str):
            entry.string = before.string
        elif not isinstance(entry.id, str):
            entry.string = ("",) * catalog.num_plurals
        if isinstance(entry.id, str) and not entry.string and not has_letters(entry.id):
            entry.string = entry.id
    return catalog


def placeholders(template: str) -> list[str]:
    """Return the placeholders of a template, sorted, each with its conversion and format."""
    parts = Formatter().parse(template)
    return sorted(f"{name}!{conversion}:{form}" for _, name, form, conversion in parts if name is not None)


def has_letters(template: str) -> bool:
    """Return whether a template has letters outside its placeholders."""
    return any(letter.isalpha() for text, *_ in Formatter().parse(template) for letter in text)


def texts(catalog: Catalog) -> tuple[bytes, bytes]:
    """Return a catalogue as the content of its ``.po`` and its ``.mo`` file; the same for the same translations."""
    po, mo = io.BytesIO(), io.BytesIO()
    write_po(po, catalog, sort_output=True, include_lineno=False, width=0)
    write_mo(mo, catalog)
    return po.getvalue(), mo.getvalue()


def untranslated(catalog: Catalog) -> list[str]:
    """Return the templates without a translation, or where one of its plural forms is missing."""
    missing = []
    for entry in catalog:
        if not entry.id:
            continue
        forms = entry.string if isinstance(entry.string, tuple | list) else (entry.string,)
        if not all(forms):
            missing.append(entry.id if isinstance(entry.id, str) else entry.id[0])
    return missing


def main(arguments: Sequence[str] | None = None) -> int:
    """Update or check the catalogues; returns 1 where ``--check`` finds something to do."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; say what is missing")
    parser.add_argument("--language", default="ko", help="the language's code (ko)")
    options = parser.parse_args(arguments)
    catalog = update(options.language)
    missing, stale = untranslated(catalog), False
    FOLDER.mkdir(parents=True, exist_ok=True)
    for suffix, content in zip(("po", "mo"), texts(catalog), strict=True):
        path = FOLDER / f"{options.language}.{suffix}"
        if not path.is_file() or path.read_bytes() != content:
            stale = True
            if not options.check:
                path.write_bytes(content)
    for template in missing:
        print(f"not translated: {template!r}", file=sys.stderr)
    print(
        f"{len(catalog)} texts, {len(missing)} not translated"
        + (", files are not up to date" if stale else "")
    )
    return int(options.check and bool(missing or stale))


if __name__ == "__main__":
    sys.exit(main())
