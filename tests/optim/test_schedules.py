"""Schedules agree with torch's, start and end where they say, and never leave their range."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainwell.core.errors import RecipeError
from trainwell.optim.registry import schedules
from trainwell.optim.schedules import Moment, after, cosine, one_cycle, plateau, polynomial, ramp


def _torch_rates(make, steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def test_cosine_is_torchs_cosine_annealing() -> None:
    expected = _torch_rates(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=50, eta_min=0.1), 50)
    assert [cosine(Moment(s / 50), end=0.1, warmup=0.0) for s in range(50)] == pytest.approx(expected, abs=1e-9)


def test_one_cycle_is_torchs_one_cycle() -> None:
    def make(optimizer):
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=1.0, total_steps=101, pct_start=0.31, final_div_factor=4000
        )

    # torch's cycle tops at step 0.31 * 101 - 1 and ends at step 100, so progress counts from 0 to 100.
    expected = _torch_rates(make, 100)
    top = 0.31 * 101 - 1
    ours = [one_cycle(Moment(s / 100), warmup=top / 100, start=0.04, end=1e-5) for s in range(100)]
    assert ours == pytest.approx(expected, abs=1e-6)


def test_a_line_that_is_held_falls_over_what_is_left() -> None:
    found = [polynomial(Moment(p), hold=0.4, warmup=0.2) for p in (0.1, 0.2, 0.5, 0.6, 0.8, 1.0)]
    assert found == pytest.approx([0.5, 1.0, 1.0, 1.0, 0.5, 0.0])
    with pytest.raises(RecipeError, match="hold must be a share"):
        polynomial(Moment(0.5), hold=0.8, warmup=0.2)


def test_polynomial_is_torchs_polynomial() -> None:
    expected = _torch_rates(lambda o: torch.optim.lr_scheduler.PolynomialLR(o, total_iters=40, power=2.0), 40)
    assert [polynomial(Moment(s / 40), power=2.0) for s in range(40)] == pytest.approx(expected, abs=1e-9)


@given(progress=st.floats(0, 1, exclude_max=True), warmup=st.floats(0, 0.9))
def test_every_schedule_stays_between_zero_and_one(progress: float, warmup: float) -> None:
    for name in schedules.names():
        factor = schedules.bind(name, {"warmup": warmup})(Moment(progress))
        assert 0 <= factor <= 1 + 1e-12, name


def test_plateau_is_torchs_reduce_on_plateau() -> None:
    scores = [0.1, 0.2, 0.15, 0.15, 0.15, 0.3, 0.3, 0.3, 0.3, 0.3, 0.31]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode="max", factor=0.5, patience=2, threshold=1e-4, threshold_mode="abs"
    )
    for count, score in enumerate(scores, start=1):
        schedule.step(score)
        ours = plateau(Moment(0.5, tuple(scores[:count])), factor=0.5, patience=2, threshold=1e-4)
        assert ours == optimizer.param_groups[0]["lr"], count


def test_warmup_rises_linearly_and_what_follows_starts_at_its_end() -> None:
    assert ramp(0.05, 0.2) == 0.25
    assert after(0.2, 0.2) == 0.0
    assert math.isclose(after(0.6, 0.2), 0.5)


def test_warmup_outside_the_run_is_refused() -> None:
    with pytest.raises(RecipeError, match="warmup must be a share"):
        cosine(Moment(0.5), warmup=1.5)
