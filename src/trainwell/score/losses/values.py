"""Losses of predicted numbers.

B examples, T target columns. `reduction="none"` gives one loss per example, the mean over its targets.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from trainwell.core.errors import CompileError
from trainwell.score.losses.classes import same_shape
from trainwell.score.registry import losses

Reduction = Literal["mean", "none"]


def _reduced(terms: Tensor, reduction: Reduction) -> Tensor:
    return terms.mean() if reduction == "mean" else terms.flatten(1).mean(1)


@losses.register
def mean_squared_error(output: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Squared difference; the default for numbers, and right when errors are roughly normal. Predicts the mean.

    Shape: output and target `(B, T)`; result a scalar, or `(B,)`.

    Args:
        output: predicted values.
        target: true values.
        reduction: `mean` over the batch, or `none`.

    Example:
        >>> mean_squared_error(torch.tensor([[1.0], [3.0]]), torch.zeros(2, 1)).item()
        5.0
    """
    same_shape("mean_squared_error", output, target)
    return F.mse_loss(output, target) if reduction == "mean" else _reduced((output - target).square(), reduction)


@losses.register
def mean_absolute_error(output: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Absolute difference: a few wild targets pull it less than squares. Predicts the median.

    Shape: output and target `(B, T)`; result a scalar, or `(B,)`.

    Args:
        output: predicted values.
        target: true values.
        reduction: `mean` over the batch, or `none`.

    Example:
        >>> mean_absolute_error(torch.tensor([[1.0], [3.0]]), torch.zeros(2, 1), "none").tolist()
        [1.0, 3.0]
    """
    same_shape("mean_absolute_error", output, target)
    return F.l1_loss(output, target) if reduction == "mean" else _reduced((output - target).abs(), reduction)


@losses.register
def huber(output: Tensor, target: Tensor, reduction: Reduction = "mean", *, delta: float = 1.0) -> Tensor:
    """Squared for small errors, absolute for large ones.

    Source: Huber, "Robust estimation of a location parameter", 1964.
    Shape: output and target `(B, T)`; result a scalar, or `(B,)`.

    Args:
        output: predicted values.
        target: true values.
        reduction: `mean` over the batch, or `none`.
        delta: where it turns from squared to absolute, in units of the (scaled) target; 1 is one standard deviation.

    Example:
        >>> huber(torch.tensor([[0.5], [3.0]]), torch.zeros(2, 1), "none").tolist()
        [0.125, 2.5]
    """
    same_shape("huber", output, target)
    if reduction == "mean":
        return F.huber_loss(output, target, delta=delta)
    return _reduced(F.huber_loss(output, target, delta=delta, reduction="none"), reduction)


@losses.register
def quantile(output: Tensor, target: Tensor, reduction: Reduction = "mean", *, q: float = 0.5) -> Tensor:
    """Pinball loss: predicts the value below which a share q of the targets lies.

    Source: Koenker and Bassett, "Regression quantiles", Econometrica 1978.
    Shape: output and target `(B, T)`; result a scalar, or `(B,)`.

    Args:
        output: predicted values.
        target: true values.
        reduction: `mean` over the batch, or `none`.
        q: share of targets below the prediction, in (0, 1); 0.5 is half the absolute error.

    Raises:
        CompileError: when q is not between 0 and 1.

    Example:
        >>> [round(v, 3) for v in quantile(torch.tensor([[0.0], [2.0]]), torch.ones(2, 1), "none", q=0.9).tolist()]
        [0.9, 0.1]
    """
    same_shape("quantile", output, target)
    if not 0 < q < 1:
        raise CompileError(f"q must lie between 0 and 1, however: q={q}", where="loss 'quantile'")
    error = target - output
    return _reduced(torch.maximum(q * error, (q - 1) * error), reduction)


@losses.register
def poisson(output: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Minus the log-likelihood of counts whose log-rate is the output; needs `prepare.scale_target=false`.

    The network's answers are log-rates, too: their exponential is the expected count.

    Shape: output `(B, T)` log-rates, target `(B, T)` counts; result a scalar, or `(B,)`.

    Args:
        output: logarithms of the expected counts.
        target: counts, 0 or more.
        reduction: `mean` over the batch, or `none`.

    Example:
        >>> poisson(torch.zeros(1, 1), torch.tensor([[2.0]])).item()                # exp(0) - 2 * 0
        1.0
    """
    same_shape("poisson", output, target)
    if reduction == "mean":
        return F.poisson_nll_loss(output, target)
    return _reduced(F.poisson_nll_loss(output, target, reduction="none"), reduction)
