"""Estimators for scikit-learn: the same recipe, behind `fit`, `predict` and `score`.

A weight says how often a row counts, so weighted rows become repeated rows; and rows are put in an order of their own, so that
the fitted network depends on which rows there are, not on how they lay.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import polars as pl
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_array, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from trainwell.core.errors import DataError, UsageError
from trainwell.core.part import Part
from trainwell.core.recipe import Recipe
from trainwell.data.build import build
from trainwell.data.readers.frames import read_frame
from trainwell.data.source import Source
from trainwell.train.fit import fit
from trainwell.train.run import Run

#: Repeats of a row of average weight where weights are fractions: a row may then weigh a quarter of it.
FINENESS = 4
#: Defaults of those parameters that are not "auto".
DEFAULTS = {"preset": "quick", "threads": 1}
#: Constructor parameters that are recipe keys of the same name.
WORDS = (
    *("model", "learning_rate", "epochs", "batch_size", "optimizer", "weight_decay", "early_stopping", "preset"),
    *("device", "threads"),
)


class _Estimator(BaseEstimator):
    """What classifier and regressor share."""

    def __init__(
        self,
        *,
        model: str | Mapping[str, Any] | Part = "auto",
        learning_rate: float | str = "auto",
        epochs: float | str = "auto",
        batch_size: int | str = "auto",
        optimizer: str | Mapping[str, Any] | Part = "auto",
        weight_decay: float | str = "auto",
        early_stopping: int | str = "auto",
        preset: str = "quick",
        device: str = "auto",
        threads: int | str = 1,
        recipe: Recipe | Mapping[str, Any] | None = None,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.model = model
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.preset = preset
        self.device = device
        self.threads = threads
        self.recipe = recipe
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def _train(self, source: Source, names: list[str], weight: Any, task: str) -> Run:
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        recipe = self._asked_for(task, names, seed)
        source.frame = _laid_out(source.table, weight, seed)
        observers = () if self.verbose else (_silent,)
        try:
            return fit(recipe, build(source, recipe), seed=seed, observers=observers)
        except DataError as error:  # what scikit-learn's searches and tests expect of rows that nothing can be learnt from
            raise ValueError(str(error)) from error

    def _asked_for(self, task: str, names: list[str], seed: int) -> Recipe:
        """The recipe of the constructor's words: `recipe` first, what is said beside it on top."""
        said = {word: plain(getattr(self, word)) for word in WORDS}
        if isinstance(self.recipe, Recipe):
            recipe = self.recipe.but(**{word: value for word, value in said.items() if value != DEFAULTS.get(word, "auto")})
        else:
            recipe = Recipe(split={"seed": seed}, **said).with_keys({key: plain(v) for key, v in (self.recipe or {}).items()})
        if recipe.series.horizon:
            raise UsageError("an estimator of rows does not forecast", remedy="Use tw.load and tw.fit for series.horizon.")
        target = names if len(names) > 1 else names[0]
        doctor = "watch" if self.verbose else "off"
        return recipe.but(target=target, task=task, doctor=doctor, split__test=0.0)

    def _read(self, X: Any, *, reset: bool) -> Source:
        """The rows as columns, checked as scikit-learn does; a frame keeps its types, an array of numbers is numbers."""
        library = type(X).__module__.partition(".")[0]
        if library in ("pandas", "polars", "pyarrow"):
            validate_data(self, X, reset=reset, skip_check_array=True)
            _demand_rows(X, 2 if reset else 1)
            return read_frame(X.reset_index(drop=True) if library == "pandas" else X)
        least = 2 if reset else 1
        X = validate_data(self, X, reset=reset, dtype=None, ensure_all_finite="allow-nan", ensure_min_samples=least)
        names = [f"x{place}" for place in range(X.shape[1])]
        if X.dtype.kind in "biuf":
            frame = pl.DataFrame({n: np.asarray(X[:, i], np.float64) for i, n in enumerate(names)}, nan_to_null=True)
            return Source(frame, "X", kinds=dict.fromkeys(names, "number"))
        return read_frame(pl.DataFrame({n: pl.Series(n, X[:, i].tolist(), strict=False) for i, n in enumerate(names)}))

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        source = self._read(X, reset=False)
        run: Run = self.run_
        encoded = run.preparation.encode(source)
        if encoded.problems:
            row, column, sentence = encoded.problems[0]
            warnings.warn(
                f"{len(encoded.problems):,} cells are odd, the first in row {row}, {column}: {sentence}", stacklevel=3
            )
        return run.predict_arrays([encoded.arrays[name] for name in run.preparation.shape.names])

    def __getstate__(self) -> dict[str, Any]:
        """Plain data: the run as the files of its folder, so that nothing of torch or trainwell is pickled."""
        state = super().__getstate__()
        run = state.get("run_")
        return state if run is None else state | {"run_": _as_files(run)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        files = state.get("run_")
        super().__setstate__(state if files is None else state | {"run_": _from_files(files)})


class TrainwellClassifier(ClassifierMixin, _Estimator):
    """A network for classes, as scikit-learn has classifiers.

    Rows are arrays, or frames (pandas, Polars, Arrow) with numbers, texts, categories, dates and empty cells. Parameters are
    words of a recipe; `recipe` takes the rest, as a `Recipe` or as `{"split.valid": 0.1, "model.width": 64}`.

    Args:
        model: network by name, or a mapping of name and options.
        learning_rate: step size at the top of the schedule.
        epochs: passes over the training rows.
        batch_size: rows per update.
        optimizer: update rule by name, or a mapping of name and options.
        weight_decay: decay of weight matrices.
        early_stopping: validations without a better score before stopping; 0 never stops.
        preset: "quick", "good" or "best": how much time `auto` may spend.
        device: where it is trained.
        threads: CPU threads; one, because scikit-learn runs estimators beside each other (`n_jobs`).
        recipe: all other keys; a share of the rows (`split.valid`) picks the best weights.
        random_state: seed of every draw; None is another one each time.
        verbose: show progress and what the doctor finds on stderr.

    Attributes:
        classes_: labels in ascending order.
        n_features_in_: number of columns.
        feature_names_in_: their names, where all are texts.
        run_: the `Run`, for `trainwell.evaluate`, `trainwell.examine` and exports.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> network = TrainwellClassifier(epochs=20, random_state=0).fit(X, y)
        >>> network.score(X, y) > 0.9, network.predict_proba(X[:2]).shape
        (True, (2, 3))
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows and their labels.

        Args:
            X: rows `(N, F)`.
            y: labels `(N,)`.
            sample_weight: how often each row counts `(N,)`; whole numbers are repeats, 0 leaves a row out.

        Raises:
            ValueError: fewer than two classes, or what scikit-learn refuses.
            TrainwellError: the recipe says something impossible.
        """
        source = self._read(X, reset=True)
        y = column_or_1d(_labels(y), warn=True)
        check_consistent_length(X, y)
        check_classification_targets(y)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(np.unique(codes if weight is None else codes[weight > 0])) < 2:
            raise ValueError("y has one class only; a classifier needs rows of at least two classes with a positive weight.")
        (name,) = _put(source, codes.astype(np.float64)[:, None], pl.Int64)
        source.kinds[name] = "category"
        self.run_ = self._train(source, [name], weight, "classification")
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities `(N, n_classes)` in the order of `classes_`."""
        said = self._outputs(X)
        seen = [int(label) for label in self.run_.preparation.target.classes or ()]
        found = np.zeros((len(said), len(self.classes_)))
        found[:, seen] = said  # a class whose rows all weigh nothing has no output
        return found

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest label of each row `(N,)`."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]


class TrainwellRegressor(RegressorMixin, _Estimator):
    """A network for one number or several, as scikit-learn has regressors; parameters as for `TrainwellClassifier`.

    The target is scaled for training; predictions are in its own unit.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True)
        >>> network = TrainwellRegressor(epochs=20, random_state=0).fit(X, y)
        >>> network.score(X, y) > 0.3
        True
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows and their numbers.

        Args:
            X: rows `(N, F)`.
            y: numbers `(N,)` or `(N, T)`.
            sample_weight: how often each row counts `(N,)`; whole numbers are repeats, 0 leaves a row out.

        Raises:
            ValueError: what scikit-learn refuses.
            TrainwellError: a target with one value only, or a recipe that says something impossible.
        """
        source = self._read(X, reset=True)
        y = check_array(_labels(y), ensure_2d=False, dtype=np.float64, input_name="y", estimator=self)
        check_consistent_length(X, y)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        self._flat = y.ndim == 1
        names = _put(source, y.reshape(len(y), -1), pl.Float64)
        self.run_ = self._train(source, names, weight, "regression")
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Numbers in their own unit, `(N,)` or `(N, T)` as `y` was."""
        said = self._outputs(X)
        return said[:, 0] if self._flat else said


def _silent(row: dict[str, Any]) -> None:
    """An observer that says nothing: scikit-learn's estimators are quiet."""


def plain(value: Any) -> Any:
    """A parameter as Python has it: searches hand over NumPy's scalars.

    Example:
        >>> plain(np.int64(3))
        3
    """
    return value.item() if isinstance(value, np.generic) else value


def _labels(y: Any) -> Any:
    if y is None:
        raise ValueError("This estimator requires y to be passed, but the target y is None.")
    return y.to_numpy() if isinstance(y, pl.Series | pl.DataFrame) else y


def _demand_rows(X: Any, least: int) -> None:
    """What scikit-learn says of arrays that are too small, for frames."""
    if X.shape[1] < 1:
        raise ValueError(f"Found array with 0 feature(s) (shape={X.shape}) while a minimum of 1 is required.")
    if X.shape[0] < least:
        raise ValueError(f"Found array with {X.shape[0]} sample(s) (shape={X.shape}) while a minimum of {least} is required.")


def _put(source: Source, values: np.ndarray, kind: Any) -> list[str]:
    """Add target columns `(N, T)` under names that the rows do not have; returns the names."""
    names = ["target"] if values.shape[1] == 1 else [f"target{place}" for place in range(values.shape[1])]
    while set(names) & set(source.frame.columns):
        names = [f"{name}_" for name in names]
    source.frame = source.table.hstack([pl.Series(n, values[:, i]).cast(kind) for i, n in enumerate(names)])
    return names


def _laid_out(frame: pl.DataFrame, weight: np.ndarray | None, seed: int) -> pl.DataFrame:
    """The rows as often as they weigh, in an order that does not depend on the one they came in."""
    columns = frame.columns
    if weight is None:
        return frame.sort(columns)
    if not weight.sum() > 0:
        raise ValueError("sample_weight must hold at least one positive value; all rows have the weight zero.")
    frame = frame.with_columns(pl.Series("", weight)).sort([*columns, ""])
    repeats = repeats_of(frame[""].to_numpy(), np.random.Generator(np.random.Philox(seed)))
    return frame.select(columns)[np.repeat(np.arange(len(frame)), repeats)]


def repeats_of(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How often each row is taken `(N,)`: whole weights are repeats; others are 4 times their multiple of the mean, rounded.

    Rounding is random and systematic: the expected number is exact, the total is off by less than one. Equal weights are none.
    Source: systematic sampling, Madow, Annals of Mathematical Statistics 1949.

    Example:
        >>> repeats_of(np.array([1.0, 0.0, 3.0]), np.random.default_rng(0))
        array([1, 0, 3])
        >>> repeats_of(np.array([0.1, 0.1, 0.3]), np.random.default_rng(0)).sum()
        np.int64(12)
    """
    if (weight == np.round(weight)).all() and weight.mean() <= 2 * FINENESS:
        return weight.astype(np.int64)
    positive = weight[weight > 0]
    if positive.min() == positive.max():
        return (weight > 0).astype(np.int64)
    ends = np.cumsum(weight / weight.sum() * FINENESS * len(positive)) + rng.random()
    return np.diff(np.floor(ends), prepend=0.0).astype(np.int64)


def _as_files(run: Run) -> dict[str, bytes]:
    with TemporaryDirectory() as place:
        folder = Path(place) / "run"
        run.save(folder)
        return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _from_files(files: Mapping[str, bytes]) -> Run:
    with TemporaryDirectory() as place:
        for name, content in files.items():
            path = Path(place) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        run = Run.open(place)
        run.network.eval()  # read before the folder goes
        run.folder = None
        return run
