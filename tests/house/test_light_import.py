"""`import trainwell` and `trainwell --help` are light: no heavy library, under 0.3 s of CPU."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys

import pytest

HEAVY = {"torch", "polars", "sklearn", "scipy", "numpy", "pandas", "PIL", "pyarrow", "pydantic"}

LIMIT = 0.3

IMPORT = "import trainwell"
HELP = """
import sys
sys.argv = ["trainwell", "--help"]
from trainwell.cli.main import run
try:
    run()
except SystemExit as left:
    assert not left.code, left.code
"""
PRINT = "\nimport json, sys; sys.stderr.write(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"


def python(code: str, **environment: str) -> subprocess.CompletedProcess:
    settings = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | environment
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, env=settings)


def cpu_seconds(code: str) -> float:
    """The least of several runs: a neighbour on the machine can only add to it."""
    python(code)  # writes the bytecode
    best = float("inf")
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        python(code)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


@pytest.mark.parametrize("code", [IMPORT, HELP], ids=["import", "help"])
def test_no_heavy_library_is_loaded(code):
    loaded = set(json.loads(python(code + PRINT).stderr))
    assert not loaded & HEAVY


CHINESE = 'import os; os.environ["TRAINWELL_LANGUAGE"] = "zh"' + HELP


@pytest.mark.parametrize("code", [IMPORT, HELP, CHINESE], ids=["import", "help", "help in Chinese"])
def test_under_three_tenths_of_a_second(code):
    assert cpu_seconds(code) < LIMIT


def test_every_verb_shows_its_help_without_torch():
    from house.verbs import verbs

    code = HELP.replace('"--help"', '*{words}, "--help"')
    for words in verbs():
        loaded = set(json.loads(python(code.replace("{words}", repr(words)) + PRINT).stderr))
        assert not loaded & {"torch", "polars", "sklearn", "scipy"}, f"trainwell {' '.join(words)} --help"


def test_a_data_card_is_shown_without_torch(tmp_path):
    table = tmp_path / "a.csv"
    table.write_text("x,y\n" + "\n".join(f"{i % 7},{i % 2}" for i in range(60)))
    code = HELP.replace('"--help"', f'"look", {str(table)!r}, "--target", "y"')
    assert not set(json.loads(python(code + PRINT).stderr.splitlines()[-1])) & {"torch", "sklearn"}
