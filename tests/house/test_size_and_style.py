"""Short functions, short files, few parameters; nothing that could run code from a file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from house.tree import FILES, SCRIPTS, body_lines, functions, parsed

LONGEST_FUNCTION = 40
LONGEST_FILE = 400
MEDIAN_FUNCTION = 13  # the codebases we admire lie between 5 and 13
MOST_POSITIONAL = 7

EVERYTHING = [*FILES, *SCRIPTS]


def nodes(kind: type[ast.AST] | tuple[type[ast.AST], ...], files: list[Path] = EVERYTHING) -> Iterator[tuple[str, ast.AST]]:
    """Every node of a kind, with the place where it stands."""
    for file in files:
        for node in ast.walk(parsed(file)):
            if isinstance(node, kind):
                yield f"{file}:{node.lineno}", node


def none(wrong: list[str]) -> None:
    assert not wrong, "\n".join(["", *wrong])


def test_no_function_is_longer_than_a_screen():
    sizes = [(file, f, body_lines(f)) for file in EVERYTHING for f in functions(file)]
    none([f"{file}:{f.lineno} {f.name} has {n} lines" for file, f, n in sizes if n > LONGEST_FUNCTION])


def test_no_file_is_longer_than_four_hundred_lines():
    sizes = [(file, len(file.read_text(encoding="utf-8").splitlines())) for file in EVERYTHING]
    none([f"{file} has {n} lines" for file, n in sizes if n > LONGEST_FILE])


def test_functions_are_short_in_the_middle(record_property):
    lengths = [body_lines(f) for file in FILES for f in functions(file)]
    record_property("median_function_lines", median(lengths))
    assert median(lengths) <= MEDIAN_FUNCTION


def test_few_positional_parameters():
    wrong = []
    for file in EVERYTHING:
        for f in functions(file):
            given = [a.arg for a in [*f.args.posonlyargs, *f.args.args] if a.arg not in {"self", "cls"}]
            if len(given) > MOST_POSITIONAL:
                wrong.append(f"{file}:{f.lineno} {f.name}({', '.join(given)})")
    none(wrong)


def test_no_drawer_for_odds_and_ends():
    none([str(f) for f in EVERYTHING if f.stem in {"utils", "util", "helpers", "misc", "common"}])


PICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
RUNS_CODE = {"eval", "exec", "__import__", "torch.load", "torch.save", "os.system"}


def test_nothing_imports_a_pickler():
    imported = [(at, {a.name for a in n.names} | {getattr(n, "module", None)}) for at, n in nodes((ast.Import, ast.ImportFrom))]
    none([f"{at} imports {names & PICKLERS}" for at, names in imported if names & PICKLERS])


def test_nothing_unpickles_or_runs_text():
    wrong = []
    for at, call in nodes(ast.Call):
        called = ast.unparse(call.func)
        loose = any(k.arg == "allow_pickle" and ast.unparse(k.value) != "False" for k in call.keywords)
        asked = {k.arg: ast.unparse(k.value) for k in call.keywords}
        tensors_only = called == "torch.load" and asked.get("weights_only") == "True"
        if (called in RUNS_CODE and not tensors_only) or loose:
            wrong.append(f"{at} calls {called}")
    none(wrong)


def test_nothing_guesses_by_attribute():
    none([f"{at} asks hasattr" for at, call in nodes(ast.Call) if ast.unparse(call.func) == "hasattr"])


def test_there_are_no_stubs():
    raised = [(at, ast.unparse(n.exc)) for at, n in nodes(ast.Raise) if n.exc is not None]
    none([f"{at} is a stub" for at, what in raised if "NotImplementedError" in what])


def test_no_error_is_swallowed():
    wrong = []
    for at, handler in nodes(ast.ExceptHandler):
        everything = handler.type is None or ast.unparse(handler.type) in {"Exception", "BaseException"}
        if everything and all(isinstance(s, ast.Pass | ast.Continue) for s in handler.body):
            wrong.append(f"{at} swallows every error")
    none(wrong)


def test_no_base_class_has_one_child():
    classes = {n.name: [base for b in n.bases if (base := _base_name(b)) != n.name] for _, n in nodes(ast.ClassDef, FILES)}
    children = {base: [c for c, bases in classes.items() if base in bases] for base in classes}
    # errors are a tree that users catch by its branches
    errors = {name for name in classes if _reaches(name, "TrainwellError", classes)}
    lonely = {base: c for base, c in children.items() if len(c) == 1 and base not in errors and "Protocol" not in classes[base]}
    assert not lonely


def _base_name(base: ast.expr) -> str:
    """The last name of a base; a class may be called like the torch class that it extends (`class Dropout(nn.Dropout)`)."""
    return ast.unparse(base).split("[")[0].split(".")[-1]


def _reaches(name: str, ancestor: str, classes: dict[str, list[str]]) -> bool:
    return name == ancestor or any(_reaches(base, ancestor, classes) for base in classes.get(name, []))


def test_every_module_function_and_class_that_others_see_is_described():
    silent = [f"{file} does not say what it is" for file in EVERYTHING if parsed(file).body and not described(parsed(file))]
    for file in FILES:
        seen = [n for n in parsed(file).body if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")]
        silent += [f"{file}:{n.lineno} {n.name} has no docstring" for n in seen if not described(n)]
    none(silent)


def described(node: ast.Module | ast.FunctionDef | ast.ClassDef) -> bool:
    return bool(ast.get_docstring(node))


BODIES = [("'Doc.'\n    return 1", 1), ("return 1", 1), ("'Doc.'", 0), ("return (\n1)", 2)]


@pytest.mark.parametrize(("body", "lines"), BODIES)
def test_the_ruler_measures_bodies_without_docstrings(body, lines):
    assert body_lines(ast.parse(f"def f():\n    {body}\n").body[0]) == lines
