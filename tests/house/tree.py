"""The package as syntax trees: what the guards of the house look at."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "trainwell"
FILES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted(f for folder in ("scripts", "benchmarks", "examples") for f in (ROOT / folder).rglob("*.py"))

Function = ast.FunctionDef | ast.AsyncFunctionDef


def module_name(file: Path) -> str:
    """`trainwell.core.recipe` of a file."""
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in FILES}


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def functions(file: Path) -> Iterator[Function]:
    """Every function and method of a file, those inside others too."""
    return (node for node in ast.walk(parsed(file)) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    """Lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@cache
def imports(file: Path) -> tuple[tuple[str, int], ...]:
    """Every module a file imports, with the line: at the top, inside functions and for type checking alike."""
    found: list[tuple[str, int]] = []
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [(target, node.lineno) for target in _from(file, node)]
    return tuple(found)


def _from(file: Path, node: ast.ImportFrom) -> list[str]:
    base = node.module or ""
    if base == "trainwell" and [alias.name for alias in node.names] == ["__version__"]:
        return []  # a constant that every step may ask for; it brings nothing along
    if node.level:
        here = module_name(file).split(".")
        here = here if file.name == "__init__.py" else here[:-1]
        base = ".".join([*here[: len(here) - node.level + 1], *([base] if base else [])])
    # `from package import module` names a module, `from module import name` does not
    return [f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base for alias in node.names]


def at_top(file: Path) -> Iterator[ast.stmt]:
    """Statements that run when a file is imported: not those inside functions or under TYPE_CHECKING."""
    waiting: list[ast.stmt] = list(parsed(file).body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, Function) or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            continue
        yield node
        waiting[:0] = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
