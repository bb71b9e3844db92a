"""Whether output and loss fit together: identities that hold exactly or not at all."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.train.signs.activations import Look, look_through
from trainwell.train.signs.checks import are_shares, as_rows, averaged
from trainwell.train.signs.loss_kind import loss_kind
from trainwell.train.signs.quiet import undisturbed

#: Rows looked at.
ROWS = 64


def output_facts(
    network: nn.Module, loss: Callable[..., Tensor] | None, inputs: tuple[Tensor, ...], target: Tensor
) -> dict[str, Any]:
    """Facts about the output of a batch and the loss that takes it.

    Args:
        network: as it is before training.
        loss: `(output, target) -> ()`; None leaves out what needs it.
        inputs: a batch of inputs, two rows at least.
        target: its target.
    """
    inputs, target = tuple(x[:ROWS] for x in inputs), target[:ROWS]
    with undisturbed(network, "batch"):
        look = look_through(network, inputs, statistics=False)
    output = look.output
    if not isinstance(output, Tensor) or not output.is_floating_point() or not len(target):
        return {}
    output, target = as_rows(averaged(output, target), target)
    facts = _ranges(output) | _operations(look) | _targets(output, target)
    facts["batch_dependence"] = batch_dependence(network, inputs)
    return facts | (_pairing(loss, output, target) if loss is not None else {})


def _ranges(output: Tensor) -> dict[str, Any]:
    flat = output.float().reshape(len(output), -1)
    wide = flat.shape[1] > 1 and len(flat) > 1
    sums = flat.sum(1)
    return {
        "outputs": flat.shape[1],
        "output_rank": output.ndim,
        "output_shape": list(output.shape),
        "output_min": float(flat.min()),
        "output_max": float(flat.max()),
        "rows_sum_to_one": wide and bool((flat >= 0).all() and (sums - 1).abs().max() < 1e-4),
        "columns_sum_to_one": len(flat) > 1 and bool((flat >= 0).all() and (flat.sum(0) - 1).abs().max() < 1e-4),
        "log_rows_sum_to_one": wide and bool((flat <= 1e-6).all() and (flat.exp().sum(1) - 1).abs().max() < 1e-4),
        "output_constant": bool((flat - flat[:1]).abs().max() <= 1e-6 * flat.abs().max().clamp(min=1e-30)),
    }


def _operations(look: Look) -> dict[str, Any]:
    return {"last_operation": look.operations[-1] if look.operations else ""}


def _targets(output: Tensor, target: Tensor) -> dict[str, Any]:
    kind = target_kind(target)
    facts: dict[str, Any] = {"target_kind": kind, "target_shape": list(target.shape), "batch_size": len(target)}
    if target.is_floating_point():
        facts |= {"target_low": float(target.min()), "target_high": float(target.max())}
        facts["target_below_zero"] = float((target < 0).float().mean())
        facts["target_outside_one"] = float(((target < 0) | (target > 1)).float().mean())
        facts["target_outside_signed"] = float((target.abs() > 1).float().mean())
        same = output.shape == target.shape
        facts["shapes_broadcast"] = not same and output.numel() == target.numel() and _broadcasts(output, target)
    return facts


def target_kind(target: Tensor) -> str:
    """classes (codes), one_hot, binary (one column of 0 and 1), probabilities, or numbers."""
    if not target.is_floating_point():
        return "classes"
    zero_one = bool(((target == 0) | (target == 1)).all())
    if zero_one and target.numel() == len(target) and len(target) > 3 and 0 < float(target.mean()) < 1:
        return "binary"
    if are_shares(target):
        return "one_hot" if zero_one else "probabilities"
    return "numbers"


def _broadcasts(output: Tensor, target: Tensor) -> bool:
    """Whether torch would stretch both to a common shape larger than either."""
    try:
        shape = torch.broadcast_shapes(output.shape, target.shape)
    except RuntimeError:
        return False
    return math.prod(shape) > output.numel()


def _pairing(loss: Callable[..., Tensor], output: Tensor, target: Tensor) -> dict[str, Any]:
    kind = loss_kind(loss, output, target)
    facts: dict[str, Any] = {"loss_kind": kind.name, "reduction": kind.reduction}
    with torch.no_grad():
        facts["loss_start"] = start = float(loss(output, target))
        if kind.reduction == "mean" and math.isfinite(start):
            facts["loss_expected"] = expected_loss(kind.name, output, target)
    return facts


def expected_loss(kind: str, output: Tensor, target: Tensor) -> float | None:
    """The loss of a network that answers the same for every row: ln K, ln 2, mean square or mean distance of the target.

    Example:
        >>> round(expected_loss("cross_entropy", torch.zeros(3, 10), torch.tensor([1, 2, 3])), 3)
        2.303
    """
    if kind in ("cross_entropy", "cross_entropy_of_shares", "nll"):
        return math.log(max(2, output.shape[1] if output.ndim > 1 else 2))
    if kind in ("bce", "bce_with_logits"):
        return math.log(2)
    if kind in ("mse", "huber") and target.is_floating_point():
        return float((target.float() ** 2).mean())
    return float(target.abs().mean()) if kind == "l1" and target.is_floating_point() else None


def batch_dependence(network: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    """How much a row's answer changes when the rows beside it change, as a share of the spread of the answers."""
    n = len(inputs[0])
    if n < 4:
        return 0.0
    with undisturbed(network, "judge"):
        whole, half = network(*inputs).float(), network(*(x[: n // 2] for x in inputs)).float()
    if whole.shape[1:] != half.shape[1:] or len(half) != n // 2:
        return 1.0
    spread = float(whole.max() - whole.min())
    change = float((whole[: n // 2] - half).abs().max())
    return change / spread if spread > 1e-12 and math.isfinite(change) else 0.0
