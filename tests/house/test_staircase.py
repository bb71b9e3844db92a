"""A module imports only from lower steps; packages on one step never import each other; nothing goes in circles."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter

import pytest

from house.tree import FILES, MODULES, PACKAGE, ROOT, at_top, imports, module_name, parsed

STEPS = {
    "core": 0,
    "data": 1, "models": 1, "optim": 1, "score": 1,
    "doctor": 2,
    "train": 3,
    "evaluate": 4,
    "study": 5, "ship": 5,
    "report": 6,
    "cli": 7,
    "ward": 7,
}  # fmt: skip
TOP = 8  # files beside the packages: the public names, `python -m trainwell`, the published conformance checks


def step_of(module: str) -> tuple[int, str]:
    """The step of a module and the package it stands in."""
    parts = module.split(".")
    file = MODULES[module]
    package = parts[1] if len(parts) > 2 or (len(parts) == 2 and file.name == "__init__.py") else ""
    return STEPS[package] if package else TOP, package


def our_imports(file):
    return [(target, line) for target, line in imports(file) if target.split(".")[0] == "trainwell"]


def test_every_package_has_a_step():
    packages = {f.parent.name for f in PACKAGE.glob("*/__init__.py")}
    assert packages <= set(STEPS)


def test_what_is_imported_exists():
    gone = [f"{file}:{line} imports {target}" for file in FILES for target, line in our_imports(file) if target not in MODULES]
    assert not gone, "\n".join(gone)


def climbs(module: str, target: str) -> bool:
    (step, package), (below, other) = step_of(module), step_of(target)
    return below > step or (below == step and other != package)


def test_imports_only_go_down():
    wrong = [
        f"{file}:{line} imports {target}"
        for file in FILES
        for target, line in our_imports(file)
        if target in MODULES and climbs(module_name(file), target)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("module", "target"), [("trainwell.core.recipe", "trainwell.core.errors")])
def test_the_staircase_knows_up_from_down(module, target):
    assert not climbs(module, target)
    top = next(name for name in MODULES if name.startswith("trainwell.cli."))
    assert climbs(module, top)
    assert not climbs(top, module)
    neighbours = [next(name for name in MODULES if name.startswith(f"trainwell.{p}.")) for p in ("data", "models")]
    assert climbs(*neighbours)


def test_the_file_that_defines_a_thing_is_imported_never_a_package():
    wrong = [
        f"{file}:{line} imports the package {target}"
        for file in FILES
        for target, line in our_imports(file)
        if target in MODULES and MODULES[target].name == "__init__.py"
    ]
    assert not wrong, "\n".join(wrong)


def test_package_files_are_empty():
    full = [f for f in FILES if f.name == "__init__.py" and f.parent != PACKAGE and f.read_text().strip()]
    assert not full


def test_no_import_cycles():
    graph = {name: {target for target, _ in our_imports(file)} - {name} for name, file in MODULES.items()}
    graph.pop("trainwell")  # the top names everything, lazily; that nobody imports it is tested above
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


# What the wheel of a dependency is imported as, where the two names differ.
IMPORTED_AS = {"pyyaml": "yaml", "pillow": "PIL", "scikit-learn": "sklearn", "mlflow-skinny": "mlflow", "ipython": "IPython"}
#: Parts of a declared dependency: scikit-learn requires SciPy, pydantic its core.
BROUGHT_ALONG = {"scipy": "scikit-learn", "joblib": "scikit-learn", "threadpoolctl": "scikit-learn"}


def declared(lines: list[str]) -> set[str]:
    names = [re.split(r"[\[<>=~! ]", line)[0].lower() for line in lines]
    return {IMPORTED_AS.get(name, name) for name in names}


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CORE = declared(PROJECT["dependencies"]) | set(BROUGHT_ALONG)
EXTRAS = declared(
    [line for name, lines in PROJECT["optional-dependencies"].items() if name not in {"dev", "docs"} for line in lines]
)
#: Files written in the words of an extra. They import it at once, for nobody imports them at once: whoever does so, inside a
#: function, has made sure that the extra is there.
BEHIND_AN_EXTRA = {
    *(f"trainwell.ship.serve.{name}" for name in ("app", "protocol", "request_body", "server", "state")),
    "trainwell.report.board.serve",
}
USERS_OWN = {"pandas", "pyarrow", "timm", "torchvision"}  # looked for in what the user hands over, never required


def library_imports(file):
    """Every library a file imports: its name, the line, and whether importing the file imports it."""
    top = {id(node) for node in at_top(file)}
    for node in ast.walk(parsed(file)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        for name in {n.split(".")[0] for n in names} - set(sys.stdlib_module_names) - {"trainwell"}:
            yield name, node.lineno, id(node) in top


def test_every_library_is_a_declared_dependency_and_extras_are_imported_on_first_use():
    wrong = [
        f"{file}:{line} imports {name}, which the core install does not bring"
        for file in FILES
        for name, line, at_once in library_imports(file)
        if name not in (CORE if at_once and module_name(file) not in BEHIND_AN_EXTRA else CORE | EXTRAS | USERS_OWN)
    ]
    assert not wrong, "\n".join(wrong)


def test_what_needs_an_extra_is_imported_on_first_use():
    assert set(MODULES) >= BEHIND_AN_EXTRA
    wrong = [
        f"{file}:{node.lineno} imports {node.module} at once"
        for file in FILES
        if module_name(file) not in BEHIND_AN_EXTRA
        for node in at_top(file)
        if isinstance(node, ast.ImportFrom)
        and {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)} & BEHIND_AN_EXTRA
    ]
    assert not wrong, "\n".join(wrong)
