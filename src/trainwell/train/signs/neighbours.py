"""A reference on the same rows that costs milliseconds: nearest neighbours and a ridge line.

It tells "the network is broken" from "the task is hard" from "the labels carry nothing".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from trainwell.train.signs.targets import as_classes

#: Rows that serve as neighbours, rows that are judged, and how many neighbours vote.
KNOWN, JUDGED, K = 2000, 500, 10
#: Numbers per row at most; wider rows are thinned out.
WIDTH = 1024


def neighbour_facts(x: np.ndarray, y: np.ndarray, x_valid: np.ndarray | None, y_valid: np.ndarray | None) -> dict[str, Any]:
    """Scores of simple models, the level of guessing, and how pure the neighbourhoods of training rows are.

    Args:
        x: training inputs `(N, …)`; whole numbers (codes) have no distances, and nothing is said about them.
        y: training targets.
        x_valid: inputs to be judged; None judges training rows by the others.
        y_valid: their targets.
    """
    if x.dtype.kind != "f" or len(x) < 40:
        return {}
    known = _thin(len(x), KNOWN)
    a = _rows(x[known])
    centre, spread = a.mean(axis=0), a.std(axis=0)
    spread[spread < 1e-6] = 1.0
    if x.ndim > 2:
        spread[:] = a.std() or 1.0
    a = (a - centre) / spread
    codes = as_classes(y)
    inside = _leave_one_out(a, y[known] if codes is None else codes[known], codes is not None)
    if x_valid is None or y_valid is None or len(x_valid) < 20:
        return inside
    if codes is None and (y.size == x.size or np.isin(y, (0, 1)).all()):
        return inside  # inputs that are their own target, or labels that hold together: a line is no measure for these
    judged = _thin(len(x_valid), JUDGED)
    b = (_rows(x_valid[judged]) - centre) / spread
    return inside | _reference(a, y[known], b, y_valid[judged])


def _thin(n: int, most: int) -> np.ndarray:
    return np.sort(np.random.default_rng(0).permutation(n)[:most])


def _rows(x: np.ndarray) -> np.ndarray:
    flat = x.reshape(len(x), -1)
    step = max(1, flat.shape[1] // WIDTH)
    return np.asarray(flat[:, ::step], dtype=np.float64)


def _nearest(a: np.ndarray, b: np.ndarray, k: int) -> np.ndarray:
    """Places of the k rows of `a` nearest to each row of `b`, `(len(b), k)`, the nearest first."""
    distance = (b**2).sum(1)[:, None] + (a**2).sum(1)[None] - 2 * b @ a.T
    some = np.argpartition(distance, k - 1, axis=1)[:, :k]
    return np.take_along_axis(some, np.argsort(np.take_along_axis(distance, some, axis=1), axis=1), axis=1)


def _leave_one_out(a: np.ndarray, y: np.ndarray, classes: bool) -> dict[str, Any]:
    """Purity of the neighbourhoods of training rows, the row itself left out, and what the others' vote is worth."""
    if not classes:
        return {}
    places = _nearest(a, a[:JUDGED], min(K + 1, len(a) - 1))
    # The row itself is the nearest, or one of its copies is.
    votes = y[places[:, 1:]]
    n_classes = int(y.max()) + 1
    counts = np.stack([np.bincount(v, minlength=n_classes) for v in votes])
    top = counts.max(axis=1) / votes.shape[1]
    chance = float(np.bincount(y).max() / len(y))
    share = float(top.mean())
    expected = share * (1 - share) / votes.shape[1]
    return {
        "neighbour_floor": float(np.quantile(1 - top, 0.25)),
        "neighbour_share": share,
        "neighbour_spread": float(top.var() / expected) if expected > 1e-9 else 99.0,
        "neighbour_mixture": _mixture(counts),
        "labels_score": _balanced(counts.argmax(axis=1), y[:JUDGED]),
        "labels_chance": 1 / max(1, len(np.unique(y))),
        "inside_score": float((counts.argmax(axis=1) == y[:JUDGED]).mean()),
        "majority": chance,
    }


def _mixture(counts: np.ndarray) -> float:
    """How evenly the other labels of a neighbourhood spread over the other classes, given the most frequent one: 1 is evenly.

    Classes that overlap mix with their neighbours; labels that are wrong at random mix with all.
    """
    n_classes = counts.shape[1]
    if n_classes < 4:
        return 0.0
    top = counts.argmax(axis=1)
    found = []
    for k in np.unique(top):
        other = np.delete(counts[top == k].sum(axis=0), k).astype(float)
        if other.sum() >= 5 * n_classes:
            shares = other[other > 0] / other.sum()
            found.append(float(-(shares * np.log(shares)).sum() / np.log(n_classes - 1)))
    return float(np.mean(found)) if found else 0.0


def _balanced(answer: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean([(answer[truth == k] == k).mean() for k in np.unique(truth)]))


def _reference(a: np.ndarray, y: np.ndarray, b: np.ndarray, y_valid: np.ndarray) -> dict[str, Any]:
    """The better of nearest neighbours and a ridge line on the judged rows, and what guessing gives."""
    codes, truth = as_classes(y), as_classes(y_valid)
    places = _nearest(a, b, min(K, len(a)))
    if codes is not None and truth is not None:
        n = int(max(codes.max(), truth.max())) + 1
        hot = np.eye(n)[codes]
        answers = {"10 nearest neighbours": hot[places].sum(axis=1).argmax(1), "a ridge line": _ridge(a, hot, b).argmax(1)}
        scores = {name: float((answer == truth).mean()) for name, answer in answers.items()}
        chance = float((truth == np.bincount(codes).argmax()).mean())
    else:
        values, real = y.reshape(len(y), -1).astype(np.float64), y_valid.reshape(len(y_valid), -1).astype(np.float64)
        guesses = {"10 nearest neighbours": values[places].mean(axis=1), "a ridge line": _ridge(a, values, b)}
        scores, chance = {name: _r2(guess, real) for name, guess in guesses.items()}, 0.0
    best = max(scores, key=lambda name: scores[name])
    return {"reference": scores[best], "reference_name": best, "chance": chance}


def _ridge(a: np.ndarray, y: np.ndarray, b: np.ndarray) -> np.ndarray:
    centre = y.mean(axis=0)
    strength = 0.1 * len(a) / 10 + 1.0
    weights = np.linalg.solve(a.T @ a + strength * np.eye(a.shape[1]), a.T @ (y - centre))
    return np.asarray(b @ weights + centre)


def _r2(guess: np.ndarray, truth: np.ndarray) -> float:
    spread = ((truth - truth.mean(axis=0)) ** 2).sum()
    return float(1 - ((truth - guess) ** 2).sum() / spread) if spread > 0 else 0.0
