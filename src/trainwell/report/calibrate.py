"""Figures of calibration and threshold: promised against observed before it, and the metric over thresholds."""

from __future__ import annotations

from trainwell.core.i18n import capital
from trainwell.evaluate.details import Decided
from trainwell.evaluate.evaluation import label
from trainwell.report.figures import figure
from trainwell.report.markup import Markup
from trainwell.report.numbers import short
from trainwell.report.svg import Axis, Panel, axis_of


def decision_figures(decided: Decided) -> list[Markup]:
    """What was corrected, and where the threshold lies."""
    return [*_before(decided), *_threshold(decided)]


def _before(decided: Decided) -> list[Markup]:
    if not decided.bins:
        return []
    panel = Panel(Axis(0, 1, "predicted", percent=True), Axis(0, 1, "observed", percent=True), square=True, name="before")
    panel.rule(0, 0, 1, 1)
    xs, ys = [b[0] for b in decided.bins], [b[1] for b in decided.bins]
    panel.line(xs, ys, "c1", "before")
    panel.dots(xs, ys, "c1", [f"{x:.1%} predicted, {y:.1%} observed" for x, y in zip(xs, ys, strict=True)])
    said = [s for s in decided.sentences if s.startswith(("calibrated", "expected", "log loss"))]
    return [figure("Before calibration", panel.svg(), note=". ".join(map(capital, said)) + ".")]


def _threshold(decided: Decided) -> list[Markup]:
    if decided.threshold is None or not decided.curve:
        return []
    xs, ys = [p[0] for p in decided.curve], [p[1] for p in decided.curve]
    panel = Panel(Axis(0, 1, "threshold"), axis_of(ys, ""), name=f"{label(decided.metric)} over thresholds")
    panel.line(xs, ys, "c0", label(decided.metric))
    panel.rule(decided.threshold, panel.y.low, decided.threshold, panel.y.high)
    at = min(decided.curve, key=lambda point: abs(point[0] - decided.threshold))  # type: ignore[operator]
    panel.dots([at[0]], [at[1]], "ring c0", [f"threshold {at[0]:.3f}: {label(decided.metric)} {short(at[1])}"], radius=5)
    changes = [s for s in decided.sentences if s.startswith(decided.metric.replace("_", " "))]
    note = f"{label(decided.metric)} on validation rows; the dashed line is the threshold used. On the evaluated rows: "
    return [figure("Threshold", panel.svg(), note=note + "; ".join(changes) + ".")]
