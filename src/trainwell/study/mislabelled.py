"""Which labels look wrong: those that networks that never saw the row are confident to be another class.

N rows, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trainwell.core.atomic import write_atomic, write_json
from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.corrections import CORRECTED, GIVEN, ROW
from trainwell.data.data import Data
from trainwell.data.demand import demand
from trainwell.study.cross_validate import cross_validate
from trainwell.train.job import Observer

#: Raw cells shown per row, and characters of each.
MOST_CELLS, LONGEST_CELL = 8, 200

Array = NDArray[Any]


@dataclass(frozen=True)
class Suspect:
    """One row whose label looks wrong.

    Args:
        row: its number in the source (the first row is 0).
        given: its label.
        suggested: what the networks say.
        p_given: the probability they give its label.
        p_suggested: and their own.
        cells: some of the row's raw values.
    """

    row: int
    given: str
    suggested: str
    p_given: float
    p_suggested: float
    cells: dict[str, str] = field(default_factory=dict)


def shortened(suspect: Suspect, most: int = 36) -> str:
    """What a row holds, as much of it as stands beside its labels.

    Example:
        >>> shortened(Suspect(3, "bad", "good", 0.1, 0.9, {"age": "41", "said": "Quick, warm and friendly. See you."}))
        '41, Quick, warm and friendly. See y…'
    """
    held = " ".join(", ".join(suspect.cells.values()).split())
    return held if len(held) <= most else f"{held[: most - 1]}…"


@dataclass(frozen=True)
class Mislabelled:
    """Rows whose labels look wrong, the worst first.

    Args:
        target: the column of labels.
        rows: rows judged.
        suspects: the worst first.
        rate: estimated share of wrong labels; too high where classes overlap.
        noise: `(given, true, share of the rows with that true class)`, the largest first.
        accuracy: of the networks on the given labels.
        folds: networks that judged.
    """

    target: str
    rows: int
    suspects: list[Suspect]
    rate: float
    noise: list[tuple[str, str, float]]
    accuracy: float
    folds: int

    @property
    def sentence(self) -> str:
        """The result in one line."""
        n = len(self.suspects)
        if not n:
            return f"no label of {self.target!r} in {self.rows:,} rows looks wrong to networks that never saw the row"
        pairs = "; ".join(f"{given} for {true} ({share:.1%})" for given, true, share in self.noise[:3])
        return (
            f"{n:,} of {self.rows:,} labels of {self.target!r} look wrong; about {self.rate:.1%} are, "
            f"or fewer where classes overlap; most often {pairs} of the rows of that class"
        )

    def __str__(self) -> str:
        lines = [
            f"row {s.row:>7,}  {s.given} → {s.suggested}  ({s.p_given:.1%} against {s.p_suggested:.1%})  {shortened(s)}"
            for s in self.suspects[:20]
        ]
        return "\n".join([self.sentence, *(line.rstrip() for line in lines)])

    def frame(self) -> pl.DataFrame:
        """One row per suspect: row, given, corrected (empty, to be filled in), suggested, probabilities, cells."""
        columns: dict[str, list[Any]] = {ROW: [s.row for s in self.suspects], GIVEN: [s.given for s in self.suspects]}
        columns |= {CORRECTED: [None] * len(self.suspects), "suggested": [s.suggested for s in self.suspects]}
        columns |= {"p_given": [s.p_given for s in self.suspects], "p_suggested": [s.p_suggested for s in self.suspects]}
        cells = list(dict.fromkeys(name for s in self.suspects for name in s.cells if name not in columns))
        columns |= {name: [s.cells.get(name, "") for s in self.suspects] for name in cells}
        return pl.DataFrame(columns, schema_overrides={ROW: pl.Int64, CORRECTED: pl.String})

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"sentence": self.sentence}

    def save(self, folder: str | Path) -> None:
        """Write `mislabelled.json` and `corrections.csv`; a file of corrections that somebody began to fill in is kept."""
        folder = Path(folder)
        write_json(folder / "mislabelled.json", self.to_dict(), indent=1, ensure_ascii=False)
        path = folder / "corrections.csv"
        if not (path.exists() and pl.read_csv(path, infer_schema=False)[CORRECTED].drop_nulls().len()):
            write_atomic(path, self.frame().write_csv())


def mislabelled(
    recipe: Recipe,
    data: Data,
    *,
    folds: int = 5,
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
) -> Mislabelled:
    """Find labels that look wrong, by confident learning on out-of-fold predictions.

    Every row is judged by a network that was trained on other folds. How many labels are wrong is estimated from the rows that
    are surer of another class than rows of that class are on average; so many rows are named, those first that the networks are
    surest to call otherwise. Where classes overlap, rows that nobody can tell are among them, and the estimate is too high.

    Args:
        recipe: how to train the networks; `auto` is filled in from the data.
        data: loaded data with classes; a test part that the source brings is not judged.
        folds: networks; 5 or 10 are usual.
        folder: where the runs, the list and the file of corrections are kept; the same call again trains only what is missing.
        observers: as in `fit_many`.

    Raises:
        UsageError: the target has no classes.

    Source: Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR 2021.

    Example:
        >>> from trainwell.data.load import load
        >>> found = mislabelled(Recipe(preset="quick", model="mlp", epochs=20), load("iris"), folds=3)
        >>> found.rows, found.rate < 0.3
        (150, True)
    """
    demand(data, recipe)
    if data.task != "classification":
        raise UsageError("labels are judged by their class, and the target has none", remedy="Choose a target with classes.")
    judged = cross_validate(recipe, data, folds=folds, folder=Path(folder) / "runs" if folder is not None else None,
                            observers=observers)  # fmt: skip
    p, rows = judged.out_of_fold[0], judged.judged[0]
    output, given = np.asarray(p.output, np.float64), np.asarray(p.target)
    joint, likely = confident_joint(output, given), output.argmax(axis=1)
    order = suspicious(output, given, round(float(joint.sum() - np.trace(joint))))
    cells = _cells(data, rows[order])
    suspects = [
        Suspect(int(rows[i]), p.names[given[i]], p.names[likely[i]], round(float(output[i, given[i]]), 4),
                round(float(output[i, likely[i]]), 4), shown)
        for i, shown in zip(order, cells, strict=True)
    ]  # fmt: skip
    share = joint / joint.sum()
    found = Mislabelled(
        target=data.preparation.target.names[0],
        rows=len(rows),
        suspects=suspects,
        rate=float(1 - np.trace(share)),
        noise=_noise(share, p.names),
        accuracy=float((output.argmax(axis=1) == given).mean()),
        folds=folds,
    )
    if folder is not None:
        found.save(folder)
    return found


def confident(output: Array, given: Array) -> Array:
    """The class that each row confidently is, `(N,)`; -1 for rows that are sure of none.

    Args:
        output: out-of-fold probabilities `(N, K)`.
        given: labels `(N,)`.

    Example:
        >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.95, 0.05]])
        >>> confident(p, np.array([0, 0, 1, 1])).tolist()
        [0, -1, 1, 0]
    """
    sure = np.where(output >= thresholds(output, given), output, -1.0)
    return np.where(sure.max(axis=1) >= 0, sure.argmax(axis=1), -1)


def suspicious(output: Array, given: Array, most: int) -> Array:
    """Rows that the networks call otherwise, at most so many, those first that they are surest of `(M,)`.

    Example:
        >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.95, 0.05]])
        >>> suspicious(p, np.array([0, 1, 1, 1]), 5).tolist()
        [3, 1]
    """
    margin = output[np.arange(len(given)), given] - output.max(axis=1)
    other = np.flatnonzero(output.argmax(axis=1) != given)
    return other[np.argsort(margin[other], kind="stable")][:most]


def thresholds(output: Array, given: Array) -> Array:
    """How sure the networks are of each class on average where it is the label, `(K,)`; 1 for classes without rows."""
    k = output.shape[1]
    counts = np.bincount(given, minlength=k)
    sums = np.bincount(given, output[np.arange(len(given)), given], minlength=k)
    # A class whose average is reached by rounding alone must not lose all its rows.
    return np.where(counts > 0, sums / np.maximum(counts, 1) - 1e-12, 1.0)


def confident_joint(output: Array, given: Array) -> Array:
    """Estimated rows by given (first axis) and true class `(K, K)`; each given class keeps its number of rows."""
    k = output.shape[1]
    likely = confident(output, given)
    sure = likely >= 0
    counts = np.bincount(given[sure] * k + likely[sure], minlength=k * k).reshape(k, k).astype(np.float64)
    own = np.bincount(given, minlength=k).astype(np.float64)
    bare = counts.sum(axis=1) == 0
    counts[bare, bare] = own[bare]
    calibrated = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12) * own[:, None]
    return np.asarray(calibrated)


def _noise(share: Array, names: Sequence[str]) -> list[tuple[str, str, float]]:
    """Shares of the rows of each true class that are called something else, the largest first."""
    true = share / np.maximum(share.sum(axis=0), 1e-12)
    np.fill_diagonal(true, 0)
    order = np.argsort(-true, axis=None, kind="stable")[:20]
    pairs = [np.unravel_index(i, true.shape) for i in order]
    return [(names[a], names[b], round(float(true[a, b]), 4)) for a, b in pairs if true[a, b] > 0]


def _cells(data: Data, rows: Array) -> list[dict[str, str]]:
    frame = data.source.frame[rows]
    names = [n for n in frame.columns if n not in data.preparation.target.names and frame[n].dtype != pl.Binary][:MOST_CELLS]
    return [{name: _short(row[name]) for name in names} for row in frame.select(names).iter_rows(named=True)] or [
        {} for _ in rows
    ]


def _short(value: object) -> str:
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"
