"""A training program as its author would write it: data, network, optimizer, loss, and a plain loop with its habits."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.doctor.finding import Finding
from trainwell.train.watch import watch


@dataclass
class Program:
    """What is trained, and how the loop behaves; a fault is one wrong field."""

    data: tuple[Tensor, Tensor, Tensor, Tensor]  # x, y, x_valid, y_valid
    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Callable[[Tensor, Tensor], Tensor] = field(default_factory=nn.CrossEntropyLoss)
    batch: int = 32
    epochs: int = 12
    steps: int = 0  # stop after so many updates; 0 trains all epochs
    shuffle: bool = True
    zero_grad: bool = True
    train_mode: bool = True
    eval_mode: bool = True
    clip: float = 0.0
    accumulate: int = 1
    scheduler: Any = None
    schedule_each_batch: bool = False
    augment: Callable[[Tensor], Tensor] | None = None
    delay: float = 0.0
    show_valid: bool = True
    sign: float = 1.0


def run(
    program: Program, seed: int, *, watched: bool = True, bare: bool = False, path: Path | None = None
) -> tuple[list[Finding], float]:
    """Train; returns the findings and the score on validation rows. `path` keeps the history."""
    p = program
    x, y, x_valid, y_valid = p.data
    order = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    valid = (x_valid, y_valid) if p.show_valid else None
    train = None if bare else (x, y)
    doctor = (
        watch(p.model, p.optimizer, p.loss, train=train, valid=None if bare else valid, tell=None, path=path)
        if watched
        else None
    )
    with doctor or nullcontext():
        done = 0
        for _ in range(p.epochs):
            rows = torch.randperm(len(x), generator=order) if p.shuffle else torch.arange(len(x))
            done = epoch(p, [b for b in rows.split(p.batch) if len(b) > 1 or p.batch == 1], done)
            score = evaluate(p, x_valid, y_valid)
            if done == p.steps:
                break
    return (doctor.findings if doctor else []), score


def epoch(p: Program, batches: Sequence[Tensor], done: int) -> int:
    """One pass; returns the number of updates so far."""
    x, y = p.data[:2]
    if p.train_mode:
        p.model.train()
    for i, b in enumerate(batches):
        time.sleep(p.delay) if p.delay else None
        xb = x[b] if p.augment is None else p.augment(x[b])
        loss = p.sign * p.loss(p.model(xb), y[b]) / p.accumulate
        loss.backward()
        if (i + 1) % p.accumulate:
            continue
        update(p)
        done += 1
        if done == p.steps:
            break
    if p.scheduler is not None and not p.schedule_each_batch:
        p.scheduler.step()
    return done


def update(p: Program) -> None:
    """The end of an update, with the habits of the program."""
    if p.clip:
        nn.utils.clip_grad_norm_(p.model.parameters(), p.clip)
    p.optimizer.step()
    if p.zero_grad:
        p.optimizer.zero_grad()
    if p.scheduler is not None and p.schedule_each_batch:
        p.scheduler.step()


def evaluate(p: Program, x: Tensor, y: Tensor) -> float:
    """Accuracy or R² on validation rows, in the program's own way."""
    if p.eval_mode:
        p.model.eval()
    with torch.no_grad():
        out = torch.cat([p.model(part) for part in x.split(256)])
    if not y.is_floating_point():
        return float((out.argmax(1) == y).float().mean()) if out.ndim == 2 and out.shape[1] > 1 else float("nan")
    if y.unique().numel() == 2:
        return float(((out.flatten() > 0.5) == (y.flatten() > 0.5)).float().mean())
    return float(1 - ((out.flatten() - y.flatten()) ** 2).sum() / ((y - y.mean()) ** 2).sum())


@dataclass(frozen=True)
class Case:
    """One program of the ward: how to build it, and the codes one of which must be named first; none for a healthy one."""

    name: str
    build: Callable[[], Program]
    expected: Sequence[str] = ()

    def examine(self, seed: int, *, bare: bool = False, path: Path | None = None) -> tuple[list[Finding], float]:
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(False)
        return run(self.build(), seed, bare=bare, path=path)
