"""Random resized crops: known answers, and where the rectangles lie."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from trainwell.core.errors import RecipeError
from trainwell.data.augment.draw import Draw
from trainwell.data.augment.part import random_resized_crop


def draw(seed: int = 0) -> Draw:
    return Draw(torch.Generator().manual_seed(seed))


def ramps(n: int, height: int, width: int) -> torch.Tensor:
    """Pictures whose two channels say how far down and how far across a pixel's middle lies, as shares of the sides."""
    down = ((torch.arange(height) + 0.5) / height)[:, None].expand(height, width)
    across = ((torch.arange(width) + 0.5) / width).expand(height, width)
    return torch.stack([down, across]).expand(n, 2, height, width)


def test_the_whole_picture_at_half_the_side_is_the_mean_of_four_pixels() -> None:
    x = torch.rand(3, 2, 12, 20)
    torch.testing.assert_close(random_resized_crop(x, draw(), low=1, aspect=1, side=0.5), F.avg_pool2d(x, 2))


@pytest.mark.parametrize("side", [1.0, 0.7])
def test_rectangles_have_the_wanted_area_and_aspect_and_lie_inside(side: float) -> None:
    height, width = 40, 60
    out = random_resized_crop(ramps(400, height, width), draw(), low=0.3, high=0.6, aspect=0.8, side=side)
    tall, wide = round(side * height), round(side * width)
    assert out.shape == (400, 2, tall, wide)
    middle = out[:, :, 1:-1, 1:-1]  # a pixel at the edge may be cut to the picture's outermost values
    length_down = (middle[:, 0, -1, 0] - middle[:, 0, 0, 0]) * tall / (tall - 3)
    length_across = (middle[:, 1, 0, -1] - middle[:, 1, 0, 0]) * wide / (wide - 3)
    area, ratio = length_down * length_across, length_down / length_across
    assert 0.29 < area.min() < 0.33
    assert 0.57 < area.max() < 0.61
    assert 0.79 < ratio.min() < 0.82
    assert 1.22 < ratio.max() < 1.26
    assert out.min() < 0.03
    assert out.max() > 0.97  # some reach each edge


def test_pictures_of_a_batch_have_rectangles_of_their_own() -> None:
    x = torch.rand(1, 1, 16, 16).expand(8, 1, 16, 16)
    assert len(random_resized_crop(x, draw()).flatten(1).unique(dim=0)) == 8


@pytest.mark.parametrize(
    "options", [{"low": 0}, {"low": 0.5, "high": 0.4}, {"high": 1.1}, {"aspect": 0}, {"side": 0}, {"side": 2}]
)
def test_impossible_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match="random_resized_crop"):
        random_resized_crop(torch.rand(1, 1, 4, 4), draw(), **options)
