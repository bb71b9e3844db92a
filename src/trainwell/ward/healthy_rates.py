"""Healthy programs that are odd in their rates, schedules, limits and first weights."""

from __future__ import annotations

from torch import nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR, StepLR

from trainwell.ward.pieces import digits, mlp
from trainwell.ward.program import Program
from trainwell.ward.register import healthy


@healthy
def _warm_up_and_cosine() -> Program:
    model = mlp(64, 10, norm=True)
    optimizer = AdamW(model.parameters(), 3e-3)
    schedule = LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / 100) * max(0.0, 1 - s / 900))
    return Program(digits(), model, optimizer, epochs=20, scheduler=schedule, schedule_each_batch=True)


@healthy
def _one_cycle() -> Program:
    model = mlp(64, 10)
    optimizer = SGD(model.parameters(), 0.1, momentum=0.9)
    return Program(
        digits(),
        model,
        optimizer,
        epochs=12,
        scheduler=OneCycleLR(optimizer, 0.3, total_steps=43 * 12),
        schedule_each_batch=True,
    )


@healthy
def _cosine_each_epoch() -> Program:
    model = mlp(64, 10)
    optimizer = SGD(model.parameters(), 0.1, momentum=0.9)
    return Program(digits(), model, optimizer, epochs=15, scheduler=CosineAnnealingLR(optimizer, 15))


@healthy
def _steps_down() -> Program:
    model = mlp(64, 10)
    optimizer = SGD(model.parameters(), 0.2)
    return Program(digits(), model, optimizer, epochs=18, scheduler=StepLR(optimizer, 6, 0.1))


@healthy
def _always_clipped() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, SGD(model.parameters(), 0.3), epochs=15, clip=0.3)


@healthy
def _adam_clipped_hard() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, Adam(model.parameters(), 2e-3), epochs=15, clip=0.01)


@healthy
def _high_rate_that_works() -> Program:
    model = mlp(64, 10, norm=True)
    return Program(digits(), model, SGD(model.parameters(), 0.2), epochs=20)


@healthy
def _adam_at_a_hundredth() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, Adam(model.parameters(), 1e-2), epochs=12)


@healthy
def _zero_last_layer() -> Program:
    model = mlp(64, 10)
    last = model[-1]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return Program(digits(), model, AdamW(model.parameters(), 2e-3), epochs=15)


@healthy
def _orthogonal_init() -> Program:
    model = mlp(64, 10, act=nn.Tanh, depth=4)
    for m in model.modules():
        if isinstance(m, nn.Linear):
            nn.init.orthogonal_(m.weight)
    return Program(digits(), model, AdamW(model.parameters(), 1e-3), epochs=15)
