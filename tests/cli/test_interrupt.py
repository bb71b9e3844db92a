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


def heeding_ctrl_c() -> None:
    """A program that a shell starts in the background ignores Ctrl-C, and so does all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


STUDIES = [["compare", "--try", "model.dropout=0.1"], ["mislabelled"], ["ablate"]]


@pytest.mark.parametrize("words", STUDIES, ids=lambda words: words[0])
def test_ctrl_c_in_a_study_is_answered_and_leaves_130(table: Path, tmp_path: Path, words: list[str]) -> None:
    verb, *flags = words
    command = [verb, str(table), "-t", "income", *TINY, "steps=10000000", "early_stopping=0", "--out", str(tmp_path), *flags]
    command = [sys.executable, "-m", "trainwell", *command]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heeding_ctrl_c) as process:
        while not list(tmp_path.rglob("plan.json")):  # the first training has begun
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        try:
            said = process.communicate(timeout=60)[1]
        finally:
            process.kill()
    assert process.returncode == 130
    assert "interrupted; what was trained is kept" in said
    assert "Traceback" not in said
