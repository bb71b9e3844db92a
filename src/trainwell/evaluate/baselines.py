"""The free baselines: what costs nothing and has to be beaten.

They see the same encoded training rows as the network and judge the same rows. What they may cost is bounded by counted work
(rows, rounds), not by the clock, so that they say the same on every machine.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trainwell.core.seeds import draw_seed
from trainwell.evaluate.baseline_cache import read_cached, write_cached
from trainwell.evaluate.baseline_output import BaselineOutput
from trainwell.evaluate.features import linear_columns, pixels_of, table_of, text_columns, texts_of, tree_categories
from trainwell.evaluate.forecast_baselines import forecast_baselines
from trainwell.evaluate.generation import picture_baselines
from trainwell.evaluate.language_baselines import language_baselines
from trainwell.evaluate.masks import mask_baselines
from trainwell.evaluate.translation import turned_baselines
from trainwell.score.predictions import Array, Predictions

if TYPE_CHECKING:
    from trainwell.data.data import Data

#: Training rows a baseline is fitted on at most.
TREE_ROWS, LINEAR_ROWS, PIXEL_ROWS = 200_000, 50_000, 10_000
#: What is loaded before the clock runs.
LEARNERS = ("sklearn.compose", "sklearn.preprocessing", "sklearn.linear_model", "sklearn.ensemble")
#: Boosting rounds at most; every class needs a tree per round, so many classes get fewer.
ROUNDS, FEWEST_ROUNDS, TREES = 300, 20, 600
#: Strength of the linear baseline on pixels times rows: neighbouring pixels say the same, so it is held back more.
PIXEL_STRENGTH = 100.0


def run_baselines(
    data: Data, part: str, *, threads: int = 1, cache: Path | None = None, turned: bool = False
) -> list[BaselineOutput]:
    """Fit every baseline that suits the data on its training rows and let it answer the rows of `part`.

    Args:
        data: loaded data.
        part: "train", "valid" or "test".
        threads: CPU threads for fitting; one keeps out of the way of other programs.
        cache: a folder; what was fitted for the same data is read from there.
        turned: whether pictures of one class are turned into ones of another, rather than made of nothing.

    Returns:
        One entry per baseline; nothing where there are no training rows.
    """
    if not len(data.rows["train"]) or not len(data.rows[part]):
        return []
    kept = f"{part}-turned" if turned else part
    prepared = f"{data.fingerprint} {data.preparation.digest()}"  # what they were fitted on, the order of classes included
    known = read_cached(cache, prepared, kept)
    if known is not None:
        return [BaselineOutput(**entry) for entry in known]
    from threadpoolctl import threadpool_limits

    if data.task in ("generation", "segmentation"):
        make = turned_baselines if turned else mask_baselines if data.task == "segmentation" else picture_baselines
        with threadpool_limits(limits=threads):
            found = make(data, part)
        write_cached(cache, prepared, kept, [vars(f) for f in found])
        return found
    own = forecast_baselines if data.preparation.forecast is not None else language_baselines
    if data.preparation.forecast is not None or data.preparation.language is not None:
        with threadpool_limits(limits=threads):
            found = own(data, part)
        write_cached(cache, prepared, part, [vars(f) for f in found])
        return found
    pictures = data.shape.of_kind("picture") is not None
    kinds = {i.kind for i in data.shape.inputs}
    ways: list[Callable[[Data, str], BaselineOutput]] = [_constant, *([_pixels] if pictures else [])]
    ways += [_words] if "text" in kinds else []
    ways += [_linear, _trees] if kinds - {"picture", "text"} else []
    if data.shape.of_kind("series") is not None:
        ways.append(_nearest)
    for module in LEARNERS:
        import_module(module)
    with threadpool_limits(limits=threads), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "did not converge" is the bound on work that was asked for
        found = [way(data, part) for way in ways]
    write_cached(cache, prepared, part, [vars(f) for f in found])
    return found


def as_predictions(fitted: BaselineOutput, like: Predictions) -> Predictions:
    """A baseline's answers beside the same targets as `like`."""
    ahead = like.ahead and replace(like.ahead, **{end: np.asarray(given) for end, given in fitted.limits.items()})
    decision = like.decision and like.decision.plain
    return Predictions(like.task, fitted.output, like.target, like.classes, ahead, like.told, decision, like.within)


def _constant(data: Data, part: str) -> BaselineOutput:
    """What is most frequent, with the frequencies as probabilities; or the mean."""
    started = time.perf_counter()
    target = np.asarray(data.arrays["target"][data.rows["train"]])
    n = len(data.rows[part])
    if data.task == "classification":
        shares = np.bincount(target, minlength=data.n_out) / len(target)
        return BaselineOutput("most frequent class", np.tile(shares, (n, 1)), time.perf_counter() - started)
    mean = np.tile(target.mean(axis=0, dtype=np.float64), (n, 1))
    if data.task == "multilabel":
        return BaselineOutput("how frequent labels are", mean, time.perf_counter() - started)
    return BaselineOutput("mean of the target", _own_unit(data, mean), time.perf_counter() - started)


def _linear(data: Data, part: str) -> BaselineOutput:
    started = time.perf_counter()
    rows = _sample(data.rows["train"], LINEAR_ROWS)
    table = table_of(data, rows)
    columns = linear_columns(table)
    x = columns.fit_transform(table.values)
    output = _line(data, x, rows, columns.transform(table_of(data, data.rows[part]).values))
    name = "ridge regression" if data.task == "regression" else "logistic regression"
    return BaselineOutput(name, output, time.perf_counter() - started, _note(data, rows))


def _words(data: Data, part: str) -> BaselineOutput:
    started = time.perf_counter()
    rows = _sample(data.rows["train"], LINEAR_ROWS)
    columns = text_columns(data)
    x = columns.fit_transform(texts_of(data, rows))
    output = _line(data, x, rows, columns.transform(texts_of(data, data.rows[part])), strength=10.0)
    return BaselineOutput("linear on TF-IDF", output, time.perf_counter() - started, _note(data, rows))


def _pixels(data: Data, part: str) -> BaselineOutput:
    from sklearn.preprocessing import StandardScaler

    started = time.perf_counter()
    rows = _sample(data.rows["train"], PIXEL_ROWS)
    # One scale for all pixels: a pixel that is nearly always black would otherwise shout when it is not.
    scaler = StandardScaler(with_std=False)
    x = scaler.fit_transform(pixels_of(data, rows))
    spread = float(x.std()) or 1.0
    output = _line(
        data, x / spread, rows, scaler.transform(pixels_of(data, data.rows[part])) / spread, strength=PIXEL_STRENGTH / len(rows)
    )
    return BaselineOutput("linear on pixels", output, time.perf_counter() - started, _note(data, rows))


def _nearest(data: Data, part: str) -> BaselineOutput:
    """The answer of the training series that is most alike, step by step: hard to beat where few are known."""
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    started = time.perf_counter()
    rows = _sample(data.rows["train"], PIXEL_ROWS)
    x, new = table_of(data, rows).values, table_of(data, data.rows[part]).values
    target = np.asarray(data.arrays["target"][rows])
    if data.task in ("regression", "multilabel"):
        output = _own_unit(data, KNeighborsRegressor(1).fit(x, target).predict(new))
    else:
        model = KNeighborsClassifier(1).fit(x, target)
        output = _spread(data, model.predict_proba(new), model.classes_)
    return BaselineOutput("nearest training series", output, time.perf_counter() - started, _note(data, rows))


def _line(data: Data, x: Any, rows: Array, x_new: Any, *, strength: float = 1.0) -> Array:
    from sklearn.linear_model import LogisticRegression, Ridge

    target = np.asarray(data.arrays["target"][rows])
    if data.task == "regression":
        return _own_unit(data, Ridge(alpha=1.0).fit(x, target).predict(x_new))
    if data.task == "multilabel":
        return _each_label(target, lambda y: LogisticRegression(C=strength, max_iter=100, tol=1e-3).fit(x, y), x_new)
    if len(np.unique(target)) < 2:
        return _spread(data, np.ones((x_new.shape[0], 1)), target[:1])
    model = LogisticRegression(C=strength, max_iter=100, tol=1e-3).fit(x, target)
    return _spread(data, model.predict_proba(x_new), model.classes_)


def _trees(data: Data, part: str) -> BaselineOutput:
    started = time.perf_counter()
    rows = _sample(data.rows["train"], TREE_ROWS)
    table, new = table_of(data, rows), table_of(data, data.rows[part])
    target = np.asarray(data.arrays["target"][rows])
    settings = _tree_settings(data, len(rows)) | {"categorical_features": tree_categories(table) or None}
    output = _boosted(data, table.values, target, new.values, settings)
    return BaselineOutput("gradient-boosted trees", output, time.perf_counter() - started, _note(data, rows))


def _tree_settings(data: Data, n: int) -> dict[str, Any]:
    rounds = ROUNDS if data.task == "regression" else min(ROUNDS, max(FEWEST_ROUNDS, TREES // data.n_out))
    return {"max_iter": rounds, "early_stopping": n >= 2000, "n_iter_no_change": 15, "random_state": 0}


def _boosted(data: Data, x: Array, target: Array, x_new: Array, settings: dict[str, Any]) -> Array:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    if data.task == "regression":
        columns = [HistGradientBoostingRegressor(**settings).fit(x, t).predict(x_new) for t in target.T]
        return _own_unit(data, np.stack(columns, axis=1))
    if data.task == "multilabel":
        settings["early_stopping"] = False
        return _each_label(target, lambda y: HistGradientBoostingClassifier(**settings).fit(x, y), x_new)
    if len(np.unique(target)) < 2:
        return _spread(data, np.ones((len(x_new), 1)), target[:1])
    settings["early_stopping"] &= np.bincount(target)[np.unique(target)].min() >= 20  # its holdout must hold every class
    model = HistGradientBoostingClassifier(**settings).fit(x, target)
    return _spread(data, model.predict_proba(x_new), model.classes_)


def _each_label(target: Array, fit: Callable[[Array], Any], x_new: Any) -> Array:
    """A model of its own for each label; one that all rows or none have gets its share. `(N, L)` probabilities."""
    answers = []
    for y in target.T:
        constant = y.min() == y.max()
        answers.append(np.full(x_new.shape[0], float(y[0])) if constant else fit(y.astype(np.int64)).predict_proba(x_new)[:, 1])
    return np.stack(answers, axis=1)


def _spread(data: Data, probabilities: Array, codes: Array) -> Array:
    """Probabilities of the classes that occurred, as columns of all classes."""
    output = np.zeros((len(probabilities), data.n_out))
    output[:, codes] = probabilities
    return output


def _own_unit(data: Data, values: Array) -> Array:
    values = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    return np.asarray(data.preparation.decode_values(values))


def _sample(rows: Array, most: int) -> Array:
    """At most so many rows, drawn once and for all."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(draw_seed(0, "baseline")).choice(rows, most, replace=False))


def _note(data: Data, rows: Array) -> str:
    n = len(data.rows["train"])
    return f"fitted on {len(rows):,} of {n:,} training rows" if len(rows) < n else ""
