"""float16: the factor goes the way of torch's scaler, small gradients live, and a run continues to the same bits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from trainwell.train import loss_scale
from trainwell.train.engine import Limits, SingleEngine
from trainwell.train.fit import fit
from trainwell.train.loss_scale import LossScale
from trainwell.train.steps import supervised

from .small import pictures, recipe, weights
from .test_engine import stop_half_way

CPU = torch.device("cpu")


@given(whole=st.lists(st.booleans(), max_size=30))
def test_the_factor_goes_the_way_of_torchs_scaler(whole: list[bool]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loss_scale, "CALM", 3)
        weight = nn.Parameter(torch.ones(()))
        rule = torch.optim.SGD([weight], lr=0.0)
        theirs, ours = torch.amp.GradScaler("cpu", growth_interval=3), LossScale(CPU)
        for finite in whole:
            if ours.factor <= 2.0:
                break  # torch's factor falls below 1, where it would blame the scale for what is not its fault
            rule.zero_grad()
            theirs.scale(weight * (1.0 if finite else float("inf"))).backward()
            theirs.step(rule)
            theirs.update()
            ours.keep() if finite else ours.halve()
            assert ours.factor == theirs.get_scale()
            assert ours.inverse.item() == 1 / ours.factor


def engine_of(network: nn.Module, by: float, scale: LossScale | None) -> SingleEngine:
    def loss(output: Tensor, target: Tensor) -> Tensor:
        return by * nn.functional.mse_loss(output, target)

    step = supervised(network, loss, augment=None, autocast=torch.float16, device="cpu")
    return SingleEngine(network, step, torch.optim.SGD(network.parameters(), lr=1.0), limits=Limits(), seed=0, scale=scale)


def one_step(by: float, scale: LossScale | None) -> tuple[list[float | None], Tensor]:
    torch.manual_seed(0)
    network, x, y = nn.Linear(4, 1), torch.randn(64, 4), torch.randn(64, 1)
    before = network.weight.detach().clone()
    losses = list(engine_of(network, by, scale).step((x,), y, rates=[1 / by], number=0))
    return losses, network.weight.detach() - before


def test_gradients_below_the_smallest_half_survive() -> None:
    _, lost = one_step(1e-7, None)
    _, moved = one_step(1e-7, LossScale(CPU))
    _, expected = one_step(1.0, None)  # the rate is divided by what the loss is multiplied by
    assert (moved - expected).abs().max() < 0.02 * expected.abs().max()
    assert (lost - expected).abs().max() > 0.5 * expected.abs().max()


def test_an_update_with_gradients_too_large_is_left_out_and_the_factor_halved() -> None:
    scale = LossScale(CPU)
    losses, moved = one_step(1e3, scale)
    assert losses[0] is not None
    assert not moved.any()
    assert scale.factor == loss_scale.FIRST / 2


def test_at_a_factor_of_one_a_gradient_that_is_not_finite_is_the_networks_own() -> None:
    scale = LossScale(CPU)
    scale.restore(torch.tensor([1.0, 5.0], dtype=torch.float64))
    assert not scale.halve()
    assert scale.state().tolist() == [1.0, 5.0]


def test_a_run_in_half_precision_continues_to_the_same_bits(tmp_path: Path) -> None:
    chosen = recipe(model={"name": "mlp", "width": 8}, steps=12, precision="float16", clip_norm=1.0)
    fit(chosen, pictures(), folder=tmp_path / "whole")
    fit(chosen, pictures(), folder=tmp_path / "torn", observers=[stop_half_way])
    (tmp_path / "torn/weights.safetensors").unlink()
    fit(chosen, pictures(), folder=tmp_path / "torn")
    assert weights(tmp_path / "torn") == weights(tmp_path / "whole")
