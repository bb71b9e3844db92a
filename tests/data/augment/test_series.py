"""Motions keep the shape, change nothing at strength 0, and are refused for pictures."""

from __future__ import annotations

import pytest
import torch

from trainwell.core.errors import RecipeError
from trainwell.core.part import Part
from trainwell.data.augment.compose import build_augment
from trainwell.data.augment.draw import Draw
from trainwell.data.augment.registry import motions

NOTHING = {
    "jitter": {"strength": 0.0},
    "rescale": {"strength": 0.0},
    "time_warp": {"strength": 0.0},
    "window_slice": {"share": 1.0},
    "time_mask": {"share": 0.0},
}


def series() -> torch.Tensor:
    return torch.randn(6, 3, 40, generator=torch.Generator().manual_seed(0))


def draw() -> Draw:
    return Draw(torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", motions.names())
def test_a_motion_keeps_the_shape_and_changes_what_it_is_given(name: str) -> None:
    x = series()
    out = motions[name](x, draw())
    assert out.shape == x.shape
    assert torch.isfinite(out).all()
    assert not torch.equal(out, x)
    assert torch.equal(x, series())


@pytest.mark.parametrize("name", motions.names())
def test_no_strength_changes_nothing(name: str) -> None:
    x = series()
    torch.testing.assert_close(motions[name](x, draw(), **NOTHING[name]), x, rtol=1e-4, atol=1e-5)


def test_warped_time_runs_forward_from_end_to_end() -> None:
    clock = torch.arange(40.0).expand(6, 1, 40)
    out = motions["time_warp"](clock, draw(), strength=0.5)
    assert (out.diff(dim=-1) >= 0).all()
    assert out[:, 0, 0].tolist() == [0.0] * 6
    assert out[:, 0, -1].tolist() == pytest.approx([39.0] * 6, abs=1e-3)


def test_the_same_step_gives_the_same_bits() -> None:
    augment = build_augment([Part.of("jitter"), Part.of("time_warp")], n_classes=2, series=True)
    one, two, other = (augment((series(),), torch.zeros(6).long(), step)[0][0] for step in (3, 3, 4))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("name", "is_series"), [("flip", True), ("mixup", True), ("jitter", False)])
def test_changes_of_the_other_kind_are_refused(name: str, is_series: bool) -> None:
    with pytest.raises(RecipeError, match="is for"):
        build_augment([Part.of(name)], n_classes=2, series=is_series)
