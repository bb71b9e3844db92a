"""Comparisons, folds, leaderboards, learning curves and checks of honesty: tables for the terminal."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trainwell.core.i18n import spoken
from trainwell.core.stats import Interval
from trainwell.evaluate.evaluation import label, rows_named
from trainwell.report.terminal import VERDICT_STYLES as CHECK_STYLES
from trainwell.report.terminal import WIDE, number, whisker
from trainwell.study.compare import Comparison
from trainwell.study.cross_validate import CrossValidation
from trainwell.study.honesty import Honesty
from trainwell.study.leaderboard import Leaderboard
from trainwell.study.learning_curve import LearningCurve
from trainwell.study.verdict import Verdict

VERDICT_STYLES = {"helps": "bold green", "hurts": "bold red", "cannot tell": "bold yellow"}
#: Characters of an interval drawn in a table.
WHISKER = 24


def _table(*headings: str) -> Table:
    found = Table(box=None, pad_edge=False, header_style="dim")
    for heading in headings:
        left = heading in ("", "recipe", "95% CI")
        found.add_column(spoken(heading), justify="left" if left else "right", overflow="fold", no_wrap=heading == "95% CI")
    return found


def _limits(interval: Interval) -> str:
    d = interval.decimals
    return spoken(f"{number(interval.low, d)} to {number(interval.high, d)}")


def _coloured(verdict: Verdict) -> Text:
    text = Text(spoken(verdict.sentence))
    text.stylize(VERDICT_STYLES[verdict.word], 0, len(spoken(verdict.word)))
    return text


def show_lines(text: str, *, console: Console | None = None) -> None:
    """Print lines, the first one bold, broken between words where the terminal ends."""
    out = console or Console()
    first, *rest = spoken(text).splitlines()
    out.print(Text(first, "bold"))
    for line in rest:
        out.print(Text(line))


def show_comparison(found: Comparison, *, console: Console | None = None) -> None:
    """Print the scores of every pair, the verdict, and the recipe against itself."""
    out = console or Console()
    if len(found.seeds) > 1:
        rows = _table("seed", *found.names, "difference")
        for seed, a, b in zip(found.seeds, *found.scores, strict=True):
            rows.add_row(str(seed), number(a), number(b), f"{a - b:+.4f}" if math.isfinite(a - b) else "–")
        out.print(rows, "")
    what = f"{found.names[0]} against {found.names[1]}, {label(found.metric)} on {rows_named(found.part)}"
    out.print(Text(spoken(what), "bold"))
    out.print(_coloured(found.verdict))
    if found.verdict.unit == "row":
        alone = "One run each: this compares two networks, not two recipes; another seed may turn it round."
        out.print(Text(spoken(alone), "dim"))
    if found.note:
        out.print(Text(spoken(found.note), "yellow"))
    if found.false_alarms:
        out.print(Text(spoken(str(found.false_alarms)), "dim"))


def show_cross_validation(found: CrossValidation, *, console: Console | None = None) -> None:
    """Print every fold, and every score as mean of folds and over all rows together."""
    out = console or Console()
    folds = _table("repeat", "fold", "train", "test", label(found.metric), "time")
    for fold in found.folds:
        counts = f"{fold.rows['train']:,}", f"{fold.rows['test']:,}"
        score = number(fold.scores[found.metric])
        folds.add_row(str(fold.repeat), str(fold.fold), *counts, score, f"{fold.seconds:.1f} s")
    out.print(folds, "")
    scores = _table("", "mean of folds", "95% CI", "all rows", "95% CI")
    scores.columns[0].no_wrap = True
    for name, mean in found.scores.items():
        pooled = found.pooled[name]
        values = number(mean.value, mean.decimals), _limits(mean), number(pooled.value, pooled.decimals), _limits(pooled)
        scores.add_row(spoken(label(name)), *values, style="bold" if name == found.metric else "")
    out.print(scores, "")
    out.print(Text(spoken(found.sentence), "bold"))
    judged = f"{found.rows:,} of {found.of:,} rows judged, each by networks that never saw it"
    shared = "The interval of the mean counts the training rows that folds share."
    out.print(Text(spoken(f"{judged}. {shared}"), "dim"))


def show_leaderboard(found: Leaderboard, *, console: Console | None = None) -> None:
    """Print the places with their intervals and costs, and what the table says in words."""
    out = console or Console()
    wide = out.width >= WIDE
    rows = _table("tie", "recipe", label(found.metric), "95% CI", *(["", "behind"] if wide else []), "train", "weights")
    finite = [v for p in found.places for v in (p.mean.low, p.mean.high) if math.isfinite(v)] or [0.0, 1.0]
    for place in found.places:
        mean, gap = place.mean, place.behind
        behind = "" if gap is None else f"{gap.value:+.{gap.decimals}f} ({gap.limits(sign=True).removeprefix('95% CI ')})"
        drawn = whisker(mean, min(finite), max(finite), WHISKER) if math.isfinite(mean.value) else ""
        name = spoken(f"{place.name} ({place.failed} not finite)") if place.failed else place.name
        costs = f"{place.seconds:.3g} s", f"{place.parameters:,}"
        style = "" if place.group == 0 else "dim"
        values = number(mean.value, mean.decimals), _limits(mean)
        rows.add_row(str(place.group + 1), name, *values, *([drawn, behind] if wide else []), *costs, style=style)
    out.print(rows, "")
    for sentence in found.sentences:
        out.print(Text(spoken(sentence), "bold"))
    if found.false_alarms:
        out.print(Text(spoken(str(found.false_alarms)), "dim"))


def show_learning_curve(found: LearningCurve, *, console: Console | None = None) -> None:
    """Print the score at every size, and what twice the rows and a wider network bring."""
    out = console or Console()
    rows = _table("train rows", label(found.metric), "95% CI", "", "fitted")
    finite = [v for p in found.points for v in (p.score.low, p.score.high) if math.isfinite(v)] or [0.0, 1.0]
    for point in found.points:
        score = point.score
        drawn = whisker(score, min(finite), max(finite), WHISKER)
        fitted = number(found.at(point.rows), score.decimals)
        rows.add_row(f"{point.rows:,}", number(score.value, score.decimals), _limits(score), drawn, fitted)
    out.print(rows, "")
    out.print(Text(spoken(found.sentence), "bold"))
    last = found.points[-1]
    foretold = f"Without its last point the curve would have said {found.foretold} for {last.rows:,} rows."
    out.print(Text(spoken(foretold), "dim"))
    if found.false_alarms:
        out.print(Text(spoken(str(found.false_alarms)), "dim"))


def show_honesty(found: Honesty, *, console: Console | None = None) -> None:
    """Print every check with its verdict."""
    out = console or Console()
    rows = Table(box=None, pad_edge=False, show_header=False)
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    for check in found.checks:
        rows.add_row(Text(spoken(check.verdict), CHECK_STYLES[check.verdict]), spoken(check.text))
    out.print(rows)
