"""Pre-flight: what can be known before the first update, as one row of facts for the doctor's chart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainwell.train.signs.data_facts import all_data_facts, array_facts, split_facts
from trainwell.train.signs.output_facts import output_facts
from trainwell.train.signs.start_facts import network_facts, optimizer_facts

Arrays = tuple[tuple[Tensor, ...], Tensor]

#: Rows of the probe set.
ROWS = 128


def preflight(
    network: nn.Module,
    loss: Callable[..., Tensor] | None,
    batch: Arrays,
    *,
    optimizer: torch.optim.Optimizer | None = None,
    train: Arrays | None = None,
    valid: Arrays | None = None,
    known: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Facts about data, output and loss, network and optimizer, before anything is trained; nothing is changed.

    Args:
        network: initialised, on its device.
        loss: `(output, target) -> ()`; None leaves out the pairing of output and loss.
        batch: inputs and target of a training batch.
        optimizer: leaves out what is trained when None.
        train: training inputs and targets; None looks at the batch alone.
        valid: validation inputs and targets.
        known: facts about the data, where they were found in another way.

    Returns:
        A row with `split="facts"`.

    Example:
        >>> network = nn.Sequential(nn.Linear(3, 2), nn.Softmax(1))
        >>> x, y = torch.randn(8, 3), torch.tensor([0, 1] * 4)
        >>> preflight(network, nn.CrossEntropyLoss(), ((x,), y))["rows_sum_to_one"]
        True
    """
    facts: dict[str, Any] = {"split": "facts", "step": 0}
    inputs, target = batch
    rows = tuple(x[:ROWS] for x in (train[0] if train is not None else inputs))
    facts |= _data(batch, train, valid) if known is None else known
    if optimizer is not None:
        facts |= optimizer_facts(network, optimizer)
    if facts.get("bad_cells"):
        return facts  # everything after a NaN is NaN
    if len(target) < 8 and train is not None:  # a row or two show no identity
        inputs, target = rows, train[1][:ROWS]
    if len(target) > 1:
        facts |= output_facts(network, loss, inputs, target)
        facts |= network_facts(network, rows)
    return facts | {"batch_size": len(batch[1]), "input_normalised": starts_with_norm(network)}


def _data(batch: Arrays, train: Arrays | None, valid: Arrays | None) -> dict[str, Any]:
    """Facts about the arrays; of the batch alone, those that few rows can show."""
    arrays = batch if train is None else train
    if len(arrays[0]) != 1:
        return {}
    x, y = _numpy(arrays[0][0]), _numpy(arrays[1])
    if train is None:
        return {k: v for k, v in array_facts(x, y).items() if not k.startswith(("leak", "class", "rows"))}
    if valid is None:
        return all_data_facts(x, y)
    return all_data_facts(x, y, _numpy(valid[0][0]), _numpy(valid[1]))


def gathered_facts(train: Arrays, valid: Arrays | None, judged: Tensor | None) -> dict[str, Any]:
    """Facts about rows that were gathered while they passed through a loop; how many there are of a kind is not known.

    Args:
        train: training rows.
        valid: evaluated rows with their targets; None where no loss was asked for.
        judged: evaluated inputs, also those without a target.
    """
    facts = {k: v for k, v in _data(train, train, valid).items() if k not in ("rows_train", "rows_valid")}
    if valid is None and judged is not None and len(train[0]) == 1:
        facts |= split_facts(_numpy(train[0][0]), _numpy(judged))
        facts |= {"judged_std": float(judged.std())} if judged.is_floating_point() else {}
    if valid is None and "inside_score" in facts:
        facts |= {"reference": facts["inside_score"], "chance": facts["majority"], "reference_name": "10 nearest neighbours"}
    facts.pop("rows_valid", None)
    return {"split": "facts", "step": 0, **facts}


def _numpy(x: Tensor) -> np.ndarray:
    x = x.detach().cpu()
    return (x.float() if x.dtype in (torch.bfloat16, torch.float16) else x).numpy()


def starts_with_norm(network: nn.Module) -> bool:
    """Whether the first leaf module of the network normalises its inputs itself."""
    first = next((m for m in network.modules() if not list(m.children())), None)
    return isinstance(first, (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.modules.instancenorm._InstanceNorm))
