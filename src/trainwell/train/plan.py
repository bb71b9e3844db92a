"""The plan: every number of a run that is decided once, before step 0, and kept with the run so that resuming is exact."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from trainwell.core.atomic import write_json
from trainwell.core.errors import CheckpointError
from trainwell.core.recipe import Recipe


@dataclass(frozen=True)
class Machine:
    """How the step is executed.

    Args:
        threads: CPU threads.
        channels_last: pictures and convolutions in channels-last memory order.
        compiled: the network goes through `torch.compile`.
        device: where it runs.
        precision: arithmetic of forward and backward.
        why: one sentence: what was measured.
        stack: name of the stack it is trained in; empty for a network trained alone.
    """

    threads: int = 1
    channels_last: bool = False
    compiled: bool = False
    device: str = "cpu"
    precision: str = "float32"
    why: str = ""
    stack: str = ""

    @property
    def autocast(self) -> torch.dtype | None:
        return None if self.precision == "float32" else getattr(torch, self.precision)


@dataclass(frozen=True)
class Way:
    """A machine and what was measured on it.

    Args:
        machine: how steps are executed.
        pace: seconds per step, of the whole stack for a stack.
        workers: processes that share the work.
    """

    machine: Machine
    pace: float
    workers: int = 1


@dataclass(frozen=True)
class Plan:
    """The numbers of a run.

    Args:
        steps: updates in all.
        batch_size: rows per update.
        rows: training rows.
        validate_every: updates between validations.
        log_every: updates between lines of the history.
        patience: validations without a better score before stopping; 0 never stops.
        monitor: the validation score that decides, "loss" or a metric.
        higher_is_better: direction of `monitor`.
        seed: the run's seed.
        data: fingerprint of the data.
        torch: version that trains; another one may round differently.
        machine: how the step is executed.
    """

    steps: int
    batch_size: int
    rows: int
    validate_every: int
    log_every: int
    patience: int
    monitor: str
    higher_is_better: bool
    seed: int
    data: str
    torch: str
    machine: Machine

    def epoch(self, step: int) -> float:
        """Passes over the training rows after `step` updates."""
        return step * self.batch_size / self.rows

    def validates(self, step: int) -> bool:
        """Whether the network is validated after `step` updates, counted from the end, where there is always one."""
        return 2 * step >= min(self.validate_every, self.steps) and (self.steps - step) % self.validate_every == 0


def step_count(recipe: Recipe, rows: int, batch_size: int) -> int:
    """Updates that `steps` or `epochs` of a resolved recipe ask for."""
    if recipe.steps:
        return recipe.steps
    assert recipe.epochs != "auto", "the recipe must be resolved first"
    return max(1, math.ceil(recipe.epochs * rows / batch_size))


def write_plan(plan: Plan, path: Path) -> None:
    """Write a plan as JSON, whole or not at all."""
    write_json(path, asdict(plan))


def read_plan(path: Path) -> Plan:
    """The plan of a run folder."""
    try:
        return plan_from(json.loads(path.read_text()))
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"not a plan of this version ({error})", where=str(path)) from None


def plan_from(fields: Mapping[str, Any]) -> Plan:
    """The plan of its fields as plain data."""
    return Plan(**{**fields, "machine": Machine(**fields["machine"])})
