"""Diagnoses of the data: what no network and no learning rate can mend."""

from __future__ import annotations

from trainwell.doctor.chart import Chart
from trainwell.doctor.finding import Finding
from trainwell.doctor.registry import diagnoses


@diagnoses.register
def bad_cells(chart: Chart) -> Finding | None:
    """TW001: Inputs or targets hold cells that are NaN or infinite.

    What it means: One such cell makes the loss NaN, and after one update every weight.
    Evidence: Cells of the training arrays that are not finite are counted; one is enough, so there is no threshold to choose.
    Remedy: Fill or drop them before training, with statistics of the training rows: `x = np.where(np.isfinite(x), x, median)`.
        `trainwell look` lists such cells, and `trainwell fit` fills them.
    Reference: TrainCheck (OSDI 2025) finds silent NaN among the most frequent faults; five known trainers run to the end
        with it.

    Example:
        >>> bad_cells(Chart.of(bad_cells=2, bad_row=7, bad_column=1)).rows
        (7,)
    """
    cells, targets = int(chart.number("bad_cells")), int(chart.number("bad_targets"))
    if not cells and not targets:
        return None
    where = f", the first in row {chart.fact('bad_row')}, column {chart.fact('bad_column')}" if cells else ""
    rows = (int(chart.fact("bad_row")),) if cells else ()
    measured = {"bad_cells": cells, "bad_targets": targets}
    text = f"{cells} input cells and {targets} targets are NaN or infinite{where}"
    return Finding(text, rows=rows, severity="error", measurement=measured)


@diagnoses.register
def unscaled_input(
    chart: Chart, *, wide: float = 20.0, far: float = 50.0, narrow: float = 0.02, apart: float = 1e4
) -> Finding | None:
    """TW002: Inputs are far from the scale that initialisation and learning rate are made for.

    What it means: Weights are drawn so that inputs of about unit spread keep their spread from layer to layer. Inputs in the
        hundreds saturate or explode, inputs near zero hardly move the first layer, and columns of unequal scale make the loss
        a ravine in which one rate is too high for one direction and too low for another.
    Evidence: Spread and mean of each column of the training rows. Bytes (spread about 70) and raw tables are caught; columns
        in [0, 1], [-1, 1] and standardised ones are not. A first layer that normalises is taken into account.
    Remedy: Standardise with the statistics of the training rows: `x = (x - x_train.mean(0)) / x_train.std(0)`. Heavy tails
        want a logarithm or quantiles; `prepare.scale=auto` does it.
    Reference: LeCun et al., "Efficient BackProp", 1998; UMLAUT's rule |x| > 1 flags every standardised table and is not used.

    Args:
        wide: largest healthy spread of a column.
        far: largest healthy distance of a column's mean from zero.
        narrow: smallest healthy spread of all inputs together.
        apart: largest healthy ratio of the widest to the narrowest column.

    Example:
        >>> unscaled_input(Chart.of(feature_std_max=73.0, feature_std_min=70.0, feature_mean_max=40.0, input_std=73.0)).code
        ''
    """
    if chart.fact("input_std") is None or chart.fact("input_normalised"):
        return None
    spread, mean, whole = chart.number("feature_std_max", 1), chart.number("feature_mean_max"), chart.number("input_std", 1)
    ratio = spread / max(chart.number("feature_std_min", spread), 1e-30)
    measured = {"spread": spread, "mean": mean, "input_std": whole, "ratio": ratio}
    reasons = {
        f"a column's spread is {spread:.3g}": spread > wide,
        f"a column's mean is {mean:.3g} away from zero": mean > far,
        f"all inputs together have a spread of {whole:.2g}": whole < narrow,
        f"the widest column is {ratio:.2g} times as wide as the narrowest": ratio > apart and spread > 3,
    }
    found = [text for text, holds in reasons.items() if holds]
    return Finding(f"the inputs are not scaled: {' and '.join(found)}", measurement=measured) if found else None


@diagnoses.register
def unscaled_target(chart: Chart, *, wide: float = 20.0, far: float = 50.0) -> Finding | None:
    """TW003: The numbers to be predicted are far from unit scale.

    What it means: The last layer starts near zero. It has to walk the whole way to the target with steps made for numbers near
        one, and squared errors in the thousands blow up the first gradients.
    Evidence: Spread and mean of the training targets. Targets in tens are still learnt by every optimizer, hence the wide
        bounds.
    Remedy: Train on `(y - y_train.mean()) / y_train.std()` and undo it in predictions. `prepare.scale_target=true` does both.
    Reference: FACTS of a peer: RMSE 236,687 on California housing with a raw target, 56,765 with a scaled one.

    Args:
        wide: largest healthy spread.
        far: largest healthy distance of the mean from zero.

    Example:
        >>> unscaled_target(Chart.of(task="regression", target_std=7700.0, target_mean=15000.0)).measurement["spread"]
        7700.0
    """
    spread, mean = chart.number("target_std"), chart.number("target_mean")
    if chart.fact("task") != "regression" or not (spread > wide or mean > far):
        return None
    text = f"the target has spread {spread:.3g} and mean {mean:.3g}"
    return Finding(text, measurement={"spread": spread, "mean": mean})


@diagnoses.register
def shifted_rows(chart: Chart, *, shift: float = 1.0, scale: float = 3.0) -> Finding | None:
    """TW004: Validation rows are on another scale than training rows: they were prepared differently.

    What it means: The network is judged on inputs it has never seen the like of; the score says nothing about the network.
    Evidence: Median over columns of the distance of the means in training deviations, and the ratio of the pooled spreads.
        Honest splits of a hundred rows stay under a tenth and within 10%; a step that one part lacks moves them by factors.
    Remedy: Fit the preparation on training rows once and apply the same object to every part: `scaler.transform(x_valid)`.
    Reference: Stack Overflow question 59325381; deepchecks, "train test feature drift".

    Args:
        shift: largest healthy median distance of the means, in deviations.
        scale: largest healthy factor between the spreads.

    Example:
        >>> shifted_rows(Chart.of(shift_mean=0.1, shift_scale=16.0)).severity
        'error'
    """
    moved, factor = chart.number("shift_mean"), chart.number("shift_scale", 1.0)
    if moved <= shift and 1 / scale <= factor <= scale:
        return None
    text = f"validation rows are {moved:.2g} deviations away from training rows and {factor:.3g} times as spread"
    return Finding(text, severity="error", measurement={"shift": moved, "scale": factor})


@diagnoses.register
def copies_across_split(chart: Chart, *, share: float = 0.05) -> Finding | None:
    """TW005: Validation rows are copies of training rows.

    What it means: The network is judged on rows it has learnt by heart; the score is too good by as much as it memorises.
    Evidence: Share of validation rows that equal a training row in every bit, less the share of training rows that repeat among
        themselves: coarse tables repeat by nature, and a fair split of them does, too.
    Remedy: Drop the copies, or keep them on one side of the split: `split.how=group`. `prepare.duplicates=auto` does it.
    Reference: Barz and Denzler, "Do we train on test data?", 2020; deepchecks takes 5%.

    Args:
        share: largest healthy share in excess of the natural one.

    Example:
        >>> copies_across_split(Chart.of(duplicates=0.5, duplicates_train=0.01, duplicate_rows=[3, 8])).rows
        (3, 8)
    """
    across, within = chart.number("duplicates"), chart.number("duplicates_train")
    if across - 2 * within <= share:
        return None
    part = chart.fact("duplicate_part", "validation")
    text = f"{across:.0%} of the {part} rows are copies of training rows (training rows repeat in {within:.1%})"
    measured = {"across": across, "within": within}
    return Finding(text, rows=tuple(chart.fact("duplicate_rows", ())), severity="error", measurement=measured)


@diagnoses.register
def leaking_column(
    chart: Chart, *, tells: float = 0.97, above_guessing: float = 0.15, above_next: float = 0.03
) -> Finding | None:
    """TW006: One column alone tells the target: it was probably made from it.

    What it means: What is learnt is that column. Where it is not known beforehand, the network is worth nothing.
    Evidence: Rows are sorted by one column, ties mixed; the three neighbours on either side vote. A column that is right in 97%
        of the cases, far above guessing, and clearly above every other column, stands out as no honest measurement does. In a
        forecast: how much of what the target's own last value leaves open a column's last value tells, for each step ahead.
    Remedy: Ask how the column comes about, and leave it out if it is known only with the answer: `columns.NAME=ignore`.
    Reference: Kaufman et al., "Leakage in data mining", TKDD 2012; the predictive power score of deepchecks.

    Args:
        tells: share of right votes (or R²) that is suspicious.
        above_guessing: how far that must lie above the most frequent class.
        above_next: how far above the next best column.

    Example:
        >>> leaking_column(Chart.of(leak_column=30, leak_purity=0.999, leak_next=0.92, leak_base=0.63)).measurement["column"]
        30
    """
    purity, following, base = (chart.number(f"leak_{k}") for k in ("purity", "next", "base"))
    if purity <= tells or purity <= base + above_guessing or purity <= following + above_next:
        return None
    column = chart.fact("leak_column")
    text = f"column {column} alone tells the target in {purity:.1%} of the rows; the next best tells {following:.1%}"
    lead = chart.fact("leak_lead")
    if lead is not None:
        text = f"column {column} holds what the target is {lead} steps later; R² {purity:.3f}, the next best {following:.3f}"
    return Finding(text, severity="error", measurement={"column": column, "purity": purity, "next": following, "base": base})


@diagnoses.register
def imbalance(chart: Chart, *, ratio: float = 10.0, recall: float = 0.5) -> Finding | None:
    """TW008: A rare class is hardly ever found.

    What it means: The loss is a mean over rows, so a class with few rows may be given up at almost no cost.
    Evidence: Rows of the largest class over those of the smallest, and the share of the worst class's validation rows that are
        found. Imbalance alone harms nothing; both together are needed. A threshold of one's own answers for itself.
    Remedy: Weigh the rare class up: `nn.CrossEntropyLoss(weight=…)`, or `class_weight=balanced`; then look at balanced
        accuracy.
    Reference: SageMaker Debugger, rule ClassImbalance (10, 0.7); He and Garcia, "Learning from imbalanced data", 2009.

    Args:
        ratio: smallest ratio of class sizes that counts.
        recall: largest recall of the worst class that counts as given up.

    Example:
        >>> rows = [{"split": "check", "step": 90, "recall_least": 0.1, "valid_score": 0.98}, {"split": "end"}]
        >>> imbalance(Chart.of(rows, class_largest=750, class_smallest=10)).measurement["ratio"]
        75.0
    """
    least = chart.last_check("recall_least")
    found = chart.number("class_largest") / max(1.0, chart.number("class_smallest", 1e9))
    asked = (
        chart.fact("threshold", 0.5) != 0.5
    )  # which class is said was thought of: judging the surest one is beside the point
    if asked or found < ratio or least is None or least >= recall or not chart.finished:
        return None
    text = f"the largest class has {found:.0f} times the rows of the smallest, and of one class only {least:.0%} are found"
    return Finding(text, measurement={"ratio": found, "recall": least})


@diagnoses.register
def not_shuffled(chart: Chart, *, share: float = 0.5) -> Finding | None:
    """TW012: Batches hold few different targets: the rows are not shuffled.

    What it means: Each batch pulls the network towards its own class, and the next one away again.
    Evidence: Variety of the targets within the first batches (entropy of classes, variance of numbers) against batches dealt
        at random from the same targets. Shuffled rows have 1, sorted ones near 0.
    Remedy: Shuffle in every epoch: `DataLoader(data, batch_size=32, shuffle=True)`.
    Reference: Bengio, "Practical recommendations for gradient-based training", 2012, section 3.1.

    Args:
        share: smallest healthy variety against dealt batches.

    Example:
        >>> not_shuffled(Chart.of([{"split": "probe", "step": 9, "label_variety": 0.1, "label_variety_random": 0.1}],
        ...     class_largest=90, class_smallest=80, classes=10, batch_size=32)).measurement["share"] < 0.1
        True
    """
    inside = chart.counter("label_variety")
    if not any("label_variety" in r for r in chart.probes):
        return None
    expected = max(chart.counter("label_variety_random"), _expected_entropy(chart))
    if expected <= 0 or inside >= share * expected:
        return None
    step = next(int(r["step"]) for r in chart.probes if "label_variety" in r)
    text = f"the targets within a batch vary only {inside / expected:.0%} as much as in shuffled batches"
    return Finding(text, step=step, severity="error", measurement={"share": inside / expected})


def _expected_entropy(chart: Chart) -> float:
    """Entropy of a shuffled batch of balanced classes; 0 where classes are not balanced or batches small."""
    from math import log

    classes, batch = chart.number("classes"), chart.number("batch_size")
    balanced = chart.number("class_largest") < 3 * chart.number("class_smallest")
    return log(classes) - (classes - 1) / (2 * batch) if classes > 1 and batch >= 8 and balanced else 0.0


@diagnoses.register
def wild_augmentation(chart: Chart, *, factor: float = 2.0, lost: float = 0.3) -> Finding | None:
    """TW013: Training batches look very different from the training rows they come from.

    What it means: Augmentation drowns the example. The network learns the noise's average, and is judged on clean rows.
    Evidence: Spread of the batches over the spread of the raw training rows (or of the evaluated rows, where only the loop is
        known); flips, shifts and colours stay near 1. Or what the network makes of changed rows and of the same ones as they
        are: where far fewer are told, and the network stays behind a simple reference, the label is gone from the changed ones.
    Remedy: Lower the strength until a person still names the example at a glance, and compare with none: `augment=[]`.
    Reference: TheDeepChecker (ISSTA 2022) compares raw and augmented; Cubuk et al., "RandAugment", 2020, on strength.

    Args:
        factor: largest healthy ratio of the spreads.
        lost: largest healthy fall of the score on training rows by their change.

    Example:
        >>> wild_augmentation(Chart.of([{"split": "probe", "step": 5, "batch_scale": 3.2}], input_std=1.0, rows_train=9)).step
        5
    """
    raw = chart.fact("input_std" if chart.fact("rows_train") is not None else "judged_std")
    seen = [(int(r["step"]), float(r["batch_scale"])) for r in chart.probes if "batch_scale" in r]
    if raw is None or not seen or raw <= 0:
        return _drowned(chart, lost)
    step, ratio = next(((s, v / raw) for s, v in seen if v > factor * raw), (0, 0.0))
    if not ratio:
        return _drowned(chart, lost)
    return Finding(f"batches are {ratio:.1f} times as spread as the training rows", step=step, measurement={"ratio": ratio})


def _drowned(chart: Chart, lost: float) -> Finding | None:
    """Whether the network tells far fewer of the changed training rows than of the same ones as they are."""
    row = next((r for r in reversed(chart.checks) if r.get("augmented_score") is not None), {})
    clean, changed = row.get("train_score"), row.get("augmented_score")
    if clean is None or changed is None or clean - changed <= lost or not chart.finished:
        return None
    if chart.fact("reference") is None or not chart.falls_short(chart.best("valid_score") or 0.0, 0.08):
        return None
    text = f"of training rows the network tells {clean:.0%}, of the same rows as they are changed {changed:.0%}"
    return Finding(text, step=int(row["step"]), measurement={"clean": clean, "changed": changed})
