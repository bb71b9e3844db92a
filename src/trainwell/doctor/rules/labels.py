"""Diagnoses of the labels: some that are wrong, or all that have lost their rows."""

from __future__ import annotations

from trainwell.doctor.chart import Chart
from trainwell.doctor.finding import Finding
from trainwell.doctor.registry import diagnoses


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


def _ranks(chart: Chart) -> bool:
    """Whether validation rows are put in an order that chance would not give: where classes are unequal, accuracy hides it."""
    found = [float(row["auroc"]) for row in chart.part("valid") if row.get("auroc") is not None]
    rows = chart.number("rows_valid") * chart.number("class_smallest") / max(1.0, chart.number("rows_train"))
    return bool(found) and rows > 0 and found[-1] - 0.5 > 3 * 0.29 / rows**0.5  # three errors of an AUROC of chance


@diagnoses.register
def unrelated_labels(chart: Chart, *, margin: float = 0.15) -> Finding | None:
    """TW010: Nothing in the inputs tells the labels: rows and labels have probably lost each other.

    What it means: Neither simple models nor the network find anything that holds on other rows. Either the order of rows and
        labels was broken (a shuffle of one of them), or the inputs do not hold the answer.
    Evidence: Nearest neighbours and a ridge line on the same split, beside the network. All must be near guessing: a hard task
        that the network does learn is none of this, nor one in which it ranks rows better than chance (AUROC).
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
    if reference > limit or score > limit or inside > margin or _ranks(chart):
        return None
    name = chart.fact("reference_name", "the reference")
    text = f"guessing scores {chance:.2f}, {name} {reference:.2f}, the network {score:.2f}"
    return Finding(text, severity="error", measurement={"chance": chance, "reference": reference, "score": score})
