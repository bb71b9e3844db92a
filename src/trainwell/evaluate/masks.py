"""What is judged of masks: scores of every class, free baselines, and the pictures that went wrong.

N pictures of H x W pixels, K classes, P pixels.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np

from trainwell.core.seeds import draw_seed
from trainwell.core.shape import UNJUDGED
from trainwell.core.stats import Floats, Interval
from trainwell.data.splits import spread
from trainwell.evaluate.baseline_output import BaselineOutput
from trainwell.evaluate.evaluation import ClassScore, Evaluation
from trainwell.score.metric import Statistic, intervals, ratio
from trainwell.score.metrics.pixels import pixel_counts
from trainwell.score.predictions import Array, Predictions

if TYPE_CHECKING:
    from trainwell.data.data import Data

#: Training pictures that baselines look at, pixels that trees learn from, and that they are judged on.
MOST_PICTURES, LEARNT, JUDGED = 2_000, 40_000, 400_000
#: Boosting rounds for two classes; every class needs a tree of its own, so many classes get fewer.
ROUNDS, TREES = 60, 300
#: Confusions shown, and sides of the squares around a pixel whose mean colour trees see.
MISTAKES, AROUND = 10, (5, 17)


def add_pixels(found: Evaluation, p: Predictions) -> None:
    """Pixels of each true class by what was said, the most frequent confusions, and every class on its own."""
    counts = pixel_counts(p)
    total = counts.sum(axis=0)
    found.confusion = [[int(n) for n in row] for row in total]
    wrong = total.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MISTAKES]
    pairs = [divmod(int(place), p.n_out) for place in order if wrong.flat[place]]
    found.mistakes = [(p.names[true], p.names[said], int(wrong[true, said])) for true, said in pairs]
    found.per_class = [_class_score(p.names[k], counts, k) for k in range(p.n_out)]


def _class_score(name: str, counts: Floats, k: int) -> ClassScore:
    """Of one class, over all pixels: precision, recall (pictures are resampled for its interval), and Dice, which is F1."""
    hits, true, said = counts[:, k, k], counts[:, k, :].sum(axis=1), counts[:, :, k].sum(axis=1)
    recall = Statistic(len(counts), lambda w: ratio(w @ hits, w @ true, empty=np.nan))
    there = true.sum() > 0
    found = intervals({"recall": recall})["recall"] if there else Interval(math.nan, math.nan, math.nan, 0)
    precision = ratio(hits.sum(), said.sum(), empty=np.nan)
    dice = ratio(2 * hits.sum(), said.sum() + true.sum(), empty=np.nan)
    return ClassScore(name, int(true.sum()), float(precision), found, float(dice))


def mask_baselines(data: Data, part: str) -> list[BaselineOutput]:
    """Answers that cost nothing: the commonest class, the commonest one at each place, and trees that see colours and place."""
    rows = data.rows["train"]
    rows = spread(rows, MOST_PICTURES)
    started = time.perf_counter()
    votes = _votes(data, rows)
    common, by_place = np.full(votes.shape[1:], votes.sum(axis=(1, 2)).argmax()), votes.argmax(axis=0)
    seconds = time.perf_counter() - started
    found = [
        BaselineOutput("most frequent class", _everywhere(data, part, common), seconds),
        BaselineOutput("most frequent class by place", _everywhere(data, part, by_place), seconds),
    ]
    return [*found, _trees(data, part, rows)]


def _votes(data: Data, rows: Array) -> Floats:
    """How many of these rows have each class at each place, `(K, H, W)`."""
    target = data.arrays["target"]
    votes = np.zeros((data.n_out, *target.shape[1:]))
    for row in rows:
        for k in np.unique(target[row]):
            if k != UNJUDGED:
                votes[k] += target[row] == k
    return votes


def _everywhere(data: Data, part: str, said: Array) -> Array:
    """The same mask for every picture of a part, counted."""
    return np.stack([_counted(data.arrays["target"][row], said, data.n_out) for row in data.rows[part]])


def _counted(true: Array, said: Array, k: int) -> Array:
    """Pixels of each true class by what is said, `(K * K,)`."""
    known = true != UNJUDGED
    return np.bincount(true[known].astype(np.int64) * k + said[known], minlength=k * k)


def _trees(data: Data, part: str, rows: Array) -> BaselineOutput:
    """Gradient-boosted trees on single pixels: their colour, the mean colours around them, and where they lie."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    started = time.perf_counter()
    target, judged, k = data.arrays["target"], data.rows[part], data.n_out
    height, width = target.shape[1:]
    step = max(1, math.ceil(math.sqrt(len(judged) * height * width / JUDGED)))
    few = spread(rows, LEARNT // 100)
    draw = np.random.default_rng(draw_seed(0, "pixels"))
    x, y = zip(*(_some(data, int(row), draw, -(-LEARNT // len(few))) for row in few), strict=True)
    learnt = np.concatenate(y)
    if len(np.unique(learnt)) < 2:
        return BaselineOutput("trees on pixels", _everywhere(data, part, np.full((height, width), learnt[0])), 0.0)
    rounds = min(ROUNDS, max(10, TREES // k))
    fitted = HistGradientBoostingClassifier(max_iter=rounds, early_stopping=False, random_state=0).fit(
        np.concatenate(x), learnt
    )
    counts = []
    for row in judged:
        true, seen = target[row][::step, ::step], _seen(data, int(row))[::step, ::step]
        counts.append(_counted(true, fitted.predict(seen.reshape(-1, seen.shape[2])).reshape(true.shape), k))
    note = f"judged on one pixel of {step * step}" if step > 1 else ""
    return BaselineOutput("trees on pixels", np.stack(counts), time.perf_counter() - started, note)


def _some(data: Data, row: int, draw: np.random.Generator, n: int) -> tuple[Floats, Array]:
    """Some judged pixels of a picture: what trees see of them `(P, F)`, and their classes `(P,)`."""
    known = np.flatnonzero(data.arrays["target"][row] != UNJUDGED)
    chosen = draw.choice(known, min(n, len(known)), replace=False)
    seen = _seen(data, row)
    return seen.reshape(-1, seen.shape[2])[chosen], data.arrays["target"][row].reshape(-1)[chosen].astype(np.int64)


def _seen(data: Data, row: int) -> Floats:
    """Colour, mean colours around, and place of every pixel, `(H, W, F)` float32."""
    from scipy.ndimage import uniform_filter

    pixels = np.asarray(data.arrays[data.shape.names[0]][row], np.float32).transpose(1, 2, 0)  # (H, W, C)
    around = [uniform_filter(pixels, (side, side, 0), mode="nearest") for side in AROUND]
    place = np.stack(np.meshgrid(*(np.linspace(0, 1, n, dtype=np.float32) for n in pixels.shape[:2]), indexing="ij"), axis=2)
    return np.concatenate([pixels, *around, place], axis=2)
