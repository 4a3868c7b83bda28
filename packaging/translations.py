"""The catalogues of the window's languages: ``python packaging/translations.py`` brings them up to date.

It collects every template that is written out in a call of ``tr``, ``trn`` or ``message`` in ``studio``, adds the new
ones to ``resources/languages/<language>.po`` (for translators; any gettext editor opens it), drops those that are gone,
and compiles the ``.mo`` that the window reads. ``--check`` changes nothing and returns 1 where something would change
or is not translated yet.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "resources" / "languages"
KEYWORDS = {"tr": None, "message": None, "trn": (1, 2)}


def collect() -> Catalog:
    """Return a catalogue of every template in ``studio``."""
    catalog = Catalog(project="Stepwise Studio", charset="utf-8")
    found = extract_from_dir(ROOT / "studio", method_map=[("**.py", "python")], keywords=KEYWORDS)
    for name, _line, text, comments, context in found:
        catalog.add(text, locations=[(f"studio/{name}", 1)], auto_comments=comments, context=context)
    return catalog


def update(language: str, templates: Catalog) -> Catalog:
    """Return the catalogue of ``language``: its translations, for those templates that there are now."""
    path = FOLDER / f"{language}.po"
    if path.is_file():
        with path.open("rb") as file:
            catalog = read_po(file, locale=language)
    else:
        catalog = Catalog(locale=language, project="Stepwise Studio", charset="utf-8")
    catalog.update(templates, no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    return catalog


def texts(catalog: Catalog) -> tuple[bytes, bytes]:
    """Return a catalogue as the content of its ``.po`` and its ``.mo`` file; the same for the same translations."""
    po, mo = io.BytesIO(), io.BytesIO()
    write_po(po, catalog, sort_output=True, omit_header=False, include_lineno=False, width=118)
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
    catalog = update(options.language, collect())
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
