"""The figures of the report: what to draw; `svg` knows how."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from trainwell.core.i18n import capital
from trainwell.evaluate.evaluation import Bin, Curve, Evaluation, Residuals, label
from trainwell.report.markup import Markup, el, say
from trainwell.report.numbers import short
from trainwell.report.svg import Axis, Panel, axis_of, smoothed

#: Colours of classes; `c1` is the grey of what is not looked at first.
CLASS_STYLES = ("c0", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c1")
#: Largest cell of a confusion matrix.
MOST_SIDE = 96.0
#: Classes up to which the confusion matrix shows numbers.
NUMBERED = 12


def figure(
    title: str, drawing: Markup, *, note: str = "", keys: Sequence[tuple[str, str]] = (), below: Markup | None = None
) -> Markup:
    """A drawing with its title, a legend whose entries can be switched off, and a line that says how to read it."""
    legend = [el("button", el("i", class_=style), say(name), type="button", data_key=i) for i, (style, name) in enumerate(keys)]
    head = el("figcaption", el("h3", say(title)), el("div", *legend, class_="legend") if legend else "")
    return el("figure", head, drawing, el("p", say(note), class_="note") if note else "", below or "")


def training_curves(rows: Sequence[Mapping[str, Any]], primary: str) -> list[Markup]:
    """Loss, validation scores and learning rate over epochs."""
    train = [r for r in rows if r.get("split") == "train" and "loss" in r]
    valid = [r for r in rows if r.get("split") == "valid"]
    if not train and not valid:
        return []
    watched = [_score_curve(valid, name) for name in _watched(valid, primary)]
    return [*_loss_curve(train, valid), *watched, *_rate_curve(train)]


def grid(drawn: Sequence[Markup]) -> Markup:
    """Figures side by side: three in a row, and two where three would leave one alone."""
    n = len(drawn)
    pairs = {0: 0, 1: 1 if n == 1 else 4, 2: 2}[n % 3]
    thirds = n - pairs
    return el("div", *(el("div", f, class_="third" if i < thirds else "half") for i, f in enumerate(drawn)), class_="grid")


def _watched(valid: Sequence[Mapping[str, Any]], primary: str) -> list[str]:
    """The validation scores drawn: the one that verdicts rest on."""
    known = [
        k for k in (valid[0] if valid else {}) if k not in {"step", "epoch", "split", "loss", "best", "seconds", "log_loss"}
    ]
    return sorted(known, key=lambda k: k != primary)[:1]


def _loss_curve(train: Sequence[Mapping[str, Any]], valid: Sequence[Mapping[str, Any]]) -> list[Markup]:
    seen = [float(r["loss"]) for r in train]
    smooth = smoothed(seen)
    unseen = [float(r["loss"]) for r in valid if "loss" in r]
    every = [*smooth, *unseen]
    far = every and min(every) > 0 and max(every) > 30 * min(every)
    panel = Panel(_epochs([*train, *valid]), axis_of(every, "", log=bool(far)), name="loss over epochs")
    epochs = [float(r["epoch"]) for r in train]
    panel.line(epochs, smooth, "c1", "training")
    panel.line([float(r["epoch"]) for r in valid if "loss" in r], unseen, "c0", "validation")
    _mark_best(panel, valid, "loss")
    note = "Training loss is a running mean." + (" The axis is logarithmic." if far else "")
    return [figure("Loss", panel.svg(), note=note, keys=[("c1", "training"), ("c0", "validation")])]


def _score_curve(valid: Sequence[Mapping[str, Any]], name: str) -> Markup:
    points = [(float(r["epoch"]), float(r[name])) for r in valid if name in r]
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    panel = Panel(_epochs(valid), axis_of(ys, ""), name=f"{label(name)} on validation rows over epochs")
    panel.line(xs, ys, "c0", label(name))
    _mark_best(panel, valid, name)
    title = capital(label(name))
    return figure(title, panel.svg(), note="On validation rows; the ring marks the weights that were kept.")


def _rate_curve(train: Sequence[Mapping[str, Any]]) -> list[Markup]:
    points = [(float(r["epoch"]), float(r["learning_rate"])) for r in train if "learning_rate" in r]
    if not points:
        return []
    top = max(rate for _, rate in points)
    panel = Panel(_epochs(train), Axis(0.0, top * 1.05 or 1.0), name="learning rate over epochs")
    panel.line([x for x, _ in points], [y for _, y in points], "c2", "learning rate")
    return [figure("Learning rate", panel.svg())]


def _epochs(rows: Sequence[Mapping[str, Any]]) -> Axis:
    return Axis(0.0, max([float(r["epoch"]) for r in rows if "epoch" in r] or [1.0]), "epoch")


def _mark_best(panel: Panel, valid: Sequence[Mapping[str, Any]], name: str) -> None:
    best = [r for r in valid if r.get("best") and name in r]
    if best:
        tip = f"kept: epoch {best[-1]['epoch']:.3g}, {label(name)} {short(best[-1][name])}"
        panel.dots([float(best[-1]["epoch"])], [float(best[-1][name])], "ring c0", [tip], radius=5)


def roc(curves: Sequence[Curve]) -> Markup:
    """ROC curves, one per class."""
    panel = Panel(Axis(0, 1, "false-positive rate"), Axis(0, 1, "true-positive rate"), square=True, name="ROC curves")
    panel.rule(0, 0, 1, 1)
    note = "Beside each class, the area under its curve. Guessing lies on the dashed line."
    return _class_curves("ROC curve", panel, curves, note)


def precision_recall(curves: Sequence[Curve]) -> Markup:
    """Precision-recall curves, one per class."""
    panel = Panel(Axis(0, 1, "recall"), Axis(0, 1, "precision"), square=True, name="precision-recall curves")
    return _class_curves("Precision and recall", panel, curves, "Beside each class, the area under its curve.")


def _class_curves(title: str, panel: Panel, curves: Sequence[Curve], note: str) -> Markup:
    keys = []
    for i, curve in enumerate(curves):
        named, style = f"{curve.name} {curve.area:.3f}", CLASS_STYLES[i % len(CLASS_STYLES)]
        panel.line(curve.x, curve.y, style, curve.name)
        keys.append((style, named))
    return figure(title, panel.svg(), note=note, keys=keys)


def calibration(e: Evaluation) -> Markup:
    """Promised against observed."""
    if e.task == "regression":
        return _value_calibration(e.calibration)
    panel = Panel(Axis(0, 1, "predicted", percent=True), Axis(0, 1, "observed", percent=True), square=True, name="calibration")
    panel.rule(0, 0, 1, 1)
    _bins(panel, e.calibration, lambda v: f"{v:.1%}")
    several = e.task == "multilabel"
    what = "a label" if several else f"being {e.names[1]}" if len(e.names) == 2 else "being right"
    note = f"Chance of {what}, as predicted and as it came. On the line, probabilities mean what they say."
    return figure("Calibration", panel.svg(), note=note)


def _value_calibration(bins: Sequence[Bin]) -> Markup:
    values = [v for b in bins for v in (b.predicted, b.observed.value)]
    both = axis_of(values, "predicted")
    panel = Panel(both, Axis(both.low, both.high, "true"), square=True, name="mean truth over mean prediction")
    panel.rule(both.low, both.low, both.high, both.high)
    _bins(panel, bins, short)
    note = "Each dot is a tenth of the rows, by prediction. Above the line, predictions are too low."
    return figure("Calibration", panel.svg(), note=note)


def _bins(panel: Panel, bins: Sequence[Bin], write: Any) -> None:
    xs = [b.predicted for b in bins]
    panel.whiskers(xs, [b.observed.low for b in bins], [b.observed.high for b in bins], "c0")
    tips = [f"predicted {write(b.predicted)}, observed {write(b.observed.value)} ({b.observed.n:,} rows)" for b in bins]
    panel.dots(xs, [b.observed.value for b in bins], "c0", tips, radius=4)


def predicted_and_true(r: Residuals) -> Markup:
    """Dots of predicted against true values."""
    both = axis_of([*r.truth, *r.predicted], "true", margin=0.03)
    panel = Panel(both, Axis(both.low, both.high, "predicted"), square=True, name="predicted against true values")
    panel.rule(both.low, both.low, both.high, both.high)
    tips = [f"true {short(t)}, predicted {short(p)}" for t, p in zip(r.truth, r.predicted, strict=True)]
    panel.dots(r.truth, r.predicted, "c0 cloud", tips, radius=2.6)
    return figure("Predicted and true", panel.svg(), note=f"{len(r.truth):,} rows drawn at random.")


def residual_histogram(r: Residuals) -> Markup:
    """Histogram of the errors."""
    total = sum(r.counts) or 1
    shares = [c / total for c in r.counts]
    panel = Panel(Axis(r.edges[0], r.edges[-1], "predicted − true"), Axis(0, max(shares) * 1.08, percent=True), name="errors")
    tips = [f"{short(low)} to {short(high)}: {c:,} rows" for (low, high), c in zip(pairwise(r.edges), r.counts, strict=True)]
    panel.bars(r.edges, shares, "c0", tips)
    if r.edges[0] < 0 < r.edges[-1]:
        panel.rule(0, 0, 0, max(shares) * 1.08)
    q = r.quantiles
    half = f"half of the errors lie between {short(q[1], sign=True)} and {short(q[3], sign=True)}"
    note = f"Mean {short(r.mean, sign=True)}, deviation {short(r.deviation)}; {half}."
    return figure("Errors of the prediction", panel.svg(), note=note)


def confusion(e: Evaluation, *, below: Markup | None = None) -> Markup:
    """Rows per true and predicted class; the shade is the share of the true class."""
    k, longest = len(e.names), max(len(_cut(n)) for n in e.names)
    left = min(112.0, 20 + 6.4 * longest)
    side = min(MOST_SIDE, (360 - left - 4) / k)
    upright = longest * 7 <= side
    head = 26.0 if upright else left
    parts: list[Markup] = []
    for i, name in enumerate(e.names if side >= 11 else []):
        middle = (i + 0.5) * side
        parts.append(el("text", _cut(name), x=left - 8, y=round(head + middle + 4, 1), class_="tick end"))
        where = f"translate({left + middle + 4:.1f} {head - 8:g})" + ("" if upright else " rotate(-90)")
        parts.append(el("text", _cut(name), transform=where, class_="tick mid" if upright else "tick"))
    for i, row in enumerate(e.confusion):
        parts += _confusion_row(e, i, row, (left, head, side))
    size = f"0 0 {left + k * side + 4:.0f} {head + k * side + 4:.0f}"
    wide = f"max-width:{left + k * side + 4:.0f}px" if side == MOST_SIDE else None
    drawing = el("svg", *parts, viewBox=size, role="img", aria_label="confusion matrix", class_="matrix", style=wide)
    note = "Rows: true classes. Columns: predicted ones. Shades: shares of a row."
    return figure("Confusion matrix", drawing, note=note, below=below)


def _confusion_row(e: Evaluation, i: int, row: Sequence[int], at: tuple[float, float, float]) -> list[Markup]:
    left, head, side = at
    size, total = round(side - min(1.5, side * 0.08), 2), sum(row) or 1
    cells = []
    for j, n in enumerate(row):
        x, y = round(left + j * side, 2), round(head + i * side, 2)
        tip = f"{n:,} {e.names[i]} called {e.names[j]}: {n / total:.1%} of {e.names[i]}"
        shade = round(math.sqrt(n / total), 3)  # the root makes one per cent visible, and mistakes are what one looks for
        style = "cell hit" if i == j else "cell miss"
        box = {"x": x, "y": y, "width": size, "height": size, "rx": round(min(4, side / 8), 1)}
        cells.append(el("rect", **box, class_=style, style=f"--s:{shade}", data_tip=tip))
        if len(e.names) <= NUMBERED and n:
            strong = " strong" if shade > 0.66 else ""
            text = f"{n:,}" if n < 10_000 or (side > 50 and n < 1_000_000) else _short(n)
            cells.append(el("text", text, x=x + size / 2, y=round(y + size / 2 + 4, 1), class_=f"count mid{strong}"))
    return cells


def _short(n: int) -> str:
    """`12k`, `1.6M`."""
    return f"{n / 1000:.0f}k" if n < 1_000_000 else f"{n / 1_000_000:.1f}M"


def _cut(name: str, most: int = 14) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
