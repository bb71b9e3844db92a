"""The losses of all members of a stack in as few operations as their options allow.

K members, B rows a batch, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from trainwell.score.losses.classes import cross_entropy
from trainwell.train.compile import Program
from trainwell.train.stack.trace import StackLoss
from trainwell.train.steps import Loss, has_members, member_loss

#: Options under which the mean of the batch is not the mean of its examples.
WEIGHTED = {"class_weight", "pos_weight"}


def stack_loss(programs: Sequence[Program]) -> StackLoss:
    """The function `(output (K, B, …), target (K, B, …)) -> (K,)` of these programs' losses."""
    functions, options = zip(*(_parts(p.loss) for p in programs), strict=True)
    if any(":" in p.recipe.loss.name for p in programs):  # who knows whether its mean is that of its examples
        return partial(_each, [p.loss for p in programs])
    if all(f is functions[0] for f in functions) and not WEIGHTED & set(options[0]):
        if all(o == options[0] for o in options):
            return partial(_at_once, programs[0].loss)
        rest = [{k: v for k, v in o.items() if k != "label_smoothing"} for o in options]
        if functions[0] is cross_entropy and not any(rest):
            shares = [float(o.get("label_smoothing", 0.0)) for o in options]
            precise = torch.float32 if programs[0].device.type == "mps" else torch.float64
            return partial(_smoothed, torch.tensor(shares, dtype=precise, device=programs[0].device)[:, None])
    return partial(_each, [p.loss for p in programs])


def _parts(loss: Loss) -> tuple[Any, dict[str, Any]]:
    return (loss.func, dict(loss.keywords)) if isinstance(loss, partial) else (loss, {})


def _at_once(loss: Any, output: Tensor, target: Tensor) -> Tensor:
    output, target = _member_axis(output, target)
    function, options = _parts(loss)
    if function is cross_entropy and target.ndim == 2:
        # Rows along the last axis: the softmax of a few classes runs over whole vectors of them.
        each: Tensor = F.cross_entropy(output.transpose(1, 2), target, reduction="none", **options)  # (K, B)
        return each.mean(1)
    each = loss(output.flatten(0, 1), target.flatten(0, 1), reduction="none")  # (K * B,)
    return each.view(len(output), -1).mean(1)


def _smoothed(share: Tensor, output: Tensor, target: Tensor) -> Tensor:
    output, target = _member_axis(output, target)
    log_p, share = output.transpose(1, 2).log_softmax(1).transpose(1, 2), share.to(output.dtype)  # (K, B, C), (K, 1)
    soft = target.is_floating_point()
    true = (log_p * target).sum(-1) if soft else log_p.gather(-1, target[..., None]).squeeze(-1)  # (K, B)
    return -((1 - share) * true + share * log_p.mean(-1)).mean(1)


def _each(losses: list[Loss], output: Tensor, target: Tensor) -> Tensor:
    return torch.stack([member_loss(loss, o, t) for loss, o, t in zip(losses, output, target, strict=True)])


def _member_axis(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Many-in-one outputs `(K, B, M, …)` as `(K, B * M, …)`, each target repeated for its M."""
    if not has_members(output[0], target[0]):
        return output, target
    return output.flatten(1, 2), target.repeat_interleave(output.shape[2], dim=1)
