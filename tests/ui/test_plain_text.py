"""Whatever a user or a file supplies is shown as it is: the code has no place where Qt could read it as HTML."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import studio.ui

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOW = Path(studio.ui.__file__).parent

# A name, and the one file that may use it ("" for none).
FORBIDDEN = {
    "QLabel": "labels.py",
    "setToolTip": "labels.py",
    "QWhatsThis": "",
    "setWhatsThis": "",
    "QMessageBox": "",
    "QErrorMessage": "",
    "QInputDialog": "",
    "QProgressDialog": "",
    "QTextEdit": "",
    "QTextBrowser": "",
    "QGraphicsTextItem": "",
    "QStaticText": "",
    "setHtml": "",
    "insertHtml": "",
    "appendHtml": "",
    "setMarkdown": "",
    "setOpenExternalLinks": "",
}
ONLY_FORMAT = "Qt.TextFormat.PlainText"
TIP_ROLE, TIP_MAKER = "ToolTipRole", "plain_tip"


def names_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield every name that a file uses, defines or imports, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
                yield from ((node.lineno, alias.name) for alias in aliases)
            case ast.Constant(value=str(text)) if text in FORBIDDEN:  # getattr(widget, "setHtml")
                yield node.lineno, text
            case _:
                pass


def formats_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield what is given to setTextFormat, with its line."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "setTextFormat"
        ):
            yield node.lineno, ", ".join(ast.unparse(argument) for argument in node.args)


def raw_tips_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each call that shows a tooltip of a text that nobody escaped, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("QToolTip.showText"):
            text = node.args[1] if len(node.args) > 1 else None
            if not (isinstance(text, ast.Call) and ast.unparse(text.func) == TIP_MAKER):
                yield node.lineno, "QToolTip.showText"


def faults(source: str, file: str) -> list[str]:
    """Return what in ``source`` could let Qt read a text as HTML."""
    tree = ast.parse(source)
    used = list(names_in(tree))
    found = [f"{file}:{line} {name}" for line, name in used if FORBIDDEN.get(name, file) != file]
    found += [
        f"{file}:{line} setTextFormat({given})" for line, given in formats_in(tree) if given != ONLY_FORMAT
    ]
    found += [f"{file}:{line} {name}" for line, name in raw_tips_in(tree)]
    names = {name for _, name in used}
    if TIP_ROLE in names and TIP_MAKER not in names:
        found.append(f"{file} {TIP_ROLE} without {TIP_MAKER}")
    return found


@pytest.mark.parametrize(
    "path", sorted(WINDOW.rglob("*.py")), ids=lambda path: path.relative_to(WINDOW).as_posix()
)
def test_no_file_of_the_window_lets_qt_guess_at_html(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8"), path.name) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("from PySide6.QtWidgets import QLabel", "x.py:1 QLabel"),
        ("label = QtWidgets.QLabel(text)", "x.py:1 QLabel"),
        ("class Mine(QLabel): pass", "x.py:1 QLabel"),
        ("button.setToolTip(prompt)", "x.py:1 setToolTip"),
        ("action.setToolTip('fixed')", "x.py:1 setToolTip"),
        ("getattr(button, 'setToolTip')(prompt)", "x.py:1 setToolTip"),
        ("QToolTip.showText(place, prompt)", "x.py:1 QToolTip.showText"),
        ("QToolTip.showText(place, plain_tip(a) + prompt, view)", "x.py:1 QToolTip.showText"),
        ("QtWidgets.QToolTip.showText(pos=place, text=prompt)", "x.py:1 QToolTip.showText"),
        ("QMessageBox.warning(self, 'Oh', str(error))", "x.py:1 QMessageBox"),
        ("QMessageBox(self)", "x.py:1 QMessageBox"),
        ("QInputDialog.getText(self, 'a', path)", "x.py:1 QInputDialog"),
        ("editor = QTextEdit()", "x.py:1 QTextEdit"),
        ("from PySide6.QtWidgets import QTextBrowser as Page", "x.py:1 QTextBrowser"),
        ("document.setHtml(text)", "x.py:1 setHtml"),
        ("editor.appendHtml(text)", "x.py:1 appendHtml"),
        ("label.setTextFormat(Qt.TextFormat.RichText)", "x.py:1 setTextFormat(Qt.TextFormat.RichText)"),
        ("label.setTextFormat(Qt.TextFormat.AutoText)", "x.py:1 setTextFormat(Qt.TextFormat.AutoText)"),
        ("label.setTextFormat(chosen)", "x.py:1 setTextFormat(chosen)"),
        ("if role == Qt.ItemDataRole.ToolTipRole: return prompt", "x.py ToolTipRole without plain_tip"),
    ],
)
def test_a_way_to_html_is_found(source: str, fault: str) -> None:
    assert fault in faults(source, "x.py")


@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("class PlainLabel(QLabel): pass", "labels.py"),
        ("widget.setToolTip(plain_tip(text))", "labels.py"),
        ("label.setTextFormat(Qt.TextFormat.PlainText)", "x.py"),
        ("QToolTip.showText(place, plain_tip(prompt), self.viewport())", "x.py"),
        ("editor = QPlainTextEdit(); editor.setPlainText(text)", "x.py"),
        ("if role == Qt.ItemDataRole.ToolTipRole: return plain_tip(prompt)", "x.py"),
        ("'a word on QLabel in a text'", "x.py"),
    ],
)
def test_plain_ways_are_allowed(source: str, file: str) -> None:
    assert faults(source, file) == []


def test_the_two_exceptions_are_where_they_are_said_to_be() -> None:
    for name, file in FORBIDDEN.items():
        if file:
            (path,) = WINDOW.rglob(file)
            assert name in {used for _, used in names_in(ast.parse(path.read_text(encoding="utf-8")))}
