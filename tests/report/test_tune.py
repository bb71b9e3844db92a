"""What a search found, as text and as a page."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from trainwell.core.recipe import Recipe
from trainwell.core.stats import Interval
from trainwell.report.tune import leaderboard, sentences, show_tuned, value_text, write_tuning
from trainwell.study.compare import judge
from trainwell.study.tuning.result import Fresh, Tuned, frame_of
from trainwell.study.tuning.sampling import Trial


def tuned(n: int = 60) -> Tuned:
    trials = [
        Trial(
            i,
            {"learning_rate": 10.0 ** (-4 + i / 20), "model": "<mlp>" if i % 2 else "tabm"},
            "done" if i % 3 else "dropped",
            i / n,
        )
        for i in range(n)
    ]
    trials[5] = Trial(5, trials[5].params, "done", -math.inf)
    a, b = [0.8, 0.81, 0.82, 0.8, 0.83, 0.81], [0.7, 0.72, 0.71, 0.7, 0.74, 0.7]
    return Tuned(
        best=Recipe(model="mlp"),
        score=0.95,
        number=n - 1,
        params=trials[-1].params,
        metric="accuracy",
        higher_is_better=True,
        reason="because",
        trials=frame_of(trials, ["learning_rate", "model"], maximize=True),
        importance={"learning_rate": 0.8, "model": 0.2},
        space={"learning_rate": "0.0001..0.1:log", "model": "<mlp>,tabm"},
        finished=False,
        fresh=Fresh(tuple(a), tuple(b), judge(a, b, higher_is_better=True), 0.13, Interval(0.8, 0.7, 0.9, 50), None, 2),
        folder=None,
    )


def shown(found: Tuned, width: int) -> str:
    out = io.StringIO()
    show_tuned(found, console=Console(file=out, width=width))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 140])
def test_the_terminal_shows_the_best_first_and_says_what_it_is_worth(width):
    text = shown(tuned(), width)
    assert text.index(" 59") < text.index(" 58")
    assert "50 more candidates" in text
    assert "80%" in text
    flat = " ".join(text.split())
    assert "0.13 was the luck" in flat
    assert "this was look 2" in flat
    assert "time was up" in flat
    assert max(map(len, text.splitlines())) <= width


def test_the_page_escapes_draws_and_folds(tmp_path):
    path = write_tuning(tuned(), tmp_path)
    page = path.read_text()
    assert path == tmp_path / "tuning.html"
    assert "<mlp>" not in page
    assert "&lt;mlp&gt;" in page
    assert page.count("<svg") == 2  # the search, and the one key that holds numbers
    assert "20 more" in page
    assert "inf" not in page.split("<svg", 1)[1].split("</svg>")[0]


def test_dropped_candidates_are_marked():
    rows = tuned().trials.to_dicts()
    out = io.StringIO()
    Console(file=out, width=100).print(leaderboard(rows, ["learning_rate"], "accuracy"))
    assert "dropped" in out.getvalue()


def test_no_luck_is_said_as_such():
    found = tuned()
    lucky = Fresh(found.fresh.valid, found.fresh.before, found.fresh.verdict, -0.01, None, None, 0)
    said = dict(sentences(Tuned(**{**vars(found), "fresh": lucky, "finished": True})))
    assert "none of it was luck" in said["luck"]
    assert set(said) == {"best", "luck", "against the start"}


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (12345, "12,345"), (1e-5, "1e-05"), ("relu", "relu"), ([1], "[1]")]
)
def test_values_in_few_characters(value, text):
    assert value_text(value) == text


def test_the_ranking_puts_whole_budgets_before_dropped_ones_and_longer_rungs_first():
    trials = [
        Trial(0, {}, "dropped", 0.9, {1: 0.9}),
        Trial(1, {}, "dropped", 0.1, {1: 0.5, 2: 0.1}),
        Trial(2, {}, "done", 0.2, {1: 0.6, 2: 0.2, 3: 0.2}),
        Trial(3, {}, "open"),
    ]
    assert frame_of(trials, [], maximize=True)["number"].to_list() == [2, 1, 0, 3]
