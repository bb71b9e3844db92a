"""Names of update rules and schedules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trainwell.core.registry import Registry

optimizers: Registry[Callable[..., Any]] = Registry(
    "optimizer", home="trainwell.optim", own="trainwell.optim.own_optimizer:as_optimizer"
)
schedules: Registry[Callable[..., float]] = Registry("schedule", home="trainwell.optim")
