"""What an evaluation scores when nobody says."""

from __future__ import annotations

from trainwell.core.shape import Task


def forecast_metrics(*, limits: bool) -> list[str]:
    """Everything that is scored of a forecast, with `limits` also its intervals.

    Example:
        >>> forecast_metrics(limits=False)
        ['mse', 'mae', 'mase', 'raw_smape', 'raw_mae', 'raw_mse']
    """
    return ["mse", "mae", "mase", "raw_smape", "raw_mae", "raw_mse", *(["pinball", "coverage"] if limits else [])]


def report_metrics(task: Task, n_out: int, *, ordered: bool = False) -> list[str]:
    """Everything an evaluation scores, the most telling first.

    Args:
        task: what is predicted.
        n_out: classes, labels or targets.
        ordered: whether the classes are ranks.

    Example:
        >>> report_metrics("regression", 1)[:2]
        ['rmse', 'mae']
    """
    if task == "segmentation":
        return ["mean_iou", "mean_dice", "pixel_accuracy"]
    if task == "generation":
        return ["frechet_distance", "manifold_precision", "manifold_recall"]
    if task == "language":
        return ["log_loss", "perplexity", "bits_per_character"]
    if task == "regression":
        return ["rmse", "mae", "medae", "r2", "smape", "mape"]
    if task == "multilabel":
        return ["average_precision", "f1_micro", "f1_macro", "subset_accuracy", "hamming_loss", "auroc", "log_loss"]
    if ordered:
        return ["quadratic_kappa", "rank_mae", "accuracy", "balanced_accuracy", "log_loss", "expected_calibration_error"]
    ranked = ["accuracy", "balanced_accuracy", "auroc", "average_precision", "f1", "precision", "recall", "matthews"]
    more = ["top_k_accuracy"] if n_out > 10 else []
    return [*ranked, *more, "log_loss", "brier", "expected_calibration_error"]
