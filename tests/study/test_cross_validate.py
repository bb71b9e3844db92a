"""Cross-validation judges every row once by a network that never saw it, and its interval is the corrected one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.score.registry import metrics
from trainwell.study.cross_validate import cross_validate, fold_of, only
from trainwell.study.intervals import corrected_interval

TINY = Recipe(model={"name": "mlp", "width": 8, "depth": 1}, epochs=2, batch_size=32, threads=1, compile="off")


def groups(n: int = 90) -> dict[str, list[object]]:
    draw = np.random.default_rng(0)
    x = draw.normal(size=n)
    return {"x": x.tolist(), "who": [f"p{i // 6}" for i in range(n)], "y": (x + draw.normal(size=n)).tolist()}


def test_every_row_is_judged_once_per_repeat_and_pooled_scores_are_those_of_all_of_them(tmp_path: Path) -> None:
    data = load("iris")
    found = cross_validate(TINY, data, folds=3, repeats=2, folder=tmp_path)
    assert [rows.tolist() for rows in found.judged] == [list(range(150))] * 2
    for p in found.out_of_fold:
        assert (p.target == data.arrays["target"]).all()
    single = [metrics["accuracy"](p) for p in found.out_of_fold]
    assert found.pooled["accuracy"].value == pytest.approx(np.mean(single))
    # Folds of one size: their mean is the score of all rows.
    assert found.scores["accuracy"].value == pytest.approx(np.mean(single))
    assert found.scores["accuracy"].n == 6
    assert {f.rows["train"] + f.rows["valid"] + f.rows["test"] for f in found.folds} == {150}
    kept = pl.read_parquet(tmp_path / "out-of-fold.parquet")
    assert (kept["prediction"] == kept["target"]).mean() == pytest.approx(single[0])
    assert "over 3 stratified folds x 2 repeats" in str(found)


def test_a_test_fold_changes_nothing_of_its_network() -> None:
    """Poisoned targets and inputs in the test fold: the weights of that fold's network stay the same bits."""
    from trainwell.train.many import fit_orders

    data = load(groups(), target="y")
    recipe = fold_of(TINY.but(metrics=["rmse"]), 1, 3)
    rows = data.under(recipe).rows["test"]
    poison = data.source.frame.with_row_index().with_columns(
        pl.when(pl.col("index").is_in(rows.tolist())).then(1e6 + pl.col("index")).otherwise(pl.col(name)).alias(name)
        for name in ("x", "y")
    )
    poisoned = data.rebuild(replace(data.source, frame=poison.drop("index")), data.recipe)
    one, two = (fit_orders([(recipe, 0)], d)[0] for d in (data, poisoned))
    assert one.preparation.digest() == two.preparation.digest()
    for a, b in zip(one.network.state_dict().values(), two.network.state_dict().values(), strict=True):
        assert (a == b).all()


def test_groups_stay_in_one_fold() -> None:
    data = load(groups(), target="y")
    recipe = TINY.but(split__how="group", split__by="who")
    found = cross_validate(recipe, data, folds=3)
    who = data.source.frame["who"].to_numpy()
    seen = [set(who[data.under(fold_of(recipe, k, 3)).rows["test"]]) for k in range(3)]
    assert not seen[0] & seen[1]
    assert set().union(*seen) == set(who)
    assert found.rows == 90
    assert list(found.frame().columns) == ["row", "target", "prediction"]


def test_time_folds_leave_the_first_block_unjudged() -> None:
    data = load(groups() | {"t": list(range(90))}, target="y")
    found = cross_validate(TINY.but(split__how="time", split__by="t"), data, folds=4)
    assert (found.rows, found.judged[0].tolist()) == (72, list(range(18, 90)))
    with pytest.raises(UsageError, match="only one way"):
        cross_validate(TINY.but(split__how="time", split__by="t"), data, repeats=2)


def test_the_inner_choice_never_holds_a_row_of_the_outer_fold() -> None:
    data = load(groups(), target="y")
    handed: list[set[float]] = []

    def choose(recipe: Recipe, others: Data) -> Recipe:
        handed.append(set(others.source.frame["x"]))
        assert len(others.rows["test"]) == 0
        return recipe.but(model__width=(6, 7, 9)[len(handed) - 1])

    found = cross_validate(TINY, data, folds=3, choose=choose)
    x = data.source.frame["x"].to_numpy()
    for fold, others in enumerate(handed):
        tested = x[data.under(fold_of(TINY, fold, 3)).rows["test"]]
        assert not others & set(tested)
        assert len(others) + len(tested) == 90
    assert [fold.chosen for fold in found.folds] == [{"model.width": w} for w in (6, 7, 9)]


def test_only_knows_no_other_row() -> None:
    data = load("digits")
    few = only(data, np.arange(100, 200), Recipe(split={"test": 0}))
    assert len(few) == 100
    assert (few.source.arrays["picture"] == data.source.arrays["picture"][100:200]).all()


def test_the_corrected_interval_of_nadeau_and_bengio() -> None:
    """Ten-fold: the variance is (1/10 + 1/9) S² instead of S²/10, so the interval is √(19/9) as wide."""
    scores = np.random.default_rng(0).normal(0.9, 0.02, 10)
    found = corrected_interval(scores.tolist(), 1 / 9)
    low, high = stats.t.interval(0.95, 9, loc=scores.mean(), scale=stats.sem(scores))
    assert found.high - found.low == pytest.approx((high - low) * np.sqrt(19 / 9))
    assert corrected_interval(scores.tolist(), 0.0).low == pytest.approx(low)


def test_more_repeats_never_promise_certainty() -> None:
    endless = corrected_interval(np.random.default_rng(1).normal(size=20_000).tolist(), 0.25)
    assert endless.high - endless.low == pytest.approx(2 * 1.96 * np.sqrt(0.25), rel=0.03)


def test_a_network_that_diverges_is_left_out_and_said() -> None:
    data = load(groups(), target="y")
    with pytest.raises(UsageError, match="every network became not finite"):
        cross_validate(TINY.but(lr=1e30, optimizer="sgd", epochs=20, clip_norm=0.0), data, folds=2)
