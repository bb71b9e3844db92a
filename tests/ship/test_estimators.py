"""The estimators are what scikit-learn says estimators are, and a network that depends on rows, not on how they lie."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainwell.core.errors import TrainwellError
from trainwell.core.recipe import Recipe
from trainwell.ship.estimators import TrainwellClassifier, TrainwellRegressor, repeats_of

SMALL = {"model": {"name": "mlp", "width": 8}, "epochs": 4, "random_state": 0}

CHECKS = """
import json, sys
from sklearn.utils.estimator_checks import check_estimator
from trainwell.ship import estimators
found = check_estimator(vars(estimators)[sys.argv[1]](epochs=float(sys.argv[2])), on_fail=None, on_skip=None)
print(json.dumps({f"{i} {c['check_name']}": (c["status"], repr(c["exception"])) for i, c in enumerate(found)}))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "epochs"), [("TrainwellClassifier", 8), ("TrainwellRegressor", 20)])
def test_every_check_of_scikit_learn_passes(name, epochs):
    settings = os.environ | {"SCIPY_ARRAY_API": "1"}  # without it one of the checks is skipped
    command = [sys.executable, "-c", CHECKS, name, str(epochs)]
    done = subprocess.run(command, capture_output=True, text=True, env=settings)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) > 50
    assert {check: told for check, told in found.items() if told[0] != "passed"} == {}


@pytest.fixture(scope="module")
def people():
    """Rows with numbers, texts, categories, dates, truth values and empty cells; a number and a text decide."""
    rng, n = np.random.default_rng(0), 160
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "job": pd.Series(rng.choice(["cook", "smith", "baker"], n), dtype=object),
            "side": pd.Categorical(rng.choice(["left", "right"], n)),
            "since": pd.date_range("2020-01-01", periods=n),
            "flag": rng.random(n) > 0.5,
        },
        index=pd.Index(np.arange(n) + 1000, name="key"),
    )
    labels = np.where((frame.age > 40) | (frame.job == "cook"), "yes", "no")
    frame.loc[1003:1005, "age"] = np.nan
    return frame, labels


@pytest.fixture(scope="module")
def fitted(people):
    return TrainwellClassifier(epochs=15, random_state=0).fit(*people)


def test_frames_with_texts_and_empty_cells_are_learnt(people, fitted):
    X, y = people
    assert fitted.score(X, y) > 0.8
    assert fitted.feature_names_in_.tolist() == list(X.columns)  # the index is no column
    assert fitted.classes_.tolist() == ["no", "yes"]
    assert np.allclose(fitted.predict_proba(X).sum(axis=1), 1)


def test_polars_and_pandas_are_the_same_rows(people, fitted):
    X, y = people
    frame = pl.from_pandas(X)
    other = clone(fitted).fit(frame, pl.Series(y))
    assert (other.predict_proba(frame) == fitted.predict_proba(X)).all()


def test_rows_in_another_order_give_the_same_bits(people, fitted):
    X, y = people
    order = np.random.default_rng(1).permutation(len(X))
    assert (clone(fitted).fit(X.iloc[order], y[order]).predict_proba(X) == fitted.predict_proba(X)).all()


def test_whole_weights_are_repeats_and_zero_leaves_out(people):
    X, y = people
    weight = np.random.default_rng(2).integers(0, 3, len(X))
    weighted = TrainwellClassifier(**SMALL).fit(X, y, sample_weight=weight)
    repeated = TrainwellClassifier(**SMALL).fit(X.iloc[np.repeat(np.arange(len(X)), weight)], np.repeat(y, weight))
    assert (weighted.predict_proba(X) == repeated.predict_proba(X)).all()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=40).filter(lambda w: sum(w) > 0), st.integers(0, 99))
def test_repeats_are_as_many_as_weights_say(weights, seed):
    weight = np.array(weights)
    found = repeats_of(weight, np.random.default_rng(seed))
    assert found.sum() > 0
    assert (found[weight == 0] == 0).all()
    if (weight == np.round(weight)).all() and weight.mean() <= 8:
        assert (found == weight).all()
    elif len(np.unique(weight[weight > 0])) > 1:
        wanted = weight / weight.sum() * 4 * (weight > 0).sum()
        assert np.abs(found - wanted).max() <= 1 + 1e-6 * wanted.max()


def test_what_is_pickled_is_plain_data(people, fitted):
    X, _ = people
    asked = set()

    class Reader(pickle.Unpickler):
        def find_class(self, module, name):
            asked.add(module)
            return super().find_class(module, name)

    again = Reader(io.BytesIO(pickle.dumps(fitted))).load()
    assert {module.split(".")[0] for module in asked} <= {"builtins", "_codecs", "numpy", "trainwell"}
    assert {module for module in asked if module.startswith("trainwell")} == {"trainwell.ship.estimators"}
    assert (again.predict_proba(X) == fitted.predict_proba(X)).all()
    assert clone(again).get_params() == fitted.get_params()


def test_searches_pipelines_and_folds(people):
    X, y = people
    numbers = X[["age", "flag"]].fillna(0.0).astype(float)
    chain = make_pipeline(StandardScaler(), TrainwellClassifier(**SMALL))
    grid = {"trainwellclassifier__learning_rate": np.array([1e-3, 1e-2]), "trainwellclassifier__batch_size": np.array([16])}
    search = GridSearchCV(chain, grid, cv=2).fit(numbers, y)
    assert search.best_params_["trainwellclassifier__learning_rate"] in (1e-3, 1e-2)
    assert cross_val_score(TrainwellClassifier(**SMALL), X, y, cv=2).shape == (2,)


def test_recipe_words_and_the_rest(people):
    X, y = people
    network = TrainwellClassifier(model="mlp", epochs=1, recipe={"model.width": 16, "split.valid": 0}, random_state=3).fit(X, y)
    assert network.run_.recipe.model.options["width"] == 16
    assert network.run_.plan.rows == len(X)
    known = TrainwellClassifier(recipe=Recipe(model="mlp", epochs=1, batch_size=7), batch_size=9).fit(X, y).run_.recipe
    assert (known.model.name, known.epochs, known.batch_size) == ("mlp", 1, 9)  # what is said beside a recipe wins


def test_several_numbers_come_in_their_own_unit(people):
    X, _ = people
    numbers = X[["age", "flag"]].fillna(40.0).astype(float).to_numpy()
    y = np.c_[1e6 + 1e3 * numbers[:, 0], numbers[:, 1]]
    network = TrainwellRegressor(epochs=30, random_state=0).fit(numbers, y)
    assert network.predict(numbers).shape == y.shape
    assert network.score(numbers, y) > 0.8


def test_wrong_input_is_a_sentence(people, fitted):
    X, y = people
    with pytest.raises(ValueError, match="no column is left"):
        TrainwellClassifier(**SMALL).fit(np.zeros((20, 2)), np.arange(20) % 2)
    with pytest.raises(ValueError, match="at least two classes"):
        TrainwellClassifier(**SMALL).fit(X, np.repeat("yes", len(X)))
    with pytest.raises(TrainwellError, match="Did you mean mlp"):
        TrainwellClassifier(model="mlpp").fit(X, y)
    with pytest.raises(TrainwellError, match="does not forecast"):
        TrainwellClassifier(recipe={"series.horizon": 3}).fit(X, y)
    with pytest.warns(UserWarning, match="'old' cannot be read as a number"):
        fitted.predict(X[:3].assign(age="old"))
