"""Pages of studies: every number that the terminal shows, drawn where it lies."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from trainwell.core.stats import Interval
from trainwell.report.forest import Mark, intervals
from trainwell.report.study_pages import write_comparison, write_leaderboard
from trainwell.report.svg import Axis
from trainwell.study.compare import Comparison, aa_check, judge
from trainwell.study.leaderboard import Leaderboard, Place

NAN = float("nan")


def places(svg: str) -> list[float]:
    return [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', svg)]


def test_dots_stand_in_the_order_of_their_values():
    values = [0.2, 0.9, 0.5]
    found = places(intervals([Mark(f"{v}", Interval(v, v - 0.1, v + 0.1, 4), "c0") for v in values], Axis(0, 1, "score")))
    assert np.argsort(found).tolist() == np.argsort(values).tolist()


def test_what_is_not_finite_is_named_but_not_drawn():
    svg = intervals([Mark("lost", Interval(NAN, NAN, NAN, 0), "c0")], Axis(0, 1, "score"))
    assert "lost" in svg
    assert not places(svg)
    assert "nan" not in svg


def test_a_long_name_is_cut_and_whole_in_its_tip():
    name = "model=mlp model.width=1024 learning_rate=0.001 weight_decay=0.01"
    svg = intervals([Mark(name, Interval(0.5, 0.4, 0.6, 9), "c0")], Axis(0, 1, "score"))
    assert "…" in svg
    assert f'data-tip="{name}' in svg


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_a_comparison_says_on_which_side_the_change_is_better(tmp_path, higher_is_better):
    a, b = [0.91, 0.93, NAN, 0.90, 0.94, 0.92], [0.90, 0.91, 0.91, 0.89, 0.91, 0.91]
    verdict = judge(a, b, higher_is_better=higher_is_better)
    found = Comparison(("a <change>", "the recipe"), "accuracy", "valid", list(range(6)), (a, b), verdict)
    page = write_comparison(found, tmp_path).read_text()
    assert ("Right of the line" if higher_is_better else "Left of the line") in page
    assert "a &lt;change&gt;" in page
    assert "<change>" not in page
    assert len(places(page)) == 6  # the mean, and every pair in which both ended
    assert "nan" not in re.sub(r"<script.*?</script>", "", page, flags=re.S)


def test_a_leaderboard_shows_every_place_and_the_test_rows(tmp_path):
    def place(name: str, score: float, group: int) -> Place:
        return Place(name, [score] * 6, Interval(score, score - 0.02, score + 0.02, 6), group, None, 1.5, 1000, 0)

    board = Leaderboard(
        "accuracy", list(range(6)), [place("wide", 0.9, 0), place("small", 0.8, 1)], held_out=Interval(0.88, 0.86, 0.9, 99)
    )
    page = write_leaderboard(board, tmp_path).read_text()
    assert len(places(page)) == 3 + 2  # two places and the test rows; score against cost
    assert "wide on test rows" in page
    assert "wide is the best of 2" in page


def test_every_relabelling_of_few_pairs_is_tried_once():
    rng = np.random.default_rng(0)
    for n in (6, 8):
        found = aa_check(rng.normal(size=n), rng.normal(size=n), higher_is_better=True)
        assert found.relabelings == 2 ** (n - 1)
        assert found.rate <= 0.05  # exact: a permutation test at 5% has no more false alarms than that
    assert math.isclose(aa_check(np.zeros(6), np.zeros(6), higher_is_better=True).rate, 0.0)
