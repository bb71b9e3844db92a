"""Which networks can share a program: the same structure, and numbers that the stack keeps apart."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.models.tabm import SharedDropout
from trainwell.optim.registry import optimizers
from trainwell.train.compile import Program
from trainwell.train.stack.known_rules import RULES
from trainwell.train.stack.rules import form

#: Attributes of modules that may differ between members, because the stack draws for each of them.
OWN_NUMBERS = {nn.Dropout: "p", nn.Dropout1d: "p", nn.Dropout2d: "p", nn.Dropout3d: "p", SharedDropout: "rate"}


def groups(programs: Sequence[Program]) -> list[list[int]]:
    """Places of programs that can be one stack, in order of their first member; what cannot be stacked stands alone."""
    found: dict[Hashable, list[int]] = {}
    for place, program in enumerate(programs):
        key = stack_key(program) if may_stack(program) else ("alone", place)
        found.setdefault(key, []).append(place)
    return list(found.values())


def may_stack(program: Program) -> bool:
    """Whether a program uses nothing that a stack does not know."""
    recipe = program.recipe
    return (
        recipe.optimizer.name in RULES
        and program.data.task not in ("generation", "segmentation")  # two update rules; what is judged pixel by pixel
        and recipe.accumulate == 1
        and recipe.compile != "on"
        and recipe.progressive_resizing == 0  # a stack is traced for one size
        and not recipe.time_limit
        and recipe.constraint == "none"
        and recipe.sam == 0
        and not recipe.gradient_checkpointing
        and recipe.parametrize == "none"
        and recipe.prune == 0
        and recipe.transfer.lora == 0
        and recipe.transfer.unfreeze == 0
        and recipe.transfer.layer_decay == 1
        and not (program.data.shape.texts and ":" in recipe.model.name)  # who knows what it makes of padding
    )


def stack_key(program: Program) -> Hashable:
    """What the members of a stack have in common."""
    recipe, data = program.recipe, program.data
    options = optimizers.bind(recipe.optimizer.name, recipe.optimizer.options)
    optimizer = (recipe.optimizer.name, form(recipe.optimizer.name, filled(options, recipe.optimizer.name)))
    shapes = tuple((x.kind, x.shape, x.dtype) for x in data.shape.inputs)
    mixes = tuple(part.name for part in recipe.augment) if isinstance(recipe.augment, list) else ()
    how = (program.batch_size, str(program.device), recipe.precision, recipe.threads, mixes)
    return (structure(program.network), optimizer, recipe.loss.name, shapes, data.n_out, data.task, how)


def filled(bound: Any, name: str) -> dict[str, Any]:
    """All options of a bound optimizer, defaults included."""
    return {key: option.default for key, option in optimizers.options(name).items()} | dict(bound.keywords)


def structure(network: nn.Module) -> Hashable:
    """Everything about a network but its weights and its own numbers: equal structures compute the same function."""
    return tuple((name, _module(module)) for name, module in network.named_modules())


def _module(module: nn.Module) -> Hashable:
    own = next((field for kind, field in OWN_NUMBERS.items() if isinstance(module, kind)), "")
    skipped = {own, "_parameters", "_buffers", "_modules", "training", "_backward_hooks", "_forward_hooks"}
    if isinstance(module, nn.RNNBase):
        skipped |= {"_flat_weights", "_flat_weight_refs"}  # its parameters once more
    plain = tuple((key, _plain(value)) for key, value in sorted(vars(module).items()) if key not in skipped)
    tensors = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    shapes = tuple((name, tuple(t.shape), t.dtype, t.requires_grad) for name, t in tensors)
    return (type(module), plain, shapes)


def _plain(value: Any) -> Hashable:
    if isinstance(value, Tensor):
        return ("tensor", tuple(value.shape), tuple(value.reshape(-1).tolist()) if value.numel() <= 64 else id(value))
    if isinstance(value, dict):
        return tuple((str(k), _plain(v)) for k, v in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(_plain(v) for v in value)
    if isinstance(value, bool | int | float | str | type(None) | torch.dtype | torch.device):
        return value
    return repr(value) if " at 0x" not in repr(value) else (type(value), id(value) if callable(value) else 0)
