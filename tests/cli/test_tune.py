"""`trainwell tune`: searched keys beside fixed ones, the page, JSON as in Python, and words where there is no terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from trainwell.cli.tune_progress import TuningBoard
from trainwell.cli.tune_verbs import divided
from trainwell.core.recipe_file import read_recipe

from .command import TINY, done, plain, trainwell

SEARCH = ["tune", "--target", "income", *TINY, "epochs=2", "memory_format=contiguous", "lr=1e-3..1e-1:log", "model.depth=1,2"]


@pytest.fixture(scope="module")
def searched(table, tmp_path_factory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("study")
    words = [SEARCH[0], str(table), *SEARCH[1:], "--trials", "3", "--confirm", "2", "--out", str(folder)]
    return folder, words


def test_a_search_shows_its_candidates_and_the_winner(searched):
    folder, words = searched
    said = done(*words)
    assert said.err.count("candidate ") == 3
    text = plain(said.out)
    assert "accuracy" in text
    assert "fresh splits" in text
    assert "test rows" in text
    assert (folder / "tuning.html").exists()
    best = read_recipe(folder / "best.yaml")
    assert best.model.options["width"] == 8
    assert f"--config {folder / 'best.yaml'}" in said.err


def test_json_is_what_python_returns_and_the_search_goes_on(searched):
    folder, words = searched
    said = done(*words, "--json")
    assert said.json["space"] == {"learning_rate": "0.001..0.1:log", "model.depth": "1,2"}
    assert len(said.json["trials"]) == 3
    assert said.json["folder"] == str(folder)
    more = done(*[w if w != "3" else "4" for w in words], "--json")
    kept = {t["number"]: t for t in more.json["trials"]}
    assert all(kept[t["number"]] == t for t in said.json["trials"])


def test_another_space_in_the_same_folder_is_refused(searched):
    _, words = searched
    said = trainwell(*[w.replace("1,2", "1,3") for w in words])
    assert said.code == 1
    assert "space" in said.err


def test_what_is_searched_and_what_is_fixed():
    fixed, found = divided(["lr=1e-4..1e-1:log", "epochs=5", "model=mlp,tabm", "augment=[flip, crop]", "weight_decay=search"])
    assert fixed == ["epochs=5", "augment=[flip, crop]"]
    assert found == {"lr": "1e-4..1e-1:log", "model": "mlp,tabm", "weight_decay": "search"}


@pytest.mark.parametrize(("word", "code"), [("modl=1,2", 1), ("lr=3..1", 1), ("lr", 2), ("lr=1..2 lr=2..3", 2)])
def test_wrong_words_are_refused(table, tmp_path, word, code):
    said = trainwell("tune", table, "--target", "income", *word.split(), "--out", tmp_path / "x")
    assert said.code == code, said.err


def test_the_live_board_ranks_and_says_what_is_done():
    board = TuningBoard("tuning", metric="rmse", higher_is_better=lambda: False)
    out = io.StringIO()
    board.console = Console(file=out, width=90, force_terminal=True)
    with board:
        board({"split": "batch", "batch": 0, "candidates": 2})
        for number, score in enumerate((3.0, 1.0, 2.0)):
            board(
                {
                    "split": "trial",
                    "number": number,
                    "score": score,
                    "state": "done",
                    "params": {"learning_rate": 0.1},
                    "batch": 0,
                }
            )
        board({"split": "valid", "run": 1, "runs": 4, "epoch": 2.0, "step": 10})
        assert [event["number"] for event in board._ranked()] == [1, 2, 0]
        board.console.print(board._board())
    text = out.getvalue()
    assert "3 candidates scored" in text
    assert "training 2 of 4, epoch 2.0" in text
