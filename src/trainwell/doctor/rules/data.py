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
        of the cases, far above guessing, and clearly above every other column, stands out as no honest measurement does.
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
        text = f"column {column} holds what the target is {lead} steps later (R² {purity:.3f}; the next best {following:.3f})"
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
def label_noise(
    chart: Chart,
    *,
    floor: float = 0.1,
    spread: float = 2.0,
    cleaner: float = 0.12,
    mixture: float = 0.93,
    alike: float = 0.35,
    even: float = 0.8,
) -> Finding | None:
    """TW009: Labels are wrong also where the task is easy.

    What it means: A share of the labels is wrong at random. The network first learns the truth, then the mistakes.
    Evidence: The network's own, on validation rows: among the quarter of them whose class it is surest of, the share that is
        labelled otherwise, against the same share of all, whether those labels spread evenly over four classes or more, and
        whether they stand anywhere in the network's order: hard classes are labelled as its next best. Where neighbours know as
        much as the network, they tell: among the ten nearest training rows, the share that does not hold the most frequent
        label, at the best quarter of the rows; how much it differs from row to row, against coin tosses; and whether the
        neighbours' vote is right far more often than they agree, and the network better on validation rows than on training
        rows, or the other labels spread evenly over all classes.
    Remedy: Look at the rows that are named, mend their labels, and stop early: `early_stopping=5`, `label_smoothing=0.1`.
    Reference: Northcutt et al., "Confident learning", JAIR 2021; Zhang et al., "Understanding deep learning…", 2017.

    Args:
        floor: largest healthy share of other labels in the best quarter.
        spread: how many times more varied than coin tosses honest difficulty is, at least.
        cleaner: how far the vote's score on validation rows lies above the neighbours' agreement.
        mixture: how evenly the other labels spread over the classes; 1 is evenly.
        alike: smallest share of wrong labels in the surest quarter, as a part of that of all rows, that counts as random.
        even: how evenly the labels of those rows spread over the other classes, at least.

    Example:
        >>> facts = {"neighbour_floor": 0.3, "neighbour_spread": 1.1, "labels_score": 0.9, "labels_chance": 0.1}
        >>> label_noise(Chart.of(**facts, neighbour_share=0.6, reference=0.9)).measurement["floor"]
        0.3
    """
    return _contradicted(chart, floor, alike, even) or _unlike_neighbours(chart, floor, spread, cleaner, mixture)


def _contradicted(chart: Chart, floor: float, alike: float, even: float) -> Finding | None:
    """What the network says at its end against the labels of the validation rows where it is surest."""
    last = next((r for r in reversed(chart.checks) if r.get("sure_wrong") is not None), None)
    if last is None or last.get("valid_score") is None or not chart.finished:
        return None
    share, seen = float(last["sure_wrong"]), float(last["sure_seen"])
    wrong, chance = 1 - float(last["valid_score"]), chart.number("chance", 1 / max(2.0, chart.number("classes", 2.0)))
    noise = (share * (1 - share) / max(1.0, seen)) ** 0.5
    informed = (1 - wrong - chance) / max(1e-9, 1 - chance) > 0.3
    if not informed or share - 2 * noise < floor or share < alike * wrong:
        return None
    spread = 0.5 - 2 * 0.29 / max(1.0, share * seen) ** 0.5  # ranks of labels at random, less two errors of their mean
    placed = float(last.get("sure_rank", 0.5)) >= max(0.3, spread)
    if float(last.get("sure_mixture", 0)) < even or not placed or 1 - chart.number("reference") < share:
        return None  # a simple model that agrees with more of the labels speaks against the network, not against them
    named = tuple(int(i) for i in last.get("sure_rows", ()))
    text = f"of the {seen:.0f} validation rows whose class the network is surest of, {share:.0%} are labelled otherwise"
    return Finding(text, step=int(last["step"]), rows=named, measurement={"floor": share, "wrong": wrong, "seen": seen})


def _better_unseen(chart: Chart) -> float:
    """How much better the network was on validation rows than on training rows at best: clean labels, wrong ones."""
    pairs = [(r.get("valid_score"), r.get("train_score")) for r in chart.checks]
    return max((float(v) - float(t) for v, t in pairs if v is not None and t is not None), default=1.0)


def _unlike_neighbours(
    chart: Chart, floor: float, spread: float, cleaner: float, mixture: float, ahead: float = 0.08
) -> Finding | None:
    chance, share = chart.number("labels_chance", 1.0), chart.number("neighbour_share", 1.0)
    reference, best = chart.number("reference"), chart.best("valid_score")
    informed = (chart.number("labels_score") - chance) / max(1e-9, 1 - chance) > 0.4
    low, varied = chart.number("neighbour_floor"), chart.number("neighbour_spread", 99)
    if low < floor or varied > spread or not informed:
        return None
    if "line" in str(chart.fact("reference_name", "")) or (best is not None and best > reference + 0.05):
        return None  # a line or the network knows better than neighbours do: nearness tells nothing of labels here
    told = reference - share >= cleaner and _better_unseen(chart) > ahead
    if not told and chart.number("neighbour_mixture") < mixture:
        return None
    text = f"even in the purest quarter of neighbourhoods {low:.0%} of the labels disagree, evenly over all rows"
    return Finding(text, measurement={"floor": low, "spread": varied, "agree": chart.number("neighbour_share")})


@diagnoses.register
def unrelated_labels(chart: Chart, *, margin: float = 0.15) -> Finding | None:
    """TW010: Nothing in the inputs tells the labels: rows and labels have probably lost each other.

    What it means: Neither simple models nor the network find anything that holds on other rows. Either the order of rows and
        labels was broken (a shuffle of one of them), or the inputs do not hold the answer.
    Evidence: Nearest neighbours and a ridge line on the same split, beside the network. All must be near guessing: a hard task
        that the network does learn is none of this.
    Remedy: Check that inputs and labels are read, sorted and shuffled together: print some rows with their labels.
    Reference: Zhang et al., "Understanding deep learning requires rethinking generalization", 2017, train on such labels.

    Args:
        margin: share of the way from guessing to all right below which a model has found nothing.

    Example:
        >>> rows = [{"split": "check", "step": 900, "valid_score": 0.11}, {"split": "end"}]
        >>> unrelated_labels(Chart.of(rows, reference=0.12, chance=0.1, labels_score=0.11, labels_chance=0.1)).severity
        'error'
    """
    reference, chance, score = chart.fact("reference"), chart.number("chance"), chart.score
    if reference is None or score is None or not chart.finished or max(chance, chart.number("majority")) > 0.8:
        return None  # where one class is nearly all, guessing is nearly right and tells nothing
    limit = chance + margin * (1 - chance)
    inside = chart.number("labels_score") - chart.number("labels_chance")
    if reference > limit or score > limit or inside > margin:
        return None
    name = chart.fact("reference_name", "the reference")
    text = f"guessing scores {chance:.2f}, {name} {reference:.2f}, the network {score:.2f}"
    return Finding(text, severity="error", measurement={"chance": chance, "reference": reference, "score": score})


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
def wild_augmentation(chart: Chart, *, factor: float = 2.0) -> Finding | None:
    """TW013: Training batches look very different from the training rows they come from.

    What it means: Augmentation drowns the example. The network learns the noise's average, and is judged on clean rows.
    Evidence: Spread of the batches over the spread of the raw training rows (or of the evaluated rows, where only the loop is
        known); flips, shifts and colours stay near 1.
    Remedy: Lower the strength until a person still names the example at a glance, and compare with none: `augment=[]`.
    Reference: TheDeepChecker (ISSTA 2022) compares raw and augmented; Cubuk et al., "RandAugment", 2020, on strength.

    Args:
        factor: largest healthy ratio of the spreads.

    Example:
        >>> wild_augmentation(Chart.of([{"split": "probe", "step": 5, "batch_scale": 3.2}], input_std=1.0, rows_train=9)).step
        5
    """
    raw = chart.fact("input_std" if chart.fact("rows_train") is not None else "judged_std")
    seen = [(int(r["step"]), float(r["batch_scale"])) for r in chart.probes if "batch_scale" in r]
    if raw is None or not seen or raw <= 0:
        return None
    step, ratio = next(((s, v / raw) for s, v in seen if v > factor * raw), (0, 0.0))
    if not ratio:
        return None
    return Finding(f"batches are {ratio:.1f} times as spread as the training rows", step=step, measurement={"ratio": ratio})
