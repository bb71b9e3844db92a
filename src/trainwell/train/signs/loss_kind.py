"""Which loss a function is: found by what it computes on made-up outputs, not by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainwell.train.signs.quiet import random_state_kept

#: Names that settle it where options such as class weights change what is computed.
NAMED = {
    "CrossEntropyLoss": "cross_entropy", "cross_entropy": "cross_entropy", "NLLLoss": "nll", "nll_loss": "nll",
    "BCELoss": "bce", "BCEWithLogitsLoss": "bce_with_logits", "binary_cross_entropy_with_logits": "bce_with_logits",
    "MSELoss": "mse", "mse_loss": "mse", "L1Loss": "l1", "l1_loss": "l1", "SmoothL1Loss": "huber", "HuberLoss": "huber",
}  # fmt: skip
#: A name, a loss that has it, and the made-up output that tells it.
Candidate = tuple[str, Callable[..., Tensor], int]
#: Agreement that no other loss reaches by chance.
CLOSE = 1e-3


@dataclass(frozen=True)
class LossKind:
    """What a loss is.

    Args:
        name: cross_entropy, cross_entropy_of_shares (probabilities of classes go in), nll, bce, bce_with_logits, mse, l1,
            huber, or other.
        reduction: `mean` or `sum`.
    """

    name: str
    reduction: str


def loss_kind(loss: Callable[..., Tensor], output: Tensor, target: Tensor) -> LossKind:
    """What `loss` computes for outputs and targets of these shapes and types.

    Args:
        loss: `(output, target) -> ()`.
        output: an output of the network; only its shape and type count.
        target: its target.

    Example:
        >>> loss_kind(lambda o, t: ((o - t) ** 2).sum(), torch.zeros(4, 1), torch.zeros(4, 1))
        LossKind(name='mse', reduction='sum')
    """
    with random_state_kept(), torch.no_grad():
        torch.manual_seed(0)
        made_up = _answers(output)
        reduction = "sum" if _doubles(loss, made_up[0], target) else "mean"
        for name, known, at in _candidates(output, target):
            theirs, ours = _value(loss, made_up[at], target), _value(known, made_up[at], target)
            scale = {1.0, float(len(target)), float(output.numel())}
            if ours and theirs is not None and any(abs(theirs - k * ours) < CLOSE * abs(k * ours) for k in scale):
                return LossKind(name, reduction)
    named = type(loss).__name__ if isinstance(loss, nn.Module) else str(vars(loss).get("__name__", _name(loss)))
    return LossKind(NAMED.get(named, "other"), reduction)


def _name(loss: Callable[..., Tensor]) -> str:
    return str(getattr(loss, "__name__", ""))


def _answers(output: Tensor) -> list[Tensor]:
    """Made-up outputs: any numbers, numbers in (0, 1), and shares of classes."""
    free = torch.randn(output.shape, device=output.device)
    return [free, free.sigmoid() * 0.9 + 0.05, free.softmax(1) if free.ndim > 1 else free.sigmoid()]


def _candidates(output: Tensor, target: Tensor) -> list[Candidate]:
    """Losses that take such targets, each with the made-up output it is told apart on; the pickier first."""
    squared: list[Candidate] = [
        ("mse", F.mse_loss, 0),
        ("l1", F.l1_loss, 0),
        ("huber", F.smooth_l1_loss, 0),
        ("huber", F.huber_loss, 0),
    ]
    yes_no: list[Candidate] = [
        ("bce_with_logits", F.binary_cross_entropy_with_logits, 0),
        ("bce", F.binary_cross_entropy, 1),
    ]
    if target.is_floating_point() and output.shape == target.shape:
        wide = output.ndim == 2 and output.shape[1] > 1
        classes: list[Candidate] = (
            [("cross_entropy", F.cross_entropy, 0), ("cross_entropy_of_shares", _of_shares, 2)] if wide else []
        )
        return [*squared, *yes_no, *classes]
    if target.is_floating_point():
        return squared if output.numel() == target.numel() else []
    if output.numel() == target.numel():  # one answer per row, held against the code itself
        return [("mse", _mse_of_codes, 0), ("l1", _l1_of_codes, 0)]
    one_hot: list[Candidate] = [("mse", _mse_one_hot, 0), ("mse", _mse_one_hot_of_softmax, 0)]
    shares: Candidate = ("cross_entropy_of_shares", _of_shares, 2)
    return [("cross_entropy", F.cross_entropy, 0), ("nll", F.nll_loss, 0), shares, *(one_hot if output.ndim == 2 else [])]


def _of_shares(output: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(output.log(), target)  # the logarithm of shares is a logit whose softmax they are


def _mse_of_codes(output: Tensor, target: Tensor) -> Tensor:
    return F.mse_loss(output.flatten(), target.flatten().to(output.dtype))


def _l1_of_codes(output: Tensor, target: Tensor) -> Tensor:
    return F.l1_loss(output.flatten(), target.flatten().to(output.dtype))


def _mse_one_hot(output: Tensor, target: Tensor) -> Tensor:
    return F.mse_loss(output, F.one_hot(target, output.shape[1]).to(output.dtype))


def _mse_one_hot_of_softmax(output: Tensor, target: Tensor) -> Tensor:
    return _mse_one_hot(output.softmax(1), target)


def _value(loss: Callable[..., Any], output: Tensor, target: Tensor) -> float | None:
    """The loss as a number; None where it refuses such an output, which is an answer, too."""
    try:
        found = loss(output, target)
    except (RuntimeError, ValueError, TypeError, IndexError):
        return None
    return float(found) if isinstance(found, Tensor) and found.numel() == 1 else None


def _doubles(loss: Callable[..., Tensor], output: Tensor, target: Tensor) -> bool:
    """Whether a batch taken twice has twice the loss."""
    once, twice = _value(loss, output, target), _value(loss, torch.cat([output, output]), torch.cat([target, target]))
    return once is not None and twice is not None and once != 0 and 1.8 < twice / once < 2.2
