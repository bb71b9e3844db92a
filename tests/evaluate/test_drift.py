"""Drift: silent on rows of the same kind, and told by column and jointly where something moved."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import ks_2samp

from house.sample_data import examples
from trainwell.core.errors import DataError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.evaluate.drift import drift
from trainwell.report.drift import show_drift, write_drift
from trainwell.train.fit import fit


def people(n, seed=0, shift=0.0, city=("Oslo", "Lima", "Accra")):
    draw = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "age": draw.normal(40 + shift, 10, n).round(1),
            "pay": draw.gamma(2.0, 20.0, n).round(1),
            "city": draw.choice(city, n),
            "rich": draw.choice(["yes", "no"], n),
        }
    )


@pytest.fixture(scope="module")
def data():
    return load(people(900), target="rich")


@pytest.fixture(scope="module")
def run(data):
    return fit(Recipe(target="rich", preset="quick", model="mlp", epochs=1, threads=1, doctor="off"), data)


def by_name(found):
    return {c.column: c for c in found.compared[0].columns}


def test_rows_of_the_same_kind_do_not_differ(run, data):
    found = drift(run, data)
    assert [c.names for c in found.compared] == [("train", "valid"), ("train", "test")]
    assert not any(c.differ or column.moved for c in found.compared for column in c.columns)
    alike = drift(run, data, people(300, seed=7).drop("rich"))
    assert not any(c.moved for c in alike.compared[0].columns)
    assert alike.compared[0].together.low < 0.55


def test_a_moved_number_is_named(run, data):
    new = people(300, seed=7, shift=12.0)
    found = drift(run, data, new)
    columns = by_name(found)
    assert [c.column for c in found.compared[0].columns if c.moved] == ["age"]
    assert columns["age"].psi > 0.25
    assert "higher" in columns["age"].says
    assert found.compared[0].differ
    train = data.source.frame["age"].to_numpy()[data.rows["train"]]
    assert columns["age"].distance == pytest.approx(ks_2samp(train, new["age"].to_numpy()).statistic, abs=0.02)


def test_a_label_that_training_never_saw_is_named(run, data):
    found = by_name(drift(run, data, people(300, seed=7, city=("Oslo", "Hanoi"))))
    assert found["city"].moved
    assert "unseen or rare" in found["city"].says


def test_a_change_of_two_columns_together_is_seen_by_the_trees_alone():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(1200, 2))
    table = pl.DataFrame({"u": x[:, 0], "v": x[:, 1], "y": draw.choice(["a", "b"], 1200)})
    data = load(table, target="y")
    run = fit(Recipe(target="y", preset="quick", model="mlp", epochs=1, threads=1, doctor="off"), data)
    u = draw.normal(size=600)
    new = pl.DataFrame({"u": u, "v": 0.95 * u + np.sqrt(1 - 0.95**2) * draw.normal(size=600)})
    (found,) = drift(run, data, new).compared
    assert not any(c.moved for c in found.columns)
    assert found.together.low > 0.6


def test_texts_and_pictures_are_compared_in_numbers(tmp_path):
    data = load(str(examples("mixture").parcels(tmp_path, 120)), target="care")
    run = fit(Recipe(preset="quick", model={"name": "mlp", "width": 8}, epochs=1, threads=1, doctor="off"), data)
    new = data.source.frame.drop("care").with_columns(note=pl.lit("fragile ") + pl.col("note") + " " + pl.col("note"))
    new = new.with_columns(photo=pl.format("{}/{}", pl.lit(str(tmp_path)), "photo"))
    columns = by_name(drift(run, data, new))
    assert columns["note (tokens)"].moved
    assert not columns["photo (brightness)"].moved


def test_missing_columns_and_few_rows(run, data, tmp_path, capsys):
    found = drift(run, data, people(300, seed=7).drop("pay", "rich"))
    assert found.compared[0].problems[0].startswith("pay: the column is missing")
    show_drift(found)
    assert "pay" in capsys.readouterr().out
    assert "Train and new rows" in write_drift(found, tmp_path).read_text()
    with pytest.raises(DataError, match="needs 20"):
        drift(run, data, people(5))
