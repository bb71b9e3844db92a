"""The range test: what it suggests is stable, and where a stable rate ends is known for a quadratic."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainwell.core.errors import TrainingError
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.load import wrap
from trainwell.train.lr_find import find_rate

from .small import numbers, recipe


def plane() -> Data:
    """A noisy linear target of three numbers: the mean squared error is a quadratic of known curvature."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 3)).astype(np.float32)
    y = (x @ np.array([1.0, -2.0, 3.0]) + draw.normal(size=400)).astype(np.float32)
    return wrap((x, y), recipe=Recipe(split={"test": 0.0, "valid": 0.1}))


def descent() -> Recipe:
    """Plain gradient descent on all rows with a linear network."""
    sgd = {"name": "sgd", "momentum": 0.0, "nesterov": False}
    network = {"name": "mlp", "depth": 0, "dropout": 0.0}
    return recipe(
        model=network, optimizer=sgd, metrics=["rmse"], batch_size=0, weight_decay=0.0, split={"test": 0.0, "valid": 0.1}
    )


def test_gradient_descent_on_a_quadratic_diverges_above_two_over_its_curvature() -> None:
    data = plane()
    x = np.column_stack([data.arrays["input"][data.rows["train"]], np.ones(len(data.rows["train"]))])
    curvature = np.linalg.eigvalsh(2 * x.T @ x / len(x)).max()  # of mean((x w - y)^2)
    found = find_rate(descent(), data, steps=60, lowest=1e-3, highest=100.0)
    assert found.suggestion < 2 / curvature
    # Below that limit every step brings the loss down, so the smoothed loss still falls there.
    assert found.largest >= max(rate for rate in found.rates if rate < 2 / curvature)
    assert found.rates[-1] < 100.0  # above it the loss explodes, and the test ends


def test_rates_rise_by_a_constant_factor_and_each_has_a_loss() -> None:
    found = find_rate(recipe(model="mlp"), numbers(), steps=30, lowest=1e-5, highest=1e-1)
    assert len(found.rates) == len(found.losses)
    assert found.rates[0] == pytest.approx(1e-5)
    assert np.diff(np.log(found.rates)) == pytest.approx(np.log(1e4) / 29)
    assert min(found.rates) <= found.suggestion <= found.largest <= max(found.rates)


def test_it_is_the_same_twice_and_leaves_the_callers_draws_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first = find_rate(recipe(model="mlp"), numbers(), steps=20)
    assert torch.equal(torch.rand(2), expected)
    assert find_rate(recipe(model="mlp"), numbers(), steps=20) == first
    assert find_rate(recipe(model="mlp"), numbers(), steps=20, seed=1) != first


def test_the_recipes_own_rate_does_not_matter() -> None:
    slow, fast = (find_rate(recipe(model="mlp", learning_rate=rate), numbers(), steps=20) for rate in (1e-6, 10.0))
    assert slow == fast


def test_a_loss_that_explodes_at_once_is_said() -> None:
    with pytest.raises(TrainingError, match="exploded"):
        find_rate(descent(), plane(), lowest=1e6, highest=1e9)
