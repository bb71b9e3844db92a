"""What an evaluation found, as plain data that JSON can hold: the terminal and the report only draw it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from trainwell.core.atomic import write_json
from trainwell.core.shape import Task
from trainwell.core.stats import Interval, luck_of_the_best
from trainwell.evaluate.details import Decided, Future, Making, Writing

Judgement = Literal["better", "worse", "unclear"]
Fitting = Literal["overfit", "underfit", "balanced"]


@dataclass(frozen=True)
class Baseline:
    """What a model that costs nothing scores on the same rows.

    Args:
        name: "gradient-boosted trees".
        scores: metric → score with interval.
        seconds: to fit and predict, on the machine that fitted it.
        note: what was left out to keep it cheap; empty when nothing was.
    """

    name: str
    scores: dict[str, Interval]
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class Gap:
    """The network against the best free baseline, on the same rows.

    Args:
        baseline: its name.
        metric: the score compared.
        difference: how much better the network is (positive is better, whatever the metric's direction), paired.
        judgement: whether the interval lies above 0, below 0, or on it.
        sentence: the same in words.
        others: the difference in every other metric, also positive when the network is better.
    """

    baseline: str
    metric: str
    difference: Interval
    judgement: Judgement
    sentence: str
    others: dict[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True)
class Fit:
    """Whether the network learned too little or learned its rows by heart.

    Args:
        metric: the score compared.
        train: its value on training rows.
        test: its value on the evaluated rows.
        difference: how much better the training rows are (positive is better).
        judgement: the verdict.
        sentence: the same in words.
    """

    metric: str
    train: Interval
    test: Interval
    difference: Interval
    judgement: Fitting
    sentence: str


@dataclass(frozen=True)
class Curve:
    """Points of a curve of one class, at most 200.

    Args:
        name: the class.
        x: false-positive rate, or recall.
        y: true-positive rate, or precision.
        area: the area under it.
    """

    name: str
    x: list[float]
    y: list[float]
    area: float


@dataclass(frozen=True)
class Bin:
    """Rows with a similar prediction: what was promised and what came.

    Args:
        predicted: their mean predicted probability, or mean predicted value.
        observed: how often it happened, with its interval, or the mean true value.
    """

    predicted: float
    observed: Interval


@dataclass(frozen=True)
class Residuals:
    """Errors of one numeric target, prediction minus truth, in its own unit.

    Args:
        name: the target.
        mean: above 0 when predictions are too high on average.
        deviation: standard deviation.
        quantiles: error at 5, 25, 50, 75 and 95 percent.
        edges: edges of the histogram's bins; the outermost hundredth of the errors lies outside.
        counts: rows per bin.
        truth: true values of at most 500 rows, drawn at random.
        predicted: their predictions.
    """

    name: str
    mean: float
    deviation: float
    quantiles: list[float]
    edges: list[float]
    counts: list[int]
    truth: list[float]
    predicted: list[float]


@dataclass(frozen=True)
class ClassScore:
    """One class: how many rows it has, and how well they are found."""

    name: str
    n: int
    precision: float
    recall: Interval
    f1: float


@dataclass(frozen=True)
class Example:
    """One row that went wrong.

    Args:
        row: its number in the source (the first row is 0).
        target: the truth, as text.
        prediction: what the network said, as text.
        loss: minus the log of the true class's probability, or the absolute error.
        confidence: probability given to the prediction; NaN for numbers.
        cells: some of the row's raw values.
    """

    row: int
    target: str
    prediction: str
    loss: float
    confidence: float
    cells: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Slice:
    """Rows that share a value.

    Args:
        column: the raw column.
        value: the value, or the range of numbers.
        score: their score with its interval.
        difference: how much better than the other rows (negative is worse).
        p: chance of such a difference without a cause, corrected for the number of slices looked at (Holm).
    """

    column: str
    value: str
    score: Interval
    difference: float
    p: float

    @property
    def stands_out(self) -> bool:
        """Whether the difference remains after correction for many looks."""
        return self.p < 0.05


@dataclass
class Evaluation:
    """Scores with intervals, and everything that helps to understand them.

    Args:
        task: what is predicted.
        part: the rows judged: "train", "valid" or "test".
        n: how many.
        names: classes, or target columns.
        primary: the metric that verdicts rest on.
        scores: metric → score with its 95% interval, the most telling first.
        higher_is_better: metric → direction.
        baselines: what costs nothing, the best first.
        gap: the network against the best of them; None without baselines.
        fit: overfit or underfit; None without predictions of training rows.
        confusion: rows per true class (outer) and predicted class (inner); empty above 50 classes.
        mistakes: the most frequent confusions `(true, predicted, rows)`.
        per_class: every class on its own.
        roc: ROC curves, one for two classes, else one per class (the ten largest).
        precision_recall: precision-recall curves, likewise.
        calibration: promised against observed, in bins.
        residuals: errors of each numeric target.
        worst: rows worth looking at, the worst first.
        slice_metric: the score of the slices.
        slices: groups of rows, the worst first.
        slices_seen: how many groups were looked at.
        notes: what could not be done, and why.
        seconds: how long the evaluation took.
        future: what only forecasts have; None for anything else.
        decided: what calibration and threshold do; None where the run has none.
        writing: what only language models have; None for anything else.
        making: what only networks that make pictures have; None for anything else.
        looks: how many networks were scored on these test rows on this machine, this one included; 0 for other parts.
    """

    task: Task
    part: str
    n: int
    names: list[str]
    primary: str
    scores: dict[str, Interval]
    higher_is_better: dict[str, bool]
    baselines: list[Baseline] = field(default_factory=list)
    gap: Gap | None = None
    fit: Fit | None = None
    confusion: list[list[int]] = field(default_factory=list)
    mistakes: list[tuple[str, str, int]] = field(default_factory=list)
    per_class: list[ClassScore] = field(default_factory=list)
    roc: list[Curve] = field(default_factory=list)
    precision_recall: list[Curve] = field(default_factory=list)
    calibration: list[Bin] = field(default_factory=list)
    residuals: list[Residuals] = field(default_factory=list)
    worst: list[Example] = field(default_factory=list)
    slice_metric: str = ""
    slices: list[Slice] = field(default_factory=list)
    slices_seen: int = 0
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    looks: int = 0
    future: Future | None = None
    decided: Decided | None = None
    writing: Writing | None = None
    making: Making | None = None

    @property
    def looked(self) -> str:
        """How often these test rows were looked at, and what that is worth; empty for the first look."""
        if self.looks < 2:
            return ""
        score = self.scores[self.primary]
        luck = f"up to {luck_of_the_best(self.looks, score):,.{score.decimals}f}"
        return (
            f"{self.looks} networks were scored on these {self.part} rows; the best of so many equal ones looks {luck} too good"
        )

    @property
    def verdict(self) -> str:
        """The one sentence to remember."""
        score = f"{label(self.primary)} {self.scores[self.primary]} on {rows_named(self.part)}"
        return f"{score}; {self.gap.sentence}" if self.gap else score

    def to_dict(self) -> dict[str, Any]:
        """Plain data; NaN and infinity become None, for JSON has none."""
        plain: dict[str, Any] = _to_json(asdict(self))
        return plain

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Evaluation:
        """The evaluation that `to_dict` wrote."""
        from pydantic import TypeAdapter

        return TypeAdapter(cls).validate_python(_from_json(dict(content)))

    def save(self, folder: Path) -> Path:
        """Write `evaluation.json` into a run folder."""
        path = Path(folder) / "evaluation.json"
        write_json(path, self.to_dict(), ensure_ascii=False, indent=1)
        return path

    @classmethod
    def load(cls, folder: Path) -> Evaluation:
        """Read `evaluation.json` of a run folder."""
        return cls.from_dict(json.loads((Path(folder) / "evaluation.json").read_text(encoding="utf-8")))

    def __str__(self) -> str:
        rows = [f"{label(name):<28}{interval}" for name, interval in self.scores.items()]
        against = self.gap and f"Against baselines: {self.gap.sentence}."
        sentences = [s for s in (against, self.fit and self.fit.sentence, self.looked) if s]
        return "\n".join([*rows, *sentences])


#: How a metric is written in tables and sentences.
LABELS = {
    "auroc": "AUROC",
    "mean_iou": "mean IoU",
    "mean_dice": "mean Dice",
    "f1_micro": "F1 (micro)",
    "rank_mae": "mean error in ranks",
    "quadratic_kappa": "quadratic-weighted kappa",
    "f1": "F1",
    "frechet_distance": "Fréchet distance",
    "f1_macro": "F1 (macro)",
    "f1_weighted": "F1 (weighted)",
    "log_loss": "log loss",
    "bits_per_character": "bits per character",
    "brier": "Brier score",
    "expected_calibration_error": "calibration error",
    "rmse": "RMSE",
    "mse": "MSE",
    "mae": "MAE",
    "medae": "median absolute error",
    "r2": "R²",
    "mape": "MAPE",
    "smape": "SMAPE",
    "mase": "MASE",
    "raw_mse": "MSE, own unit",
    "raw_mae": "MAE, own unit",
    "raw_smape": "SMAPE, own unit",
    "pinball": "quantile loss",
    "coverage": "coverage (80% aimed at)",
    "top_k_accuracy": "top-5 accuracy",
    "matthews": "Matthews correlation",
    "cohen_kappa": "Cohen's kappa",
}


def label(metric: str) -> str:
    """A metric's name as one writes it: `AUROC`, `balanced accuracy`.

    Example:
        >>> label("auroc"), label("balanced_accuracy")
        ('AUROC', 'balanced accuracy')
    """
    return LABELS.get(metric, metric.replace("_", " "))


def rows_named(part: str) -> str:
    """The rows of a part as one writes them.

    Example:
        >>> rows_named("valid"), rows_named("test")
        ('validation rows', 'test rows')
    """
    return {"train": "training", "valid": "validation"}.get(part, part) + " rows"


def _to_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _to_json(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


#: Numbers that may be NaN; an optional part (`gap`, `fit`) that is None stays None.
_MAYBE_NAN = {
    "value",
    "low",
    "high",
    "area",
    "predicted",
    "confidence",
    "mean",
    "deviation",
    "precision",
    "f1",
    "p",
    "difference",
    "loss",
}


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: math.nan if v is None and k in _MAYBE_NAN else _from_json(v) for k, v in value.items()}
    if isinstance(value, list):
        return [math.nan if v is None else _from_json(v) for v in value]
    return value
