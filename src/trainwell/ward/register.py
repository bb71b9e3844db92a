"""The register of the ward: planted faults with the codes that name them, healthy programs, and the habits they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.optim import SGD, Adam

from trainwell.ward.pieces import digits, mlp
from trainwell.ward.program import Case, Program

Build = Callable[[bool], Program]
FAULTS: list[tuple[str, tuple[str, ...], Build]] = []
HEALTHY: list[Case] = []


def fault(name: str, *codes: str) -> Callable[[Build], Build]:
    """Register a program that is built with its fault or without, and the codes one of which names it."""

    def keep(build: Build) -> Build:
        FAULTS.append((name, codes, build))
        return build

    return keep


def healthy(build: Callable[[], Program]) -> Callable[[], Program]:
    """Register a healthy program by the name of its function."""
    HEALTHY.append(Case(build.__name__.lstrip("_"), build))
    return build


def sgd(model: nn.Module, lr: float = 0.1, **more: float) -> SGD:
    """Plain descent at a rate that suits small networks."""
    return SGD(model.parameters(), lr=lr, **more)  # type: ignore[arg-type]


def adam(model: nn.Module, lr: float = 2e-3, **more: float) -> Adam:
    """Adam at a rate that suits small networks."""
    return Adam(model.parameters(), lr=lr, **more)  # type: ignore[arg-type]


def on_digits(model: nn.Module | None = None, lr: float = 0.1, **more: Any) -> Program:
    """A program on the bundled digits."""
    model = model or mlp(64, 10)
    data = more.pop("data", None) or digits()
    more.setdefault("epochs", 30)
    return Program(data, model, more.pop("optimizer", None) or sgd(model, lr), **more)
