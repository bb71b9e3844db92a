"""The bar never runs over its line, and what matters most stays on it."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from trainwell.cli.progress import TrainingProgress, fitting

ROWS = [
    {"split": "plan", "step": 0, "steps": 400, "text": "1 thread chosen"},
    {"split": "valid", "step": 1, "epoch": 0.1, "loss": 0.7, "accuracy": 0.51, "auroc": 0.5, "best": True},
    {"split": "train", "step": 200, "epoch": 123.4, "loss": 0.01234, "learning_rate": 0.1, "seconds": 1.0},
    {"split": "valid", "step": 400, "epoch": 246.8, "loss": 1.23456, "accuracy": 0.98765, "auroc": 0.99, "best": False},
]


@given(pieces=st.lists(st.text(min_size=1, max_size=12), max_size=6), room=st.integers(0, 60))
def test_the_first_pieces_that_fit_are_shown(pieces: list[str], room: int) -> None:
    line = fitting(pieces, room)
    assert cell_len(line) <= room
    shown = next(n for n in range(len(pieces) + 1) if "  ".join(pieces[:n]) == line)
    assert shown == len(pieces) or cell_len("  ".join(pieces[: shown + 1])) > room


@pytest.mark.parametrize("width", [80, 100, 160])
def test_a_terminal_shows_losses_on_one_line(width: int) -> None:
    screen = StringIO()
    progress = TrainingProgress("training")
    progress.console = Console(file=screen, force_terminal=True, width=width, legacy_windows=False)
    with progress:
        for row in ROWS:
            progress(row)
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue()))
    assert max(map(len, lines)) <= width
    assert "valid loss 1.23  train loss 0.0123" in lines[-2]
    assert ("accuracy" in lines[-2]) == (width > 80)


def test_without_a_terminal_each_validation_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingProgress("training") as progress:
        for row in ROWS:
            progress(row)
    first, last = [line for line in capsys.readouterr().err.splitlines() if line.startswith("epoch")]
    assert first.split("  ")[-4:] == ["valid loss 0.7", "accuracy 0.51", "auroc 0.5", "*"]
    assert "train loss 0.01234  valid loss 1.235" in last


def test_large_scores_are_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingProgress("training") as progress:
        progress(ROWS[0])
        progress({**ROWS[-1], "loss": 0.5, "rmse": 60_131.7})
    assert "rmse 60,132" in capsys.readouterr().err
