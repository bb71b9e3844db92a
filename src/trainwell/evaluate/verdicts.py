"""Sentences that an evaluation may say: better or worse than what is free, and learned too much or too little."""

from __future__ import annotations

import math

from trainwell.core.stats import Interval, percentile_interval
from trainwell.evaluate.evaluation import Baseline, Fit, Gap, Judgement, label, rows_named
from trainwell.score.metric import Statistic, resampled
from trainwell.score.predictions import Array, Predictions
from trainwell.score.registry import metrics
from trainwell.score.scores import statistics_of

#: Overfit: training rows are better by at least this share of what is left to improve …
HEART = 0.25
#: … and, for scores without a unit, by at least this much: 1.000 against 0.994 is no illness.
WORTH_SAYING = 0.02


def gap_to(network: Predictions, rival: Predictions, baseline: Baseline, names: list[str], primary: str) -> Gap:
    """How much better the network is than a baseline on the same rows, resampled together.

    Args:
        network: its predictions.
        rival: the baseline's, on the same rows.
        baseline: its name and scores.
        names: metrics to compare.
        primary: the metric that decides.
    """
    mine, theirs = statistics_of(network, names), statistics_of(rival, names)
    differences = paired_differences(mine, theirs, network.groups)
    difference = differences.pop(primary)
    judgement: Judgement = "better" if difference.low > 0 else "worse" if difference.high < 0 else "unclear"
    sentence = _against(judgement, baseline, primary, difference)
    return Gap(baseline.name, primary, difference, judgement, sentence, differences)


def paired_differences(
    mine: dict[str, Statistic], theirs: dict[str, Statistic], groups: Array | None = None
) -> dict[str, Interval]:
    """How much better the first is in every metric, positive for better: both see the same resamples of the rows."""
    draws = resampled(
        {f"{side} {k}": s for side, given in (("a", mine), ("b", theirs)) for k, s in given.items()}, groups=groups
    )
    found = {}
    for name, statistic in mine.items():
        sign = 1.0 if metrics[name].higher_is_better else -1.0
        value = sign * (statistic.value - theirs[name].value)
        found[name] = percentile_interval(value, sign * (draws[f"a {name}"] - draws[f"b {name}"]), statistic.n)
    return found


def _against(judgement: Judgement, baseline: Baseline, primary: str, difference: Interval) -> str:
    what, limits = label(primary), difference.limits(sign=True)
    size = f"{abs(difference.value):,.{difference.decimals}f}"
    if judgement == "better":
        return f"beats the best free baseline ({baseline.name}) by {size} {what} ({limits})"
    if judgement == "worse":
        lost = f"loses to a free baseline ({baseline.name}) by {size} {what} ({limits})"
        return f"{lost}: use that instead, or train longer or larger (preset=best)"
    signed = f"{difference.value:+,.{difference.decimals}f} {what} ({limits})"
    return f"no clear difference to the best free baseline ({baseline.name}): {signed}"


def judge_fit(train: Predictions, test: Predictions, primary: str, *, part: str, best_free: float | None) -> Fit:
    """Overfit, underfit or neither, from the scores on training and on unseen rows.

    Overfit: training rows are clearly better, and by at least a quarter of what is left to improve. Underfit: even on its own
    training rows the network is clearly worse than the best free baseline is on unseen ones.

    Args:
        train: predictions of training rows, or of a sample of them.
        test: predictions of unseen rows.
        primary: the metric compared.
        part: what the unseen rows are called.
        best_free: the best baseline's score on the unseen rows; None without baselines.
    """
    metric = metrics[primary]
    seen, unseen = metric.interval(train), metric.interval(test)
    sign = 1.0 if metric.higher_is_better else -1.0
    difference = _unpaired(seen, unseen, sign)
    perfect = metric.bounds[1] if metric.higher_is_better else metric.bounds[0]
    least = max(HEART * abs(perfect - unseen.value), 0.0 if metric.in_unit else WORTH_SAYING)
    d = unseen.decimals
    what = f"{label(primary)} {seen.value:,.{d}f} on training rows and {unseen.value:,.{d}f} on {rows_named(part)}"
    if difference.low > 0 and difference.value >= least:
        apart = difference.limits(sign=True)
        sentence = f"overfit: {what} ({apart} between them); more regularisation, data or augmentation may help"
        return Fit(primary, seen, unseen, difference, "overfit", sentence)
    if best_free is not None and sign * ((seen.high if sign > 0 else seen.low) - best_free) < 0:
        sentence = (
            f"underfit: {what}, where a free baseline reaches {best_free:,.{d}f}; a larger network or more steps may help"
        )
        return Fit(primary, seen, unseen, difference, "underfit", sentence)
    return Fit(primary, seen, unseen, difference, "balanced", f"neither overfit nor underfit: {what}")


def _unpaired(a: Interval, b: Interval, sign: float) -> Interval:
    """The difference of two independent estimates: squared half-widths add up (Newcombe 1998)."""
    value = a.value - b.value
    low = value - math.hypot(a.value - a.low, b.high - b.value)
    high = value + math.hypot(a.high - a.value, b.value - b.low)
    return Interval(value, low, high, min(a.n, b.n)) if sign > 0 else Interval(-value, -high, -low, min(a.n, b.n))
