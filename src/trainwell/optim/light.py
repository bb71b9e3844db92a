"""torch's update rules without what they load for torch's compiler, which makes no updates here.

A rule of `torch.optim` imports `torch._dynamo` when it is made and whenever it makes an update: 1.6 s of computing, once in a
process, a quarter of what it takes to train a small network from the command line. Its arithmetic is left as it is.
"""

from __future__ import annotations

from functools import cache
from inspect import unwrap
from typing import Any, TypeVar

import torch

Rule = TypeVar("Rule", bound=torch.optim.Optimizer)
#: Methods that torch hides from its compiler.
HIDDEN = ("add_param_group", "state_dict", "load_state_dict", "zero_grad")


@cache
def light(kind: type[Rule]) -> type[Rule]:
    """The same class of update rules, whose methods import no compiler; hooks of steps are called as they were.

    Args:
        kind: a class of torch, or one that is derived from `torch.optim.Optimizer`.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(2))
        >>> rule = light(torch.optim.SGD)([weight], lr=0.5)
        >>> weight.grad = torch.ones(2)
        >>> rule.step()
        >>> type(rule).__name__, weight.tolist()
        ('SGD', [0.5, 0.5])
    """
    methods: dict[str, Any] = {name: unwrap(getattr(kind, name)) for name in HIDDEN}
    return type(kind.__name__, (kind,), methods | {"step": torch.no_grad()(unwrap(kind.step)), "__doc__": kind.__doc__})
