"""Healthy programs: networks, data and optimizers, each paired with each."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any

from torch import nn
from torch.optim import SGD, Adagrad, AdamW, NAdam, RMSprop

from trainwell.ward.pieces import Residual, blobs, cancer, digits, mlp, moons, wine
from trainwell.ward.program import Case, Program


def grid() -> list[Case]:
    """Networks × data × optimizers at rates one would choose."""
    optimizers = {
        "sgd": lambda m: SGD(m.parameters(), 0.05),
        "momentum": lambda m: SGD(m.parameters(), 0.03, momentum=0.9, nesterov=True, weight_decay=1e-4),
        "adamw": lambda m: AdamW(m.parameters(), 2e-3),
        "rmsprop": lambda m: RMSprop(m.parameters(), 1e-3),
        "adagrad": lambda m: Adagrad(m.parameters(), 2e-2),
        "nadam": lambda m: NAdam(m.parameters(), 2e-3),
    }
    data = {
        "digits": (digits, 64, 10),
        "cancer": (cancer, 30, 2),
        "wine": (wine, 13, 3),
        "moons": (moons, 2, 2),
        "blobs": (blobs, 2, 3),
    }
    networks = {
        "relu": lambda i, o: mlp(i, o),
        "tanh": lambda i, o: mlp(i, o, act=nn.Tanh, width=32),
        "gelu norm": lambda i, o: mlp(i, o, act=nn.GELU, norm=True, width=48),
        "deep selu": lambda i, o: mlp(i, o, act=nn.SELU, depth=5, width=32),
        "dropout": lambda i, o: mlp(i, o, dropout=0.3, width=96, depth=1),
        "residual": lambda i, o: Residual(i, o, depth=3),
    }
    cases = []
    for k, ((d, (make, i, o)), (n, net), (t, opt)) in enumerate(product(data.items(), networks.items(), optimizers.items())):
        if k % 3 == 0:  # every third of 180 still pairs each with each
            cases.append(Case(f"grid {d} {n} {t}", partial(_grid, make, net, opt, i, o)))
    return cases


def _grid(make: Any, net: Any, opt: Any, i: int, o: int) -> Program:
    data, model = make(), net(i, o)
    epochs = max(20, min(120, 24000 // len(data[0])))
    epochs *= 3 if isinstance(opt(model), SGD) else 1
    return Program(data, model, opt(model), epochs=epochs)
