"""The command line run inside the test process: exit code and both streams."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import polars as pl

from trainwell.cli.main import run

#: A network of a few hundred weights, with nothing left to measure.
TINY = ["model=mlp", "model.width=8", "model.depth=1", "preset=quick", "threads=1", "compile=off", "batch_size=32"]


class Said(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def trainwell(*words: str | Path) -> Said:
    """Run `trainwell WORDS` as its entry point does."""
    out, err, code = StringIO(), StringIO(), 0
    arguments = ["trainwell", *map(str, words)]
    streams = redirect_stdout(out), redirect_stderr(err)
    with patch.object(sys, "argv", arguments), patch.dict(os.environ), streams[0], streams[1]:  # --language sets a variable
        try:
            run()
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
    return Said(code, out.getvalue(), err.getvalue())


def done(*words: str | Path) -> Said:
    """Run a command that has to succeed."""
    said = trainwell(*words)
    assert said.code == 0, said.err
    return said


def people(path: Path, n: int = 160) -> Path:
    """A small table whose answer depends on two of its columns."""
    draw = np.random.default_rng(0)
    age, hours = draw.integers(18, 80, n), draw.integers(10, 60, n)
    income = np.where(age + hours + draw.normal(0, 10, n) > 85, "high", "low")
    pl.DataFrame({"age": age, "hours": hours, "city": draw.choice(["Oslo", "Lima"], n), "income": income}).write_csv(path)
    return path


def plain(text: str) -> str:
    """Text without line breaks and boxes, in which a sentence can be looked for."""
    return " ".join(text.replace("│", " ").split())


def like(found: Any, expected: Any, *, without: Sequence[str] = ()) -> bool:
    """Whether JSON equals what a Python call returned, leaving out what is measured anew each time."""
    from trainwell.cli.output import _finite

    def kept(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: kept(v) for k, v in value.items() if k not in without}
        return [kept(v) for v in value] if isinstance(value, list) else value

    return kept(found) == kept(json.loads(json.dumps(_finite(expected), default=str)))
