"""A signal while training: saved, said, left in time, and continued."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainwell.train.checkpoint import checkpoints
from trainwell.train.run import Run

from .command import TINY, Said, done

LONG = ["validate_every=20", "early_stopping=0", "--no-report"]


def stopped(table: Path, out: Path, number: int, steps: int) -> tuple[Said, float]:
    """A training that is sent a signal right after its first validation; and the seconds from the signal to its end."""
    words = ["fit", str(table), "-t", "income", "--out", str(out), *TINY, *LONG, f"steps={steps}"]
    command = [sys.executable, "-m", "trainwell", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        seen = ""
        while "step 20/" not in seen:
            line = process.stderr.readline()
            assert line, seen
            seen += line
        process.send_signal(number)
        sent = time.monotonic()
        out_text, err_text = process.communicate(timeout=60)
        return Said(process.returncode, out_text, seen + err_text), time.monotonic() - sent


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_leaves_within_two_seconds(table: Path, tmp_path: Path, number: int, code: int) -> None:
    said, seconds = stopped(table, tmp_path / "run", number, steps=10_000_000)
    assert said.code == code
    assert seconds < 2
    assert "Traceback" not in said.err
    assert f"trainwell fit {tmp_path / 'run'}" in said.err
    assert said.out == ""
    assert len(checkpoints(tmp_path / "run/checkpoints")) >= 1
    assert Run.open(tmp_path / "run").status == "interrupted"


def test_fit_run_continues_where_it_stopped(table: Path, tmp_path: Path) -> None:
    stopped(table, tmp_path / "run", signal.SIGTERM, steps=4000)
    at = Run.open(tmp_path / "run").history.rows[-1]["step"]
    assert at < 4000
    said = done("fit", tmp_path / "run", "--no-report")
    assert "finished after 4,000 of 4,000 steps" in said.err
    steps = Run.open(tmp_path / "run").history.column("step", split="valid")
    assert steps == list(range(20, 4001, 20))
