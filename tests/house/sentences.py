"""The sentences that the package says, read from its source: texts and f-strings, with a number where a value stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import product
from pathlib import Path

#: What stands for a value; the catalogues' holes take it, those for numbers alone too.
VALUE = "7"


def said(node: ast.expr) -> list[str]:
    """Every text that an expression can be, as far as its source tells; empty where it is no literal."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return ["".join(parts) for parts in product(*map(_part, node.values))]
    if isinstance(node, ast.IfExp):
        return said(node.body) + said(node.orelse)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [a + b for a in said(node.left) for b in said(node.right)]
    return []


def _part(node: ast.expr) -> list[str]:
    if not isinstance(node, ast.FormattedValue):
        return said(node)
    value = node.value
    if isinstance(value, ast.IfExp):
        return said(value) or [VALUE]
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult) and isinstance(value.left, ast.Constant):
        return ["", str(value.left.value)]  # the s of a plural
    return [VALUE]


def told_by(file: Path, names: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Where and what: texts handed to functions of the given names, at the given place of their arguments."""
    for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call):
            continue
        name = ast.unparse(call.func)
        if name in names and len(call.args) > names[name]:
            for text in said(call.args[names[name]]):
                yield f"{file}:{call.lineno}", text
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        shown = [keywords["note"]] if name == "figure" and "note" in keywords else []
        shown += [keywords.get("heading", call.args[2])] if name == "write_page" else []
        for text in (text for value in shown for text in said(value)):
            yield f"{file}:{call.lineno}", text


def sentences_in(file: Path) -> Iterator[tuple[str, str]]:
    """Where and what: every text of several words in a file that is no docstring and in no error."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    inside = {id(part) for node in ast.walk(tree) for part in _skipped(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in inside:
            for text in said(node):
                if " " in text.strip() and sum(map(str.isalpha, text)) > 3:
                    yield f"{file}:{node.lineno}", text


def _skipped(node: ast.AST) -> list[ast.AST]:
    """Docstrings, errors with their remedies, and what lies inside an f-string, which is looked at as a whole."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and isinstance(node.body[0], ast.Expr):
        return [node.body[0].value]
    if isinstance(node, ast.Raise) or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "remedy"):
        return list(ast.walk(node))
    if isinstance(node, ast.JoinedStr):
        return [part for part in ast.walk(node) if part is not node]
    return []
