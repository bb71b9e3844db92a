"""Comparisons, folds, leaderboards and learning curves as pages of their own, each with its plot."""

from __future__ import annotations

import math
from pathlib import Path

from trainwell.core.i18n import capital
from trainwell.core.stats import Interval
from trainwell.evaluate.evaluation import label, rows_named
from trainwell.report.figures import figure
from trainwell.report.forest import Mark, intervals
from trainwell.report.html import write_page
from trainwell.report.markup import Markup, el
from trainwell.report.sections import section
from trainwell.report.svg import Axis, Panel, axis_of
from trainwell.report.tables import table
from trainwell.report.terminal import number
from trainwell.study.compare import Comparison, FalseAlarms
from trainwell.study.cross_validate import CrossValidation
from trainwell.study.leaderboard import Leaderboard
from trainwell.study.learning_curve import LearningCurve

#: Points through which a fitted curve is drawn.
DRAWN = 60
#: Width of a plot that has the page to itself, in its own units.
BROAD = 720
#: Colours of verdicts, of single runs, of a recipe against itself, and of scores on rows that chose nothing.
COLOURS = {"helps": "c3", "hurts": "c6", "cannot tell": "c1"}
SINGLE, ITSELF, HELD_OUT = "c1", "c0", "c2"


def _whole(drawing: Markup) -> Markup:
    return el("div", el("div", drawing, class_="whole"), class_="grid")


def _alone(value: float) -> Interval:
    """A value without limits."""
    return Interval(value, math.nan, math.nan, 1)


def _against_itself(found: FalseAlarms | None) -> str:
    return f"{found}." if found else ""


def write_comparison(found: Comparison, path: str | Path) -> Path:
    """Write a comparison: the difference of every pair, their mean, and the recipe against itself.

    Args:
        found: the comparison.
        path: the file, or a folder for `comparison.html` in it.
    """
    verdict, what = found.verdict, label(found.metric)
    marks = [Mark(f"{found.names[0]}: mean", verdict.difference, COLOURS[verdict.word], verdict.sentence)]
    if found.false_alarms:
        itself = found.false_alarms.verdict
        marks.append(Mark(f"{found.names[1]} again: mean", itself.difference, ITSELF, itself.evidence))
    for seed, a, b in zip(found.seeds, *found.scores, strict=True):
        marks.append(Mark(f"pair {seed}", _alone(a - b), SINGLE, f"pair {seed}: {number(a)} against {number(b)}"))
    known = [abs(v) for m in marks for v in (m.interval.value, m.interval.low, m.interval.high) if math.isfinite(v)]
    far = 1.05 * max(known, default=0.0) or 1.0
    axis = Axis(-far, far, f"difference in {what}")
    better = "Right" if verdict.higher_is_better else "Left"
    note = f"{better} of the line, {found.names[0]} is better. Whiskers: 95% intervals over pairs, which share split and seed."
    drawn = figure("Differences", intervals(marks, axis, width=BROAD, zero=True), note=note)
    about = f"{found.names[0]} against {found.names[1]}: {what} on {rows_named(found.part)}, {len(found.seeds)} pairs."
    title = capital(f"{verdict.word}: {verdict.evidence}")
    said = [about, f"{capital(verdict.advice)}." if verdict.advice else "", _against_itself(found.false_alarms)]
    return write_page(path, "comparison", title, section("Pairs", _whole(drawn)), said=said)


def write_leaderboard(found: Leaderboard, path: str | Path) -> Path:
    """Write a leaderboard: every place with its interval, the first one also on test rows, and the table.

    Args:
        found: the leaderboard.
        path: the file, or a folder for `leaderboard.html` in it.
    """
    what = label(found.metric)
    marks = [Mark(p.name, p.mean, "c0" if p.group == 0 else "c1") for p in found.places]
    if found.held_out is not None:
        marks.insert(1, Mark(f"{found.places[0].name} on test rows", found.held_out, HELD_OUT))
    axis = axis_of([v for m in marks for v in (m.interval.low, m.interval.high, m.interval.value)], what)
    keys = [("c0", "tied with the best"), ("c1", "worse"), (HELD_OUT, "rows that chose nothing")]
    drawn = figure(capital(what), intervals(marks, axis, width=BROAD), note="Whiskers: 95% intervals.", keys=keys)
    costs = _whole(_cost_figure(found)) if any(p.seconds > 0 for p in found.places) else Markup("")
    title = f"{len(found.places)} recipes, {len(found.seeds)} repeats"
    rows = section("Places", _whole(drawn), costs, el("div", _place_table(found), class_="card"))
    return write_page(path, "leaderboard", title, rows, said=[*found.sentences, _against_itself(found.false_alarms)])


def _cost_figure(found: Leaderboard) -> Markup:
    known = [p for p in found.places if p.seconds > 0 and math.isfinite(p.mean.value)]
    x = axis_of([p.seconds for p in known], "seconds of one training", log=True)
    panel = Panel(x, axis_of([p.mean.value for p in known], ""), width=BROAD, name="score over cost")
    for place in known:
        style = "c0" if place.group == 0 else "c1"
        tip = f"{place.name}: {place.mean}, {place.seconds:.3g} s"
        panel.dots([place.seconds], [place.mean.value], style, [tip], radius=4.5)
    return figure("Score against cost", panel.svg(), note="Each dot is a recipe.")


def _place_table(found: Leaderboard) -> Markup:
    heads = ["tie", "recipe", label(found.metric), "behind the first", "seconds", "weights", "not finite"]
    rows = [
        [
            str(p.group + 1),
            p.name,
            p.mean.text() if math.isfinite(p.mean.value) else "–",
            "" if p.behind is None else p.behind.text(sign=True),
            f"{p.seconds:.3g}",
            f"{p.parameters:,}",
            str(p.failed),
        ]
        for p in found.places
    ]
    return table(heads, rows)


def write_cross_validation(found: CrossValidation, path: str | Path) -> Path:
    """Write a cross-validation: every fold, their mean, all rows together, and the table of scores.

    Args:
        found: the cross-validation.
        path: the file, or a folder for `cross-validation.html` in it.
    """
    what = label(found.metric)
    marks = [Mark("mean of folds", found.scores[found.metric], "c0"), Mark("all rows", found.pooled[found.metric], HELD_OUT)]
    for f in found.folds:
        marks.append(Mark(f"repeat {f.repeat}, fold {f.fold}", _alone(f.scores[found.metric]), SINGLE))
    axis = axis_of([v for m in marks for v in (m.interval.low, m.interval.high, m.interval.value)], what)
    note = "Whiskers: 95% intervals. That of the mean counts the training rows that folds share."
    drawn = figure(capital(what), intervals(marks, axis, width=BROAD), note=note)
    rows = [[label(name), mean.text(), found.pooled[name].text()] for name, mean in found.scores.items()]
    scores = el("div", table(["score", "mean of folds", "all rows together"], rows), class_="card")
    judged = f"{found.rows:,} of {found.of:,} rows were judged, each by networks that never saw it."
    parts = section("Folds", _whole(drawn)), section("Scores", scores)
    return write_page(path, "cross-validation", "Cross-validation", *parts, said=[f"{capital(found.sentence)}.", judged])


def learning_curve_figure(found: LearningCurve) -> Markup:
    """Scores over training rows with their intervals, and the fitted curve on to twice the rows."""
    sizes = [float(point.rows) for point in found.points]
    lows, highs = ([getattr(p.score, side) for p in found.points] for side in ("low", "high"))
    top = 2 * sizes[-1]
    xs = [sizes[0] * (top / sizes[0]) ** (i / (DRAWN - 1)) for i in range(DRAWN)]
    fitted = [found.at(x) for x in xs]
    x = axis_of([*sizes, top], "training rows", log=True)
    panel = Panel(x, axis_of([*lows, *highs, *fitted], ""), width=BROAD, name=f"{label(found.metric)} over training rows")
    panel.line(xs, fitted, "c1", "fitted")
    panel.whiskers(sizes, lows, highs, "c0")
    tips = [f"{p.rows:,} rows: {label(found.metric)} {p.score}" for p in found.points]
    panel.dots(sizes, [p.score.value for p in found.points], "c0", tips)
    title = capital(label(found.metric))
    note = f"On {rows_named(found.part)}. Whiskers: 95% intervals over repeats. The line goes on to twice the rows."
    return figure(title, panel.svg(), note=note, keys=[("c0", "measured"), ("c1", "fitted")])


def write_learning_curve(found: LearningCurve, path: str | Path) -> Path:
    """Write the curve as a page of its own.

    Args:
        found: the curve.
        path: the file, or a folder for `learning-curve.html` in it.
    """
    said = [f"{capital(found.sentence)}.", _against_itself(found.false_alarms)]
    curve = section("Curve", _whole(learning_curve_figure(found)))
    return write_page(path, "learning-curve", "Will more data help?", curve, said=said)
