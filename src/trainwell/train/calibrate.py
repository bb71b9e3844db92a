"""What is fitted on validation rows after the training: calibrated probabilities, and the threshold of a label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from trainwell.core.errors import RecipeError, did_you_mean
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.score.decision import Decision, first_best, sharpened, thresholds_to_try
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics

#: Fewest validation rows from which anything is fitted.
FEWEST = 20
#: Metrics of probabilities and ranks, which no threshold changes.
WITHOUT_THRESHOLD = ("auroc", "average_precision", "log_loss", "brier", "expected_calibration_error", "top_k_accuracy")
#: Limits of the temperature, as powers of e.
_COLDEST, _HOTTEST = -3.0, 4.0


@dataclass(frozen=True)
class Asked:
    """What the recipe wants fitted.

    Args:
        calibrate: none, temperature or isotonic.
        threshold: a probability, or the metric that it is to make best.
    """

    calibrate: str
    threshold: float | str

    @classmethod
    def by(cls, recipe: Recipe) -> Asked:
        """What a recipe says."""
        return cls(recipe.calibrate, recipe.threshold)

    @property
    def nothing(self) -> bool:
        return self.calibrate == "none" and self.threshold == 0.5


def check_decision(asked: Asked, data: Data) -> None:
    """Refuses calibration and thresholds that the data cannot have, before anything is trained.

    Raises:
        RecipeError: the target is a number or has too many classes for it, too few validation rows, an unknown metric.
    """
    if asked.nothing:
        return
    several, n = data.task == "multilabel", len(data.rows["valid"])
    if data.task not in ("classification", "multilabel"):
        raise RecipeError("calibrate and threshold are for classes, and the target has none", remedy="Leave them out.")
    if asked.calibrate == "isotonic" and (several or data.n_out != 2):
        raise RecipeError("calibrate=isotonic is for two classes", remedy="Use calibrate=temperature.")
    if asked.threshold != 0.5 and data.n_out != 2 and not several:
        raise RecipeError(f"a threshold is for two classes, the target has {data.n_out}", remedy="Leave threshold out.")
    if n < FEWEST and (asked.calibrate != "none" or isinstance(asked.threshold, str)):
        what = f"calibration and thresholds are fitted on validation rows, at least {FEWEST}, and there are {n}"
        raise RecipeError(what, remedy="Set split.valid=0.2, or bring a validation part.")
    if isinstance(asked.threshold, str):
        _check_metric(asked.threshold, data)
    elif not 0 < asked.threshold < 1:
        raise RecipeError(f"threshold={asked.threshold} is no probability between 0 and 1", remedy="Give 0.3, or a metric: f1.")


def _check_metric(name: str, data: Data) -> None:
    where, fitting = "recipe key 'threshold'", [n for n in metrics.names() if data.task in metrics[n].tasks]
    fitting = [n for n in fitting if n not in WITHOUT_THRESHOLD]
    if name not in metrics:
        raise RecipeError(f"there is no metric {name!r}", where=where, remedy=did_you_mean(name, fitting))
    if metrics[name].__name__ not in fitting:
        raise RecipeError(f"no threshold changes {name!r}", where=where, remedy=f"Use one of: {', '.join(fitting)}.")


def decided(asked: Asked, valid: Predictions) -> dict[str, Any]:
    """What was asked, fitted on validation rows, as `run.json` keeps it under `decision`; empty where nothing was asked.

    Args:
        asked: calibration and threshold.
        valid: uncorrected predictions of the validation rows.

    Example:
        >>> sure = np.array([0.99, 0.99, 0.99, 0.01] * 10)                        # says 99%, is right in three of four
        >>> valid = Predictions("classification", np.stack([1 - sure, sure], 1), np.array([1, 1, 0, 0] * 10))
        >>> kept = decided(Asked("temperature", 0.5), valid)
        >>> kept["temperature"] > 2
        True
    """
    if asked.nothing:
        return {}
    several, found = valid.task == "multilabel", Decision(ordered=valid.decision is not None and valid.decision.ordered)
    if asked.calibrate != "none":
        found = replace(found, temperature=temperature_of(valid))
    if asked.calibrate == "isotonic":
        found = replace(found, temperature=1.0, steps=_steps(valid))
    kept: dict[str, Any] = {"calibrate": asked.calibrate, "rows": len(valid)}
    if isinstance(asked.threshold, str):
        corrected = replace(valid, output=found.probabilities(valid.output, several=several))
        found, curve = _best_threshold(corrected, found, asked.threshold)
        kept |= {"for": metrics[asked.threshold].__name__, "curve": curve}
    elif asked.threshold != 0.5:
        found = replace(found, thresholds=(float(asked.threshold),))
    plain = found.to_dict()
    del plain["ordered"]
    return kept | plain


def temperature_of(valid: Predictions) -> float:
    """The temperature under which the labels of these rows are most likely."""
    several = valid.task == "multilabel"
    p = np.asarray(valid.output, np.float64)
    rows = np.stack([1 - p, p], -1).reshape(-1, 2) if several else p
    target = np.asarray(valid.target, np.int64).reshape(-1)

    def loss(power: float) -> float:
        true = sharpened(rows, float(np.exp(power)))[np.arange(len(rows)), target]
        return float(-np.log(np.maximum(true, 1e-12)).mean())

    best = minimize_scalar(loss, bounds=(_COLDEST, _HOTTEST), method="bounded")
    return round(float(np.exp(best.x)), 6)


def _steps(valid: Predictions) -> tuple[tuple[float, float], ...]:
    """A rising line from said to true probabilities of the second class, kept off 0 and 1 by half a row."""
    from sklearn.isotonic import IsotonicRegression

    edge = 0.5 / len(valid)
    line = IsotonicRegression(y_min=edge, y_max=1 - edge, out_of_bounds="clip")
    line.fit(np.asarray(valid.output[:, 1], np.float64), np.asarray(valid.target, np.float64))
    points = zip(line.X_thresholds_.tolist(), line.y_thresholds_.tolist(), strict=True)
    return tuple((round(x, 9), round(y, 9)) for x, y in points)


def _best_threshold(valid: Predictions, found: Decision, name: str) -> tuple[Decision, list[list[float]]]:
    """The decision with the threshold that makes a metric best, and the metric over all thresholds tried."""
    metric = metrics[name]
    tried = thresholds_to_try(_scores(valid))
    scores = [metric(_under(valid, t)) for t in tried]
    best = first_best(scores, tried, higher_is_better=metric.higher_is_better)
    curve = [[round(float(t), 6), round(float(s), 6)] for t, s in zip(tried, scores, strict=True) if np.isfinite(s)]
    return replace(found, thresholds=(float(tried[best]),)), curve


def _scores(valid: Predictions) -> NDArray[Any]:
    return np.asarray(valid.output[:, 1] if valid.task == "classification" else valid.output.ravel())


def _under(valid: Predictions, threshold: float) -> Predictions:
    return replace(valid, decision=Decision(thresholds=(float(threshold),)))
