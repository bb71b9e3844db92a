"""Draws are what they say, and a function of the seed alone."""

from __future__ import annotations

import pytest
import torch

from trainwell.data.augment.draw import Draw

N = 20_000


def draw(seed: int = 0) -> Draw:
    return Draw(torch.Generator().manual_seed(seed))


def test_the_same_seed_gives_the_same_bits() -> None:
    a, b = draw(7), draw(7)
    for one, other in zip(
        (a.coin(9, 0.5), a.uniform(9, 0, 1), a.normal((3, 3)), a.permutation(9), a.beta(9, 0.2, 0.2)),
        (b.coin(9, 0.5), b.uniform(9, 0, 1), b.normal((3, 3)), b.permutation(9), b.beta(9, 0.2, 0.2)),
        strict=True,
    ):
        assert torch.equal(one, other)


def test_no_other_generator_is_touched() -> None:
    before = torch.default_generator.get_state()
    draw().beta(5, 1, 1)
    draw().normal((5,))
    draw().permutation(5)
    assert torch.equal(before, torch.default_generator.get_state())


def test_chance_zero_and_one_are_certain() -> None:
    assert not draw().coin(N, 0.0).any()
    assert draw().coin(N, 1.0).all()


def test_equal_ends_are_that_number_exactly() -> None:
    assert (draw().uniform(N, 0.3, 0.3) == torch.tensor(0.3)).all()


@pytest.mark.parametrize(("a", "b"), [(0.2, 0.2), (1.0, 1.0), (2.0, 5.0)])
def test_beta_has_its_mean_and_variance(a: float, b: float) -> None:
    """Within five standard errors of the mean a/(a+b) and of the variance ab/((a+b)^2 (a+b+1))."""
    values = draw().beta(N, a, b)
    variance = a * b / ((a + b) ** 2 * (a + b + 1))
    assert values.min() >= 0
    assert values.max() <= 1
    assert abs(values.mean() - a / (a + b)) < 5 * (variance / N) ** 0.5
    assert abs(values.var() - variance) < 5 * variance / N**0.5


def test_integers_reach_both_ends() -> None:
    values = draw().integers(N, -2, 3)
    assert values.unique().tolist() == [-2, -1, 0, 1, 2]
