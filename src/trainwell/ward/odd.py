"""Odd but healthy loops, drawn from a seed: kinds of targets, networks, rules, rates and habits, each legal and well chosen."""

from __future__ import annotations

from random import Random
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adagrad, Adam, AdamW, NAdam, Optimizer, RAdam, RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR, StepLR

from trainwell.ward.odd_tasks import TASKS, Task
from trainwell.ward.program import Case, Program

#: How many there are to begin with; any number can be drawn.
MANY = 200
BATCHES = (4, 8, 16, 32, 32, 64, 128)


def odd_cases(n: int = MANY) -> list[Case]:
    """Programs number 0 to n - 1; each number is always the same program up to its rows and weights."""
    return [Case(f"odd {i:03}", lambda i=i: odd_program(i)) for i in range(n)]  # type: ignore[misc]


def odd_program(number: int) -> Program:
    """Program `number`: each kind of task in turn, everything else drawn."""
    draws = Random(number)
    task = TASKS[number % len(TASKS)](draws)
    x = task.data[0]
    batch = draws.choice([b for b in BATCHES if (b >= 16 or not task.norm) and b <= len(x) // 8])
    accumulate = draws.choice([2, 4]) if batch <= 16 and draws.random() < 0.5 else 1
    optimizer, factor = _optimizer(draws, task, batch * accumulate)
    updates = int(task.updates * factor * min(1.6, max(0.7, (32 / (batch * accumulate)) ** 0.5)))
    per_epoch = max(1, len(x) // batch // accumulate)
    epochs = max(3, round(updates / per_epoch))
    plain = draws.random() < 0.3
    return Program(
        task.data, task.model, optimizer, task.loss, batch=batch, epochs=epochs, accumulate=accumulate,
        clip=draws.choice([0.0, 0.0, 0.0, 0.3, 1.0, 5.0]), shuffle=draws.random() > 0.1, augment=_augment(draws, task),
        show_valid=draws.random() > 0.15, **({} if plain else _schedule(draws, optimizer, epochs, per_epoch)),
    )  # fmt: skip


def _optimizer(draws: Random, task: Task, rows: int) -> tuple[Optimizer, float]:
    """An update rule at a rate one would choose for batches of `rows`, and how many times the usual updates it wants."""
    kind = draws.choice(["adam", "adamw", "adamw", "rmsprop", "nadam", "radam", "adagrad", "sgd", "momentum"])
    held = [p for p in task.model.parameters() if p.requires_grad]
    small = 0.5 if rows <= 8 else 1.0
    if task.slow and kind in ("sgd", "adagrad"):
        kind = "adamw"
    if kind == "sgd":
        return SGD(held, draws.choice([0.03, 0.05, 0.1]) * small), 2.5
    if kind == "momentum":
        return SGD(
            held, draws.choice([0.01, 0.02]) * small, momentum=0.9, nesterov=draws.random() < 0.5, weight_decay=1e-4
        ), 1.5
    rules: dict[str, Any] = {
        "adam": Adam,
        "adamw": AdamW,
        "rmsprop": RMSprop,
        "nadam": NAdam,
        "radam": RAdam,
        "adagrad": Adagrad,
    }
    rates = {"rmsprop": [1e-3], "adagrad": [1e-2, 2e-2]}.get(kind, [1e-3, 2e-3, 3e-3])
    return rules[kind](held, draws.choice(rates) * (1.0 if kind == "adagrad" else small)), 1.5 if kind == "adagrad" else 1.2


def _schedule(draws: Random, optimizer: Optimizer, epochs: int, per_epoch: int) -> dict[str, Any]:
    """No schedule, one of epochs, or one of updates."""
    total = epochs * per_epoch + 1
    how = draws.choice(["none", "cosine", "steps", "warm-up", "one cycle"])
    if how == "none":
        return {}
    if how == "cosine":
        return {"scheduler": CosineAnnealingLR(optimizer, epochs)}
    if how == "steps":
        return {"scheduler": StepLR(optimizer, max(2, epochs // 2), 0.2)}
    if how == "warm-up":
        rise = LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / (0.1 * total)) * max(0.0, 1.05 - s / total))
        return {"scheduler": rise, "schedule_each_batch": True}
    top = 1.5 * float(optimizer.param_groups[0]["lr"])
    turn = OneCycleLR(optimizer, top, total_steps=total + epochs, cycle_momentum=False)
    return {"scheduler": turn, "schedule_each_batch": True}


def _augment(draws: Random, task: Task) -> Any:
    """Now and then a little noise on the inputs."""
    if not task.data[0].is_floating_point() or draws.random() > 0.15 or isinstance(task.loss, nn.PoissonNLLLoss):
        return None
    strength = 0.05 * float(task.data[0].std())
    return lambda x: x + strength * torch.randn_like(x)
