"""Which loss and which metrics a task gets when nobody names any, and why."""

from __future__ import annotations

from trainwell.core.shape import Task

#: Share of the rarest class below which accuracy says little: always answering the common class would score 80% and more.
IMBALANCED = 4.0


def default_loss(task: Task) -> tuple[str, str]:
    """The loss of a task and the reason, as one sentence.

    Example:
        >>> default_loss("regression")[0]
        'mean_squared_error'
    """
    if task == "classification":
        return "cross_entropy", "the target is a class"
    return "mean_squared_error", "the target is a number, scaled to mean 0 and deviation 1"


def default_metrics(task: Task, n_out: int, *, imbalance: float = 1.0) -> list[str]:
    """Metrics watched while training, the first one by early stopping.

    Args:
        task: what is predicted.
        n_out: number of classes or target columns.
        imbalance: rows of the most frequent class over rows of the rarest.

    Example:
        >>> default_metrics("classification", 2)
        ['accuracy', 'auroc', 'log_loss']
    """
    if task == "regression":
        return ["rmse", "mae", "r2"]
    if n_out == 2:
        return ["accuracy", "auroc", "log_loss"]
    return ["accuracy", "f1_macro" if imbalance > IMBALANCED else "balanced_accuracy", "log_loss"]


def report_metrics(task: Task, n_out: int) -> list[str]:
    """Everything an evaluation scores, the most telling first.

    Example:
        >>> report_metrics("regression", 1)[:2]
        ['rmse', 'mae']
    """
    if task == "regression":
        return ["rmse", "mae", "medae", "r2", "smape", "mape"]
    ranked = ["accuracy", "balanced_accuracy", "auroc", "average_precision", "f1", "precision", "recall", "matthews"]
    more = ["top_k_accuracy"] if n_out > 10 else []
    return [*ranked, *more, "log_loss", "brier", "expected_calibration_error"]
