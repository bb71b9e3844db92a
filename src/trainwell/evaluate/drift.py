"""How rows differ from those of the training: column by column, and all columns together.

Columns are compared as the network sees them, encoded by the preparation of the training: what it does not see cannot hurt it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, ks_2samp

from trainwell.core.errors import DataError
from trainwell.core.seeds import draw_seed
from trainwell.core.stats import Interval, holm
from trainwell.data.data import Data
from trainwell.data.inputs import Fitted
from trainwell.evaluate.features import table_of
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics
from trainwell.train.raw_rows import refuse_answers, source_of
from trainwell.train.run import Run

Array = NDArray[Any]

#: Rows of each side that are compared at most, and bins of numbers.
MOST_ROWS, BINS = 20_000, 10
#: From this population stability index on the change is large; below the first it is none (Siddiqi 2006).
SMALL, LARGE = 0.1, 0.25
#: Fewest rows of each side.
FEWEST = 20


@dataclass(frozen=True)
class ColumnDrift:
    """One column on two sides.

    Args:
        column: its name.
        kind: number, category, text or picture.
        psi: population stability index: 0 for the same shares, above 0.25 a large change.
        distance: Kolmogorov-Smirnov for numbers, total variation for the others, from 0 to 1.
        p: chance of such a distance without a cause, corrected for the number of columns (Holm).
        says: what moved most, in words.
    """

    column: str
    kind: str
    psi: float
    distance: float
    p: float
    says: str

    @property
    def moved(self) -> bool:
        """Whether it is both sure and large enough to matter."""
        return self.p < 0.05 and self.psi >= SMALL


@dataclass(frozen=True)
class Compared:
    """Two sets of rows.

    Args:
        names: of the sides: "train" and "test", or "train" and "new".
        rows: of each side.
        columns: the most moved first.
        together: how well a model tells a row's side, as AUROC on rows that it has not seen: 0.5 is not at all.
        problems: columns and cells that the new rows lack, in words.
    """

    names: tuple[str, str]
    rows: tuple[int, int]
    columns: list[ColumnDrift]
    together: Interval
    problems: list[str]

    @property
    def differ(self) -> bool:
        """Whether the sides can be told apart beyond chance."""
        return self.together.low > 0.5

    @property
    def sentence(self) -> str:
        """The result in one line."""
        a, b = self.names
        moved = [c for c in self.columns if c.moved]
        what = f"{a} and {b} rows can be told apart" if self.differ else f"{a} and {b} rows cannot be told apart"
        which = f"; moved: {', '.join(c.column for c in moved[:5])}" if moved else "; no column moved"
        return f"{what} (AUROC {self.together}){which}"


@dataclass(frozen=True)
class Drift:
    """Every comparison that was made, in order."""

    compared: list[Compared]

    def __str__(self) -> str:
        return "\n".join(c.sentence for c in self.compared)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"sentences": [c.sentence for c in self.compared]}


def drift(run: Run, data: Data, rows: Any = None) -> Drift:
    """Compare rows with the training rows of a run.

    Args:
        run: a finished run; its preparation encodes the new rows.
        data: its data.
        rows: new rows in any form that `Run.predict` takes, with or without the target; None compares the run's own
            validation and test rows.

    Returns:
        For every pair of sides the columns, the most moved first, and how well gradient-boosted trees tell the side of a row
        that they have not seen (two-fold, AUROC with its interval).

    Raises:
        DataError: one side has fewer than 20 rows, or the data are forecasts or running text.

    Source: Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR 2017; Rabanser, Günnemann and Lipton, "Failing
    loudly", NeurIPS 2019, whose correction for many columns is Holm's here.

    Example:
        >>> from trainwell.core.recipe import Recipe
        >>> from trainwell.data.load import load
        >>> from trainwell.train.fit import fit
        >>> data = load("breast_cancer")
        >>> run = fit(Recipe(model="mlp", epochs=1, preset="quick"), data)
        >>> new = data.source.frame.with_columns(data.source.frame["mean area"] * 3)
        >>> found = drift(run, data, new).compared[0]
        >>> found.columns[0].column, found.differ
        ('mean area', True)
    """
    data = data.under(run.recipe)
    if not data.preparation.columns:
        raise DataError("drift compares the columns of a table", remedy="It is not for forecasts, running text and arrays.")
    train = _side(data, data.rows["train"])
    if rows is None:
        others = {name: _side(data, data.rows[name]) for name in ("valid", "test") if len(data.rows[name]) >= FEWEST}
        found = [_compare(run, ("train", name), train, other, []) for name, other in others.items()]
        return Drift(found)
    refuse_answers(run.preparation)
    source = source_of(rows, run.preparation)
    encoded = run.preparation.encode(source)
    fresh = replace(data, arrays=encoded.arrays, source=source)
    problems = list(dict.fromkeys(f"{column}: {text}" for row, column, text in encoded.problems if row < 0))
    cells = sum(row >= 0 for row, _, _ in encoded.problems)
    problems += [f"{cells:,} cells had something odd"] if cells else []
    return Drift([_compare(run, ("train", "new"), train, _side(fresh, np.arange(len(source))), problems)])


@dataclass(frozen=True)
class Side:
    """Rows of one side, a sample of at most 20,000."""

    data: Data
    rows: Array
    n: int

    def column(self, fitted: Fitted, place: int) -> Array:
        """The encoded values of one column `(N,)` or `(N, f)`."""
        return np.asarray(self.data.arrays[fitted.input][self.rows][:, place])


def _side(data: Data, rows: Array) -> Side:
    if len(rows) <= MOST_ROWS:
        return Side(data, rows, len(rows))
    draw = np.random.default_rng(draw_seed(0, "drift"))
    return Side(data, np.sort(draw.choice(rows, MOST_ROWS, replace=False)), len(rows))


def _compare(run: Run, names: tuple[str, str], a: Side, b: Side, problems: list[str]) -> Compared:
    if min(a.n, b.n) < FEWEST:
        raise DataError(f"there are {b.n} {names[1]} rows, drift needs {FEWEST} of each side", remedy="Give more rows.")
    found = _columns(run, a, b)
    corrected = holm([c.p for c in found])
    columns = [
        ColumnDrift(c.column, c.kind, c.psi, c.distance, float(p), c.says) for c, p in zip(found, corrected, strict=True)
    ]
    columns.sort(key=lambda c: (not c.moved, -c.psi))
    return Compared(names, (a.n, b.n), columns, _together(a, b), problems)


def _columns(run: Run, a: Side, b: Side) -> list[ColumnDrift]:
    found, places = [], {"number": 0, "category": 0}
    for fitted in run.preparation.columns:
        if fitted.input not in places:
            found += _whole(fitted, a, b)
            continue
        place = places[fitted.input]
        places[fitted.input] += len(fitted.does.features(fitted.state, fitted.name)) if fitted.input == "number" else 1
        x, y = a.column(fitted, place), b.column(fitted, place)
        found.append(_numbers(fitted.name, x, y) if fitted.input == "number" else _codes(fitted, x, y))
    return found


def _numbers(name: str, x: Array, y: Array) -> ColumnDrift:
    """Kolmogorov-Smirnov, and the index over tenths of the training rows."""
    test = ks_2samp(x, y)
    edges = np.unique(np.quantile(x, np.linspace(0, 1, BINS + 1)[1:-1]))
    p, q = (np.bincount(np.searchsorted(edges, v, "right"), minlength=len(edges) + 1) / len(v) for v in (x, y))
    moved = (np.median(y) - np.median(x)) / (x.std() or 1.0)
    says = (
        f"median {abs(moved):.2f} deviations {'higher' if moved > 0 else 'lower'}" if abs(moved) >= 0.05 else "another spread"
    )
    return ColumnDrift(name, "number", _psi(p, q, len(x), len(y)), float(test.statistic), float(test.pvalue), says)


def _codes(fitted: Fitted, x: Array, y: Array) -> ColumnDrift:
    """Chi squared over the labels; those that training never showed share the code 0."""
    width = int(max(x.max(), y.max())) + 1
    counts = np.stack([np.bincount(v, minlength=width) for v in (x, y)])
    p, q = counts / counts.sum(axis=1, keepdims=True)
    return ColumnDrift(fitted.name, "category", _psi(p, q, len(x), len(y)), float(np.abs(p - q).sum() / 2), _chi2(counts),
                       _which(fitted, p, q))  # fmt: skip


def _which(fitted: Fitted, p: Array, q: Array) -> str:
    code = int(np.abs(p - q).argmax())
    labels = ["unseen or rare", *fitted.state.labels]
    name = labels[code] if code < len(labels) else f"code {code}"
    return f"{name}: {p[code]:.1%} → {q[code]:.1%}"


def _chi2(counts: Array) -> float:
    kept = counts[:, counts.sum(axis=0) > 0]
    return float(chi2_contingency(kept).pvalue) if kept.shape[1] > 1 else 1.0


def _whole(fitted: Fitted, a: Side, b: Side) -> list[ColumnDrift]:
    """What can be said of a text or a picture in numbers: its length, how much is unknown; brightness and contrast."""
    describe = {"text": _of_texts, "picture": _of_pictures}.get(fitted.input)
    if describe is None:
        return []
    sides = [describe(fitted, side) for side in (a, b)]
    found = [_numbers(f"{fitted.name} ({name})", sides[0][name], sides[1][name]) for name in sides[0]]
    return [ColumnDrift(c.column, fitted.input, c.psi, c.distance, c.p, c.says) for c in found]


def _inputs_of(side: Side, fitted: Fitted) -> Sequence[Array]:
    names = [i.name for i in side.data.shape.inputs if i.columns == (fitted.name,)]
    return [np.asarray(side.data.arrays[name][side.rows]) for name in names]


def _of_texts(fitted: Fitted, side: Side) -> dict[str, Array]:
    codes = _inputs_of(side, fitted)[0]
    length = (codes > 0).sum(axis=1)
    return {"tokens": length.astype(np.float64), "unknown share": (codes == 1).sum(axis=1) / np.maximum(length, 1)}


def _of_pictures(fitted: Fitted, side: Side) -> dict[str, Array]:
    pixels = _inputs_of(side, fitted)[0]
    flat = pixels.reshape(len(pixels), -1)
    bright, contrast = np.empty(len(flat)), np.empty(len(flat))
    for start in range(0, len(flat), 512):
        block = flat[start : start + 512].astype(np.float32) / 255
        bright[start : start + 512], contrast[start : start + 512] = block.mean(axis=1), block.std(axis=1)
    return {"brightness": bright, "contrast": contrast}


def _psi(p: Array, q: Array, n: int, m: int) -> float:
    """Sum of (q - p) log(q / p) over bins, empty ones counted as half a row, less what two equal samples differ by."""
    p, q = np.maximum(p, 0.5 / n), np.maximum(q, 0.5 / m)
    expected = (len(p) - 1) * (1 / n + 1 / m)
    return round(float(max(0.0, ((q - p) * np.log(q / p)).sum() - expected)), 6)


def _together(a: Side, b: Side) -> Interval:
    """AUROC of telling the side of a row, by trees that were fitted on the other half of the rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    x = np.concatenate([_features(a), _features(b)])
    if not x.shape[1]:
        return Interval(math.nan, math.nan, math.nan, len(x), 0.95)
    y = np.r_[np.zeros(len(a.rows), np.int64), np.ones(len(b.rows), np.int64)]
    half = np.random.default_rng(draw_seed(0, "drift")).permutation(len(y)) % 2
    said = np.empty(len(y))
    for fold in (0, 1):
        model = HistGradientBoostingClassifier(max_iter=50, early_stopping=False, random_state=0, class_weight="balanced")
        said[half == fold] = model.fit(x[half != fold], y[half != fold]).predict_proba(x[half == fold])[:, 1]
    return metrics["auroc"].interval(Predictions("classification", np.stack([1 - said, said], axis=1), y))


def _features(side: Side) -> Array:
    """Numbers and codes, and what is said of pictures and texts in numbers, side by side `(N, F)`."""
    blocks = [table_of(side.data, side.rows).values]
    for fitted in side.data.preparation.columns:
        if fitted.input == "text":
            blocks += [np.stack(list(_of_texts(fitted, side).values()), axis=1), _words(fitted, side)]
        elif fitted.input == "picture":
            blocks.append(np.stack(list(_of_pictures(fitted, side).values()), axis=1))
    return np.concatenate(blocks, axis=1)


def _words(fitted: Fitted, side: Side, width: int = 32) -> Array:
    """How many tokens of a text fall into each of some buckets of its vocabulary."""
    codes = _inputs_of(side, fitted)[0]
    out = np.zeros((len(codes), width), np.float32)
    rows = np.repeat(np.arange(len(codes)), codes.shape[1])
    np.add.at(out, (rows, codes.ravel() % width), (codes.ravel() > 0).astype(np.float32))
    return out
