"""The names of losses and metrics.

Losses are torch and metrics are NumPy, so each kind has a package of its own: looking up a metric loads no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trainwell.core.registry import Registry
from trainwell.score.metric import Metric

#: `loss(output, target, reduction="mean", *, options) -> Tensor`: a scalar, or one loss per example with reduction="none".
losses: Registry[Callable[..., Any]] = Registry("loss", home="trainwell.score.losses", own="trainwell.score.own_loss:as_loss")
losses.alias(
    ce="cross_entropy",
    crossentropy="cross_entropy",
    categorical_crossentropy="cross_entropy",
    sparse_categorical_crossentropy="cross_entropy",
    focal_loss="focal",
    dice_loss="dice",
    dice_ce="dice_cross_entropy",
    bce="binary_cross_entropy",
    binary_crossentropy="binary_cross_entropy",
    bce_with_logits="binary_cross_entropy",
    mse="mean_squared_error",
    mse_loss="mean_squared_error",
    l2="mean_squared_error",
    mae="mean_absolute_error",
    l1="mean_absolute_error",
    l1_loss="mean_absolute_error",
    smooth_l1="huber",
    huber_loss="huber",
    pinball="quantile",
    pinball_loss="quantile",
    poisson_nll="poisson",
    poisson_nll_loss="poisson",
)

#: `metric(prediction) -> float`; see `Metric` for what else each one knows.
metrics: Registry[Metric] = Registry("metric", home="trainwell.score.metrics")
metrics.alias(
    acc="accuracy",
    auc="auroc",
    roc_auc="auroc",
    ap="average_precision",
    auprc="average_precision",
    top_k="top_k_accuracy",
    f1_score="f1",
    balanced_acc="balanced_accuracy",
    neg_log_loss="log_loss",
    cross_entropy="log_loss",
    nll="log_loss",
    brier_score="brier",
    ece="expected_calibration_error",
    mcc="matthews",
    matthews_corrcoef="matthews",
    kappa="cohen_kappa",
    mean_squared_error="mse",
    root_mean_squared_error="rmse",
    mean_absolute_error="mae",
    median_absolute_error="medae",
    mean_absolute_percentage_error="mape",
    symmetric_mean_absolute_percentage_error="smape",
    r2_score="r2",
)
