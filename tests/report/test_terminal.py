"""What is printed fits the terminal and says what the evaluation and the card say."""

from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console

from report.stories import story_about, table
from trainwell.core.stats import Interval
from trainwell.data.card import Card
from trainwell.report.terminal import (
    show_card,
    show_card_briefly,
    show_evaluation,
    show_layers,
    show_leaderboard,
    show_rates,
    sparkline,
    whisker,
)
from trainwell.train.summary import Layer


def printed(show, *given, width=80):
    out = StringIO()
    show(*given, console=Console(file=out, width=width, force_terminal=False))
    text = out.getvalue()
    assert max(map(cell_len, text.splitlines())) <= width
    return text


@pytest.fixture(scope="module", params=["classification", "regression"])
def story(request):
    return story_about(request.param)


@pytest.mark.parametrize("width", [80, 120])
def test_an_evaluation_fits_and_says_the_verdict(story, width):
    e = story.evaluation
    text = printed(show_evaluation, e, width=width)
    assert " ".join(e.gap.sentence.split()[1:4]) in text
    assert f"{e.n:,} test rows" in text
    assert text.count("●") + text.count("▸") + text.count("◂") == 1 + len(e.baselines)
    assert "…" not in text.splitlines()[4]


def test_a_card_names_every_column_and_check(story):
    text = " ".join(printed(show_card, story.card).split())
    assert all(str(c["name"])[:12] in text for c in story.card.columns)
    assert all(" ".join(c.text.split()[:4]) in text for c in story.card.checks)
    assert "to predict y" in text


def test_a_long_card_is_cut_and_says_so():
    card = Card("x", rows={"train": 2}, columns=[{"name": f"c{i}", "kind": "number"} for i in range(100)])
    assert "… 40 more" in printed(show_card, card)
    assert "PASS" in printed(show_card_briefly, card)
    assert "c1" not in printed(show_card_briefly, card)


def test_a_network_shows_its_totals():
    layers = [
        Layer("body.0", "Linear", "(B, 8)", 1000, 2000, 0.1, 1.0, 0.0),
        Layer("head", "Linear", "(B, 2)", 234, 500, 0, 1, 0),
    ]
    text = printed(show_layers, layers)
    assert "1,234" in text
    assert "2,500" in text


@pytest.mark.parametrize("width", [80, 120])
def test_every_layer_has_one_line_and_every_number_is_whole(width):
    long = Layer(
        "stages.3.blocks.11.shortcut.norm", "BatchNorm2d", "(B, 512, 128, 128)", 9_999_999, 12_345_678_901, -0.01, 0.5, 0
    )
    text = printed(show_layers, [long] * 3, width=width)
    assert len(text.splitlines()) == 5
    assert text.count("9,999,999") == 3
    assert text.count("shortcut.norm" if width == 120 else "norm") == 3
    assert text.count("12,345,678,901" if width == 120 else "12,345.7 M") == 3


def test_the_axis_of_the_range_test_is_one_line():
    text = printed(show_rates, [10 ** (i / 10 - 6) for i in range(60)], [2.0] * 60, "done")
    assert text.splitlines()[-2].endswith("learning rate")


def test_the_range_test_is_drawn():
    text = printed(show_rates, [1e-6 * 10**i for i in range(8)], [3.0, 2.9, 2.0, 1.0, 0.5, 0.7, 2.0, 9.0], "learning_rate=0.01")
    assert text.count("•") == 20
    assert "learning_rate=0.01" in text


def test_a_leaderboard_ranks_and_shows_intervals():
    rows = [{"run": "a", "accuracy": Interval(0.87, 0.86, 0.88, 9)}, {"run": "b", "accuracy": Interval(0.8, 0.79, 0.81, 9)}]
    text = printed(show_leaderboard, rows)
    assert text.index(" a ") < text.index(" b ")
    assert "0.870 (0.860 to 0.880)" in text
    assert "nothing to rank" in printed(show_leaderboard, [])


def test_small_drawings():
    assert sparkline([]) == ""
    assert sparkline([0, 8]) == " █"
    assert whisker(Interval(2, 1, 3, 9), 0, 1, 5) == "    ▸"
    assert whisker(Interval(-1, -2, 0, 9), 0, 1, 5) == "◂    "
    assert whisker(Interval(0, float("nan"), float("nan"), 1), 0, 1, 5) == "●    "
    assert table("regression").task == "regression"
