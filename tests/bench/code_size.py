"""How much code there is: files and lines of ``studio`` without blanks, comments, docstrings and imports."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]


def bench() -> Mapping[str, object]:
    """Count ``studio``, as a whole and by package."""
    files: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for path in sorted((ROOT / "studio").rglob("*.py")):
        parts = path.relative_to(ROOT / "studio").parts
        package = "/".join(parts[: 2 if parts[0] == "ui" and len(parts) > 2 else 1])
        files[package] += 1
        lines[package] += lines_of_code(path.read_text(encoding="utf-8"))
    return {
        "files": files.total(),
        "lines of code": lines.total(),
        "by package": {name: {"files": files[name], "lines of code": lines[name]} for name in sorted(files)},
    }


def lines_of_code(source: str) -> int:
    """Return the number of lines of ``source`` that hold code other than docstrings and imports."""
    left_out: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom) or _is_docstring(node):
            left_out.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    no_code = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in no_code:
            found.update(range(token.start[0], token.end[0] + 1))
    return len(found - left_out)


def _is_docstring(node: ast.AST) -> bool:
    """Tell a string that stands alone: of a module, class, function, or beneath an attribute."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
