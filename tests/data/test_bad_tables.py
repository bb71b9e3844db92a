"""Nasty tables: each ends in finite, usable data with the oddity on the card, or in one sentence."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from trainwell.core.errors import DataError, RecipeError
from trainwell.core.recipe import Recipe
from trainwell.data.build import build
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.data.source import Source

N = 60
RNG = np.random.Generator(np.random.Philox(7))
X = RNG.normal(size=N).tolist()
Y = [("yes", "no")[i % 2] for i in range(N)]
Z = RNG.normal(size=N).tolist()


@dataclass
class Nasty:
    """A table, and what must come of it: a code on the card, words in an error, or nothing to say.

    Args:
        columns: the table; "y" is the target.
        card: code of the check that must be there.
        error: words of the `DataError` that must come instead.
        recipe: rules other than the defaults.
    """

    columns: dict[str, Any]
    card: str = ""
    error: str = ""
    recipe: dict[str, Any] = field(default_factory=dict)


def _with(cell: Any, every: int = 20, base: list[Any] | None = None) -> list[Any]:
    return [cell if i % every == 3 else value for i, value in enumerate(base or X)]


TABLES: dict[str, Callable[[], Nasty]] = {
    "no rows": lambda: Nasty({"x": [], "y": []}, error="no rows"),
    "one row": lambda: Nasty({"x": [1.0], "y": ["a"]}, error="one class"),
    "one row, number": lambda: Nasty({"x": [1.0], "y": [2.5]}, error="only the value"),
    "two rows": lambda: Nasty({"x": [1.0, 2.0], "y": ["a", "b"]}, card="parts"),
    "three rows": lambda: Nasty({"x": [1.0, 2.0, 3.0], "y": [1.5, 2.5, 3.25]}),
    "one class": lambda: Nasty({"x": X, "y": ["a"] * N}, error="one class"),
    "constant number target": lambda: Nasty({"x": X, "y": [7.5] * N}, error="only the value"),
    "empty target": lambda: Nasty({"x": X, "y": [None] * N}, error="no value"),
    "blank target": lambda: Nasty({"x": X, "y": ["  "] * N}, error="no value"),
    "target half missing": lambda: Nasty({"x": X, "y": [None, "no"] * 30}, error="one class"),
    "target with gaps": lambda: Nasty({"x": X, "y": _with(None, 7, Y)}, card="target"),
    "infinite target": lambda: Nasty({"x": X, "y": _with(math.inf, base=Z)}, card="target"),
    "nan target": lambda: Nasty({"x": X, "y": _with(math.nan, base=Z)}, card="target"),
    "text in number target": lambda: Nasty({"x": X, "y": _with("oops", base=[str(z) for z in Z])}, card="unreadable"),
    "every label different": lambda: Nasty({"x": X, "y": [f"label {i}" for i in range(N)]}, error="no class can be learnt"),
    "class of one row": lambda: Nasty({"x": X, "y": ["rare", *Y[1:]]}, card="imbalance"),
    "labels spelt twice": lambda: Nasty({"x": X, "y": ["Yes", "yes", "NO", "no."] * 15}, card="labels"),
    "list target": lambda: Nasty({"x": X, "y": [[1, 2]] * N}, error="List"),
    "date target": lambda: Nasty({"x": X, "y": [dt.date(2020, 1, 1 + i % 28) for i in range(N)]}, error="dates"),
    "all missing column": lambda: Nasty({"x": X, "gone": [None] * N, "y": Y}, card="constant"),
    "all missing everything": lambda: Nasty({"x": [None] * N, "y": Y}, error="no column is left"),
    "only the target": lambda: Nasty({"y": Y}, error="no column is left"),
    "constant column": lambda: Nasty({"x": X, "one": [1.0] * N, "y": Y}, card="constant"),
    "constant kept": lambda: Nasty({"x": X, "one": [1.0] * N, "y": Y}, recipe={"prepare": {"constant": "keep"}}),
    "mostly missing": lambda: Nasty({"x": [v if i % 10 == 0 else None for i, v in enumerate(X)], "y": Y}, card="missing"),
    "infinity": lambda: Nasty({"x": _with(math.inf), "w": _with(-math.inf), "y": Y}, card="infinite"),
    "nan": lambda: Nasty({"x": _with(math.nan), "y": Y}, card="missing"),
    "1e308": lambda: Nasty({"x": _with(1e308), "w": _with(-1e308), "y": Y}, card="huge"),
    "1e308, standard": lambda: Nasty({"x": _with(1e308), "y": Y}, "huge", recipe={"prepare": {"scale": "standard"}}),
    "1e308, none": lambda: Nasty({"x": _with(1e308), "y": Y}, "huge", recipe={"prepare": {"scale": "none"}}),
    "1e308 target": lambda: Nasty({"x": X, "y": _with(1e308, base=Z)}, card="huge"),
    "tiny numbers": lambda: Nasty({"x": [x * 1e-300 for x in X], "y": Y}),
    "denormal": lambda: Nasty({"x": [5e-324 * (i % 3) for i in range(N)], "y": Y}, recipe={"prepare": {"scale": "standard"}}),
    "int64 ends": lambda: Nasty({"x": [2**63 - 1, -(2**63)] * 30, "y": _with("a", 3, Y)}),
    "wide integers": lambda: Nasty({"x": [10**18 + i * 7919**3 for i in range(N)], "y": Y}),
    "identifier": lambda: Nasty({"x": X, "code": [f"A-{i * 7919 % 997}" for i in range(N)], "y": Y}, card="identifier"),
    "running number": lambda: Nasty({"x": X, "n": list(range(N)), "y": Y}, card="identifier"),
    "free text": lambda: Nasty({"x": X, "t": [f"it was a dark and stormy night number {i}" for i in range(N)], "y": Y}),
    "leaking copy": lambda: Nasty({"x": X * 4, "copy": Y * 4, "y": Y * 4}, card="leak"),
    "leaking number": lambda: Nasty({"x": X * 4, "v": [2 * z + 1 for z in Z * 4], "y": Z * 4}, card="leak"),
    "bad dates": lambda: Nasty(
        {"d": _with("2021-02-31", base=[f"2021-03-{1 + i % 28:02d}" for i in range(N)]), "y": Y}, "unreadable"
    ),
    "ambiguous dates": lambda: Nasty({"d": [f"{1 + i % 12:02d}/{1 + i % 11:02d}/2021" for i in range(N)], "y": Y}, "dates"),
    "dates far off": lambda: Nasty({"d": [dt.datetime(1 + 130 * i, 1, 1) for i in range(N)], "x": X, "y": Y}),
    "mixed types": lambda: Nasty({"x": X, "m": pl.Series("m", [1, "a", None, 2.5] * 15, dtype=pl.Object), "y": Y}),
    "lists": lambda: Nasty({"x": X, "l": [[1, 2]] * N, "y": Y}),
    "structures": lambda: Nasty({"x": X, "s": [{"a": 1}] * N, "y": Y}, card="unread"),
    "unicode": lambda: Nasty({"größe 📏": X, "城市": ["北京", "上海", "Ñandú"] * 20, "y": ["ß", "ẞ", "é"] * 20}),
    "control characters": lambda: Nasty({"x": X, "c": ["a\x00b", "a\nb", "a\tb"] * 20, "y": Y}),
    "lone odd name": lambda: Nasty({"": X, " ": Z, "a.b__c": X[::-1], "y": Y}),
    "all rows equal": lambda: Nasty({"x": [1.0] * N, "w": ["a"] * N, "y": Y}, error="no column is left"),
    "coarse rows": lambda: Nasty({"a": [1.5, 2.5] * 30, "b": ["u", "v", "w"] * 20, "y": _with("no", 3, Y)}, card="duplicates"),
    "conflicting labels": lambda: Nasty({"x": X[:30] * 2, "y": ["a"] * 30 + ["b"] * 30}, card="conflicts"),
    "decimal commas": lambda: Nasty({"x": [f"{x:.3f}".replace(".", ",") for x in X], "y": Y}),
    "typing errors": lambda: Nasty({"x": _with("12..5", base=[f"{x:.3f}" for x in X]), "y": Y}, card="unreadable"),
    "one label per row": lambda: Nasty({"x": X, "c": [f"c{i // 2}" for i in range(N)], "y": Y}),
    "forest": lambda: Nasty(
        {"x": _with(99.0), "w": Z, "y": Y}, recipe={"prepare": {"outlier_rule": "forest", "outliers": "drop"}}
    ),
    "drop outliers": lambda: Nasty({"x": _with(99.0), "y": Y}, "dropped", recipe={"prepare": {"outliers": "drop"}}),
}


@pytest.mark.parametrize("name", TABLES)
def test_ends_in_finite_data_or_one_sentence(name: str) -> None:
    nasty = TABLES[name]()
    source, recipe = Source(pl.DataFrame(nasty.columns, strict=False), "bad.csv"), Recipe(target="y", **nasty.recipe)
    if nasty.error:
        with pytest.raises(DataError) as caught:
            build(source, recipe)
        assert nasty.error in str(caught.value)
        assert "\n" not in str(caught.value)
        return
    data = build(source, recipe)
    assert_usable(data)
    assert not nasty.card or nasty.card in {check.code for check in data.card.checks}, str(data.card)


def assert_usable(data: Data) -> None:
    """Finite arrays, disjoint parts, codes in range, a readable card, and the same bits when encoded again."""
    rows = np.concatenate(list(data.rows.values()))
    assert len(data.rows["train"]) > 0
    assert len(np.unique(rows)) == len(rows)
    for name in (*data.shape.names, "target"):
        assert np.isfinite(data.arrays[name][rows]).all(), name
    category = data.shape.of_kind("category")
    if category is not None:
        assert data.arrays["category"].min() >= 0
        assert (data.arrays["category"].max(axis=0) < np.array(category.cardinalities)).all()
    if data.classes is not None:
        assert data.arrays["target"][rows].min() >= 0
        assert data.arrays["target"].max() < data.n_out
    again = data.preparation.encode(data.source).arrays
    assert all(np.array_equal(again[name], data.arrays[name]) for name in data.shape.names)
    assert data.card.verdict in str(data.card)


def test_five_thousand_columns() -> None:
    table = np.random.Generator(np.random.Philox(0)).normal(size=(200, 5_000))
    frame = pl.DataFrame(table, schema=[f"c{i}" for i in range(5_000)]).with_columns(y=pl.Series(["a", "b"] * 100))
    data = build(Source(frame, "wide"), Recipe(target="y"))
    assert data.shape.inputs[0].shape == (5_000,)
    assert_usable(data)


def test_hundred_thousand_categories() -> None:
    n = 200_000
    labels = [f"label {i // 2}" for i in range(n)]
    frame = pl.DataFrame({"c": labels, "x": np.arange(n) % 97 / 7, "y": np.arange(n) % 2})
    data = build(Source(frame, "tall"), Recipe(target="y"))
    assert data.shape.of_kind("category").cardinalities[0] <= 10_240
    assert_usable(data)


@pytest.mark.parametrize(
    "recipe",
    [
        {"columns": {"nope": "number"}},
        {"columns": {"c": {"missing": "mean"}}},
        {"columns": {"c": {"scale": "robust"}}},
        {"columns": {"x": {"missing": "category"}}},
        {"columns": {"x": {"fill": "much"}}},
        {"prepare": {"outlier_rule": "forest", "outliers": "clip"}},
        {"split": {"fold": 5, "folds": 5}},
    ],
)
def test_impossible_recipes_are_refused(recipe: dict[str, Any]) -> None:
    source = Source(pl.DataFrame({"x": X, "c": ["u", "v"] * 30, "y": _with("no", 3, Y)}), "t")
    with pytest.raises(RecipeError):
        build(source, Recipe(target="y", **recipe))


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ({"target": "nope"}, "no column 'nope'"),
        ({"target": None}, "not said which column"),
        ({"target": ["x", "c"]}, "number"),
        ({"columns": {"c": "number"}}, "holds no number"),
        ({"columns": {"x": "boolean"}}, "different values"),
        ({"split": {"how": "given"}}, "brings no parts"),
        ({"split": {"how": "time"}}, "needs split.by"),
        ({"split": {"how": "group", "by": "cc"}}, "no column"),
        ({"split": {"how": "column", "by": "c"}}, "not the name of a part"),
    ],
)
def test_what_the_data_lacks_is_said(recipe: dict[str, Any], words: str) -> None:
    source = Source(pl.DataFrame({"x": X, "c": ["u", "v"] * 30, "y": _with("no", 3, Y)}), "t")
    with pytest.raises(DataError, match=words):
        build(source, Recipe(**{"target": "y"} | recipe))


def test_a_target_that_a_file_without_header_cannot_have(tmp_path: Path) -> None:
    (tmp_path / "bare.csv").write_text("".join(f"{i},{i * 0.5},yes\n{i},{i * 1.5},no\n" for i in range(30)))
    with pytest.raises(DataError, match=r"no column 'answer'.*first line holds data.*column_1 to column_3"):
        load(str(tmp_path / "bare.csv"), target="answer")
