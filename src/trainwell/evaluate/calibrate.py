"""Calibration and thresholds judged: the same rows with and without them; and fitted to a run that is trained already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainwell.core.errors import CheckpointError
from trainwell.data.data import Data
from trainwell.evaluate.curves import calibration_bins
from trainwell.evaluate.details import Change, Decided
from trainwell.evaluate.verdicts import paired_differences
from trainwell.score.predictions import Predictions
from trainwell.score.scores import score_intervals, statistics_of
from trainwell.train.calibrate import Asked, check_decision, decided
from trainwell.train.fit import write_summary
from trainwell.train.run import Run


def change_of(before: Predictions, after: Predictions, kept: Mapping[str, Any]) -> Decided:
    """What a decision does on some rows.

    Args:
        before: uncorrected predictions.
        after: with calibration and threshold, of the same rows.
        kept: the decision as `run.json` has it.
    """
    calibrate, metric = str(kept["calibrate"]), str(kept.get("for", ""))
    names = ["expected_calibration_error", "log_loss"] if calibrate != "none" else []
    thresholds = tuple(kept.get("thresholds", ()))
    if thresholds:
        names.append(metric or ("f1_micro" if after.task == "multilabel" else "balanced_accuracy"))
    old, new = statistics_of(before, names), statistics_of(after, names)
    better = paired_differences(new, old)
    was, now = score_intervals(before, names), score_intervals(after, names)
    return Decided(
        calibrate=calibrate,
        temperature=float(kept.get("temperature", 1.0)),
        rows=int(kept["rows"]),
        changes=[Change(name, was[name], now[name], better[name]) for name in names],
        bins=[[b.predicted, b.observed.value] for b in calibration_bins(before)] if calibrate != "none" else [],
        threshold=thresholds[0] if thresholds else None,
        metric=metric,
        curve=[list(point) for point in kept.get("curve", [])],
    )


def calibrate(run: Run, data: Data, *, how: str = "temperature", threshold: float | str = 0.5, part: str = "test") -> Decided:
    """Fit calibration and threshold of a trained network on validation rows, keep them with the run, and show what they do.

    From then on `predict`, `evaluate` and the report use them. The network itself is not touched; `how="none"` with the
    threshold of a half takes everything back.

    Args:
        run: a finished run.
        data: its data.
        how: `temperature`, `isotonic` for two classes, or `none`.
        threshold: probability from which the second class or a label is said, or the metric that it is to make best.
        part: the rows on which before and after are shown; "valid" where there are no test rows.

    Raises:
        RecipeError: the target has no classes, or too many for a threshold; too few validation rows.
        CheckpointError: the run became not finite, or these are not its data.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017.

    Example:
        >>> from trainwell.core.recipe import Recipe
        >>> from trainwell.data.load import load
        >>> from trainwell.train.fit import fit
        >>> data = load("breast_cancer")
        >>> run = fit(Recipe(model="mlp", epochs=5, preset="quick"), data)
        >>> found = calibrate(run, data, threshold="f1")
        >>> 0 < found.threshold < 1, [change.metric for change in found.changes]
        (True, ['expected_calibration_error', 'log_loss', 'f1'])
    """
    data = data.under(run.recipe)
    if data.fingerprint != run.plan.data:
        raise CheckpointError("these are not the data of the run", remedy="Give the data that it was trained on.")
    asked = Asked(how, threshold)
    check_decision(asked, data)
    kept = decided(asked, run.uncorrected(data, data.rows["valid"]))
    run.summary.pop("decision", None)
    run.summary |= {"decision": kept} if kept else {}
    if run.folder is not None:
        write_summary(run.folder, run.summary)
    part = part if len(data.rows[part]) else "valid"
    if not kept:
        return Decided("none", 1.0, len(data.rows["valid"]), [])
    return change_of(run.uncorrected(data, data.rows[part]), run.predictions(data, data.rows[part]), kept)
