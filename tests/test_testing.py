"""The published checks: everything that is registered passes them, and what is broken does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainwell.core.registry import Registry
from trainwell.core.shape import Shape
from trainwell.data.augment.registry import augmentations
from trainwell.models.registry import models
from trainwell.optim.registry import optimizers, schedules
from trainwell.testing import FIXED, check_augmentation, check_model, check_optimizer, check_resume, check_schedule, table

#: Blocks that a network is composed of have no defaults.
OPTIONS = {"sequential": {"blocks": ["relu"]}, "parallel": {"branches": [["relu"], ["relu"]]}}
#: The deepest of a family train for seconds and are built like the others.
QUICK = [name for name in models.names() if name not in ("resnet34", "resnet101", "resnet152")]
#: One network of each kind of arithmetic.
FAMILIES = ["mlp", "tabm", "ft_transformer"]


@pytest.mark.parametrize("name", QUICK)
def test_every_network_passes(name: str) -> None:
    assert check_model(name, options=OPTIONS.get(name))


@pytest.mark.parametrize("name", optimizers.names())
def test_every_update_rule_passes(name: str) -> None:
    check_optimizer(name)


@pytest.mark.parametrize("model", FAMILIES)
@pytest.mark.parametrize("name", optimizers.names())
def test_every_update_rule_resumes_with_every_family(name: str, model: str) -> None:
    data = table()
    check_resume(data.recipe.but(**{**FIXED, "model": {"name": model}, "optimizer": name}), data)


@pytest.mark.parametrize("name", schedules.names())
def test_every_schedule_passes(name: str) -> None:
    check_schedule(name)


@pytest.mark.parametrize("name", augmentations.names())
def test_every_augmentation_passes(name: str) -> None:
    check_augmentation(name)


class Forgetful(nn.Module):
    """Counts its calls in a plain attribute, which no checkpoint holds."""

    def __init__(self, width: int, n_out: int) -> None:
        super().__init__()
        self.head, self.calls = nn.Linear(width, n_out), 0

    def forward(self, *inputs: Tensor) -> Tensor:
        self.calls += self.training
        out: Tensor = self.head(inputs[0]) * (1 + 0.1 * self.calls)
        return out


def forgetful(shape: Shape, n_out: int) -> nn.Module:
    """A network whose state is not all in its tensors."""
    return Forgetful(shape.inputs[0].size, n_out)


def restless(moment: object) -> float:
    """A schedule that is something else every time."""
    return float(torch.rand(()))


def brightening(x: Tensor, draw: object) -> Tensor:
    """A change that leaves the range."""
    return x + 1


def enter(monkeypatch: pytest.MonkeyPatch, registry: Registry, part: Callable[..., Any]) -> str:
    """Register a part for one test."""
    registry.names()
    monkeypatch.setitem(registry._functions, part.__name__, part)
    return part.__name__


def test_state_outside_of_tensors_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="other bits when it is stopped and continued"):
        check_model(enter(monkeypatch, models, forgetful))


def test_a_schedule_that_forgets_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="another factor when asked again"):
        check_schedule(enter(monkeypatch, schedules, restless))


def test_a_change_that_leaves_the_range_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match=r"leaves \[0, 1\]"):
        check_augmentation(enter(monkeypatch, augmentations, brightening))


def test_a_network_that_takes_nothing_is_found() -> None:
    with pytest.raises(AssertionError, match="takes no kind of data"):
        check_model("sequential", options={})
