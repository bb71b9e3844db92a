"""Honest data pass; a preparation, a training and a target that leak are each found out by the check that is there for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trainwell.core.errors import DataError
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.data.source import Source
from trainwell.evaluate.looks import note_look
from trainwell.score.predictions import Predictions
from trainwell.study.honesty import (
    against_chance,
    honesty,
    looks_check,
    poisoned,
    preparation_check,
    shuffled,
    shuffled_check,
    training_check,
    with_given_parts,
)

TINY = Recipe(model={"name": "mlp", "width": 16, "depth": 1}, epochs=15, batch_size=32, threads=1, compile="off", lr=0.03)


def table(n: int = 160) -> pl.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=n)
    return pl.DataFrame(
        {
            "x": np.where(draw.random(n) < 0.1, None, x),
            "word": draw.choice(["a", "b", "c"], n),
            "count": draw.integers(0, 50, n),
            "yes": draw.random(n) < 0.5,
            "who": [f"p{i // 4}" for i in range(n)],
            "y": np.where(x + draw.normal(0, 0.5, n) > 0, "up", "down"),
        }
    )


def leaking(data: Data, change) -> Data:
    """Data that are rebuilt by code with a fault."""
    return replace(data, rebuild=lambda source, recipe: change(data.rebuild, source, recipe))


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"split": {"how": "group", "by": "who"}},
        {"prepare": {"outliers": "drop", "scale": "quantile", "duplicates": "drop"}},
        {"prepare": {"scale": "robust", "missing": "mean", "rare": 5}, "split": {"sample": 0.5}},
    ],
    ids=["plain", "group", "drop", "sample"],
)
def test_honest_preparation_passes(rules: dict) -> None:
    data = load(table(), target="y", recipe=Recipe(**rules))
    assert preparation_check(data).verdict == "PASS"
    assert training_check(TINY.but(target="y", **rules), data).verdict == "PASS"


def test_pictures_and_numbers_as_targets_pass() -> None:
    digits = load("digits")
    assert preparation_check(digits).verdict == "PASS"
    numbers = load(table().drop("y").with_columns(y=pl.col("count") * 0.5), target="y")
    assert preparation_check(numbers).verdict == "PASS"


def test_a_preparation_fitted_on_all_rows_is_found() -> None:
    def all_rows(build, source: Source, recipe: Recipe) -> Data:
        everything = build(replace(source, parts=np.full(len(source), "train")), recipe)
        return replace(build(source, recipe), preparation=everything.preparation, arrays=everything.arrays)

    assert preparation_check(leaking(load(table(), target="y"), all_rows)).verdict == "FAIL"


def test_a_training_on_test_rows_is_found() -> None:
    def mixed(build, source: Source, recipe: Recipe) -> Data:
        data = build(source, recipe)
        rows = data.rows
        return replace(data, rows=rows | {"train": np.sort(np.concatenate([rows["train"], rows["test"][:3]]))})

    assert training_check(TINY, leaking(load(table(), target="y"), mixed)).verdict == "FAIL"


def test_shuffled_targets_score_at_chance_and_an_echo_of_the_target_does_not() -> None:
    def echo(build, source: Source, recipe: Recipe) -> Data:
        return build(replace(source, frame=source.frame.with_columns(echo=pl.col("y") == "up")), recipe)

    data = load(table(), target="y", recipe=Recipe(prepare={"leaks": "keep"}))
    recipe = TINY.but(target="y", prepare__leaks="keep")
    assert shuffled_check(recipe, data, "accuracy", shuffles=2).verdict == "PASS"
    assert shuffled_check(recipe, leaking(data, echo), "accuracy", shuffles=2).verdict == "FAIL"


def test_shuffling_keeps_the_targets_and_moves_them() -> None:
    data = load(table(), target="y")
    other = shuffled(data, 0)
    assert sorted(other.source.frame["y"]) == sorted(data.source.frame["y"])
    assert (other.source.frame["y"] != data.source.frame["y"]).any()
    assert other.source.frame.drop("y").equals(data.source.frame.drop("y"))


def test_chance_is_the_score_of_answers_that_know_nothing() -> None:
    draw = np.random.default_rng(0)
    p_values = []
    for _ in range(40):
        target = draw.integers(0, 3, 60)
        blind = Predictions("classification", draw.dirichlet(np.ones(3), 60), target)
        p_values.append(against_chance([blind], "accuracy")[2])
    assert np.mean(np.array(p_values) <= 0.2) <= 0.2 + 3 * np.sqrt(0.2 * 0.8 / 40)


def test_poison_reaches_every_cell_but_those_of_other_parts_and_keeps_the_classes() -> None:
    data = load(table(), target="y")
    source, _ = with_given_parts(data)
    bad = poisoned(source, ("valid", "test"), ["y"])
    kept = pl.Series(source.parts == "train")
    assert bad.frame.filter(kept).equals(source.frame.filter(kept))
    for name in ("word", "count", "who"):
        assert not set(bad.frame.filter(~kept)[name]) & set(source.frame[name])
    assert set(bad.frame["y"]) == set(source.frame["y"])


def test_all_checks_together(tmp_path: Path) -> None:
    data = load(table(), target="y")
    found = honesty(TINY.but(epochs=2), data, repeats=3, shuffles=1, folder=tmp_path)
    assert found.passed
    assert [check.code for check in found.checks] == ["preparation", "training", "shuffled", "a/a", "looks"]
    assert (tmp_path / "honesty.json").exists()
    with pytest.raises(DataError, match="no test rows"):
        honesty(TINY.but(split__test=0.0), data)


def test_many_looks_are_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINWELL_CACHE", str(tmp_path))
    data = load(table(), target="y")
    rows, draw = data.rows["test"], np.random.default_rng(0)
    assert looks_check(data).verdict == "PASS"
    for _ in range(20):
        output = draw.dirichlet(np.ones(2), len(rows))
        note_look(data, Predictions("classification", output, data.arrays["target"][rows]), "x")
    assert looks_check(data).verdict == "WARN"
