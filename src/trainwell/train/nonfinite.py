"""Where a NaN or infinity began: the cell of the data, the first layer, or the first gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.core.errors import NonFinite
from trainwell.core.shape import Input


def first_bad_cell(array: Tensor) -> tuple[int, ...] | None:
    """Index of the first entry that is NaN or infinite, or None."""
    if not array.is_floating_point():
        return None
    bad = torch.nonzero(~torch.isfinite(array))
    return tuple(int(i) for i in bad[0]) if len(bad) else None


def data_cause(inputs: Sequence[Tensor], target: Tensor, rows: Tensor, described: Sequence[Input]) -> str:
    """A sentence naming row and column of the first non-finite input or target, or an empty one."""
    for array, spec in zip(inputs, described, strict=True):
        if (at := first_bad_cell(array)) is not None:
            column = f"column {spec.columns[at[-1]]!r}" if spec.columns else f"position {at[1:]} of input {spec.name!r}"
            return f"row {int(rows[at[0]])}, {column} of the training data"
    at = first_bad_cell(target)
    return "" if at is None else f"the target of row {int(rows[at[0]])}"


def layer_cause(network: nn.Module, inputs: Sequence[Tensor]) -> str:
    """The first layer whose output is not finite for these inputs, as `layer 'blocks.2' (Linear)`; empty if all are."""
    found: list[str] = []

    def watch(name: str, module: nn.Module) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if not found and isinstance(output, Tensor) and first_bad_cell(output) is not None:
                found.append(f"layer {name!r} ({type(module).__name__})")

        return module.register_forward_hook(hook)

    handles = [watch(name, m) for name, m in network.named_modules() if not list(m.children())]
    try:
        with torch.no_grad():
            network(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else ""


def gradient_cause(network: nn.Module) -> str:
    """The parameter nearest the output whose gradient is not finite; empty if all are."""
    for name, parameter in reversed(list(network.named_parameters())):
        if parameter.grad is not None and first_bad_cell(parameter.grad) is not None:
            return f"the gradient of {name!r}"
    return ""


def explain(
    network: nn.Module, inputs: Sequence[Tensor], target: Tensor, *, rows: Tensor, described: Sequence[Input], step: int
) -> NonFinite:
    """The error for a step whose loss or gradient is not finite, naming the cause nearest to its origin."""
    if cause := data_cause(inputs, target, rows, described):
        remedy = "Fill or drop it; `trainwell look` lists such cells."
        return NonFinite("the training data are not finite", where=f"step {step}, {cause}", remedy=remedy)
    cause = gradient_cause(network) if all(first_bad_cell(p) is None for p in network.parameters()) else ""
    cause = layer_cause(network, inputs) or cause or "the loss"
    rows_shown = ", ".join(str(int(r)) for r in rows[:5])
    return NonFinite(
        f"NaN or infinity in {cause} (batch of rows {rows_shown}, …)",
        where=f"step {step}",
        remedy="Lower learning_rate, or set clip_norm=1; the weights of the step before are untouched.",
    )
