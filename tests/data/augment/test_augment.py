"""Every registered change: shape and range kept, same seed same bits, zero strength no change; and each against a reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from scipy import ndimage
from torch import Tensor

from trainwell.core.errors import RecipeError
from trainwell.core.part import Part
from trainwell.data.augment import colour, mix, moves, noise, warp
from trainwell.data.augment.compose import build_augment
from trainwell.data.augment.draw import Draw
from trainwell.data.augment.registry import augmentations, mixes, warps

NAMES = [*augmentations.names(), *warps.names(), *mixes.names()]

#: Options under which nothing may change; a new entry has to say its own.
OFF: dict[str, dict[str, Any]] = {
    "flip": {"chance": 0},
    "flip_vertical": {"chance": 0},
    "crop": {"share": 0},
    "colour": {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0},
    "noise": {"strength": 0},
    "blur": {"strength": 0},
    "erase": {"chance": 0},
    "random_resized_crop": {"low": 1, "aspect": 1},
    "rotate": {"degrees": 0},
    "zoom": {"low": 1, "high": 1},
    "shear": {"degrees": 0},
    "translate": {"share": 0},
    "affine": {"degrees": 0, "translation": 0, "low": 1, "high": 1, "slant": 0},
    "mixup": {"alpha": 0},
    "cutmix": {"alpha": 0},
}

#: Far beyond the defaults.
STRONG: dict[str, dict[str, Any]] = {
    "colour": {"brightness": 1, "contrast": 1, "saturation": 1, "hue": 0.5},
    "crop": {"share": 1},
    "noise": {"strength": 3},
    "blur": {"strength": 3, "chance": 1},
    "erase": {"low": 0, "high": 1, "aspect": 0.01, "fill": "noise", "chance": 1},
    "random_resized_crop": {"low": 0.001, "high": 0.1, "aspect": 0.01},
    "rotate": {"degrees": 180},
    "zoom": {"low": 0.05, "high": 20},
    "shear": {"degrees": 80},
    "translate": {"share": 2},
    "mixup": {"alpha": 1},
    "cutmix": {"alpha": 0.3, "chance": 1},
}


def pictures(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)))


def draw(seed: int = 0) -> Draw:
    return Draw(torch.Generator().manual_seed(seed))


def apply(x: Tensor, *parts: dict[str, Any], step: int = 0, seed: int = 0) -> tuple[Tensor, Tensor]:
    augment = build_augment([Part.of(p) for p in parts], n_classes=5, seed=seed)
    (out,), y = augment((x,), torch.arange(len(x)) % 5, step)
    return out, y


@pytest.mark.parametrize("name", NAMES)
@given(n=st.integers(1, 5), c=st.integers(1, 5), h=st.integers(1, 17), w=st.integers(1, 17), strong=st.booleans())
def test_shape_and_range_stay_and_the_input_is_not_touched(name: str, n: int, c: int, h: int, w: int, strong: bool) -> None:
    x = pictures(n, c, h, w)
    before = x.clone()
    out, y = apply(x, {"name": name, **(STRONG.get(name, {}) if strong else {})})
    assert out.shape == x.shape
    assert out.dtype == x.dtype
    assert torch.isfinite(out).all()
    assert out.min() >= 0
    assert out.max() <= 1
    assert torch.equal(x, before)
    if name in mixes:
        assert torch.allclose(y.sum(1), torch.ones(n))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(6, 3, 12, 9), (3, 1, 28, 28), (2, 2, 5, 5)])
def test_strength_zero_is_the_identity_to_the_bit(name: str, shape: tuple[int, ...]) -> None:
    out, y = apply(pictures(*shape), {"name": name, **OFF[name]})
    assert torch.equal(out, pictures(*shape))
    if name in mixes:
        assert torch.equal(y, torch.eye(5)[torch.arange(shape[0]) % 5])


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("crop", "affine", "random_resized_crop")])
def test_chance_zero_is_the_identity_to_the_bit(name: str) -> None:
    out, _ = apply(pictures(6, 3, 12, 9), {"name": name, **STRONG.get(name, {}), "chance": 0})
    assert torch.equal(out, pictures(6, 3, 12, 9))


@pytest.mark.parametrize("name", NAMES)
def test_a_step_is_a_function_of_seed_and_number(name: str) -> None:
    x = pictures(8, 3, 16, 16)
    part = {"name": name, **STRONG.get(name, {})}
    first, again = apply(x, part, step=3), apply(x, part, step=3)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], apply(x, part, step=4)[0])
    assert not torch.equal(first[0], apply(x, part, step=3, seed=1)[0])


@pytest.mark.parametrize("name", NAMES)
def test_memory_layout_changes_nothing(name: str) -> None:
    x = pictures(4, 3, 10, 12)
    part = {"name": name, **STRONG.get(name, {})}
    assert torch.allclose(apply(x, part)[0], apply(x.to(memory_format=torch.channels_last), part)[0], atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu(name: str) -> None:
    out, _ = apply(pictures(4, 3, 10, 12).cuda(), {"name": name})
    assert out.is_cuda


@pytest.mark.parametrize("name", NAMES)
def test_strengths_differ_between_examples(name: str) -> None:
    """Sixteen copies of one picture do not come out alike (mixes need different pictures to show anything)."""
    x = pictures(1, 3, 16, 16).expand(16, -1, -1, -1).clone()
    x = x * torch.linspace(0.5, 1, 16)[:, None, None, None] if name in mixes else x
    out, _ = apply(x, {"name": name, **STRONG.get(name, {})})
    assert len({tuple(row.tolist()) for row in out.flatten(1)}) > 1


def test_flip_agrees_with_numpy() -> None:
    x, coins = pictures(8, 2, 5, 6), draw().coin(8, 0.5).numpy()
    expected = [
        np.fliplr(p.transpose(1, 2, 0)).transpose(2, 0, 1) if coin else p for p, coin in zip(x.numpy(), coins, strict=True)
    ]
    assert np.array_equal(moves.flip(x, draw()).numpy(), np.stack(expected))


@pytest.mark.parametrize(("h", "w", "share"), [(8, 8, 0.25), (28, 28, 0.125), (9, 5, 0.5), (6, 7, 1.0)])
def test_crop_agrees_with_pad_and_slice(h: int, w: int, share: float) -> None:
    x, same = pictures(16, 2, h, w), draw()
    tall, wide = round(h * share), round(w * share)
    down, right = same.integers(16, -tall, tall + 1).tolist(), same.integers(16, -wide, wide + 1).tolist()
    got = moves.crop(x, draw(), share=share).numpy()
    for i in range(16):
        padded = np.pad(x[i].numpy(), ((0, 0), (tall, tall), (wide, wide)), mode="reflect")
        top, left = tall + down[i], wide + right[i]
        assert np.array_equal(got[i], padded[:, top : top + h, left : left + w])


def test_resampling_agrees_with_scipy() -> None:
    """`scipy.ndimage.affine_transform`, one example and channel at a time, linear, half-sample reflection."""
    x = pictures(6, 2, 11, 14)
    matrices = warp.affine(warp.frame_of(x), draw(), degrees=40, translation=0.3, low=0.6, high=1.6, slant=20)
    got = warp.resample(x, matrices).numpy()
    centre = np.array([5.0, 6.5])
    for i, m in enumerate(matrices.double().numpy()):
        turned = m[:2, :2][::-1, ::-1]  # from (x, y) to (row, column)
        offset = centre + m[:2, 2][::-1] - turned @ centre
        for c in range(2):
            expected = ndimage.affine_transform(x[i, c].double().numpy(), turned, offset, order=1, mode="reflect")
            assert np.abs(got[i, c] - expected).max() < 1e-4


def test_the_grid_agrees_with_torch() -> None:
    frame = warp.Frame(3, 7, 10)
    m = warp.affine(frame, draw(), degrees=90, translation=0.5)
    scale = torch.diag(torch.tensor([5.0, 3.5, 1.0]))
    theta = (scale.inverse() @ m @ scale)[:, :2]
    assert torch.allclose(warp._grid(m, frame), F.affine_grid(theta, [3, 1, 7, 10], align_corners=False), atol=1e-5)


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_right_angles_are_rot90(degrees: int, turns: int) -> None:
    x, angle = pictures(2, 3, 8, 8), torch.full((2,), math.radians(degrees))
    matrices = warp._matrices(angle.cos(), angle.sin(), -angle.sin(), angle.cos())
    assert torch.allclose(warp.resample(x, matrices), torch.rot90(x, -turns, (2, 3)), atol=1e-5)  # clockwise


def test_zoom_two_shows_the_middle_half() -> None:
    """On a horizontal ramp, enlarging by two halves the slope about the centre."""
    ramp = torch.linspace(0, 1, 16).expand(1, 1, 4, 16)
    out = warp.resample(ramp, warp.zoom(warp.Frame(1, 4, 16), draw(), low=2.0, high=2.0))
    assert torch.allclose(out, 0.25 + torch.linspace(0, 1, 16).expand(1, 1, 4, 16) / 2, atol=1e-5)


def test_neighbouring_warps_are_resampled_once() -> None:
    x = pictures(4, 1, 9, 9)
    one = [{"name": "rotate", "degrees": 45.0}, {"name": "zoom", "low": 0.5, "high": 0.9}]
    back = [{"name": "shear", "degrees": 0}, *one, {"name": "translate", "share": 0}]
    together = apply(x, *one)[0]
    assert torch.equal(together, apply(x, *back)[0])
    smooth = F.interpolate(pictures(4, 1, 4, 4), (64, 64), mode="bicubic").clamp(0, 1)
    in_turn = apply(apply(smooth, one[0])[0], one[1])[0]
    assert (apply(smooth, *one)[0] - in_turn)[..., 24:40, 24:40].abs().max() < 0.02


def factors(strengths: tuple[float, ...], n: int) -> list[list[float]]:
    """The factors that `colour` draws from `draw()`."""
    same = draw()
    same.coin(n, 1.0)
    return [same.uniform(n, 1 - s, 1 + s).tolist() for s in strengths]


@pytest.mark.parametrize(
    ("name", "enhance"),
    [("brightness", ImageEnhance.Brightness), ("contrast", ImageEnhance.Contrast), ("saturation", ImageEnhance.Color)],
)
def test_colour_agrees_with_pillow(name: str, enhance: Any) -> None:
    """Within the rounding of Pillow's eight bits (its contrast also rounds the mean grey)."""
    x = 0.25 + pictures(5, 3, 12, 12) / 2
    strengths = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0} | {name: 0.4}
    got = colour.colour(x, draw(), **strengths)
    drawn = factors((strengths["brightness"], strengths["contrast"], strengths["saturation"]), 5)
    for i, factor in enumerate(drawn[list(strengths).index(name)]):
        image = Image.fromarray((x[i] * 255).round().byte().permute(1, 2, 0).numpy())
        expected = np.asarray(enhance(image).enhance(factor)).transpose(2, 0, 1) / 255
        assert np.abs(got[i].numpy() - expected).max() < 2.1 / 255


def test_hue_keeps_grey_and_a_third_of_a_turn_exchanges_channels() -> None:
    third = colour._hue(torch.tensor([2 * math.pi / 3]))[0]
    assert torch.allclose(third @ torch.tensor([1.0, 0, 0]), torch.tensor([0, 1.0, 0]), atol=1e-6)
    any_turn = colour._hue(torch.tensor([1.234]))[0]
    assert torch.allclose(any_turn @ torch.full((3,), 0.4), torch.full((3,), 0.4))
    assert torch.allclose(any_turn @ any_turn.T, torch.eye(3), atol=1e-6)


def test_noise_has_the_deviation_that_was_drawn() -> None:
    x = torch.full((4, 1, 100, 100), 0.5)
    deviations = draw().uniform(4, 0, 0.1)
    got = (noise.noise(x, draw(), strength=0.1) - 0.5).flatten(1)
    assert torch.allclose(got.std(1), deviations, rtol=0.05)
    assert (got.mean(1).abs() < 5 * deviations / 100).all()


def test_blur_agrees_with_scipy() -> None:
    x, radius = pictures(4, 2, 15, 12), 4
    deviations = draw().uniform(4, 0, 2.0).tolist()
    got = noise.blur(x, draw(), strength=2.0, chance=1.0).numpy()
    for i, deviation in enumerate(deviations):
        for c in range(2):
            expected = ndimage.gaussian_filter(x[i, c].numpy(), deviation, mode="nearest", radius=radius)
            assert np.abs(got[i, c] - expected).max() < 1e-5


@pytest.mark.parametrize("fill", ["mean", "black", "noise"])
def test_erase_changes_one_rectangle_of_the_asked_area(fill: Any) -> None:
    x = pictures(64, 3, 32, 24)
    changed = (noise.erase(x, draw(), chance=1.0, low=0.1, high=0.3, fill=fill) != x).any(1).numpy()
    for mask in changed:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert mask.sum() == (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
        assert 0.05 < mask.mean() < 0.35


@pytest.mark.parametrize("name", mixes.names())
@given(n=st.integers(1, 9), h=st.integers(1, 12), w=st.integers(1, 12), step=st.integers(0, 50))
def test_mixes_change_pictures_and_targets_in_the_same_proportion(name: str, n: int, h: int, w: int, step: int) -> None:
    """Channel k of a picture of class k is white: after a mix, channel means are the target."""
    codes = torch.arange(n) % 5
    x = torch.eye(5)[codes][:, :, None, None].expand(n, 5, h, w).clone()
    augment = build_augment([Part.of({"name": name, "alpha": 1.0, "chance": 0.8})], n_classes=5)
    (out,), y = augment((x,), codes, step)
    assert (out.mean((2, 3)) - y).abs().max() < 1e-5


def test_cutmix_pastes_one_rectangle_of_one_other_picture() -> None:
    x = torch.arange(8.0)[:, None, None, None].expand(8, 1, 12, 7) / 8
    out, y = mix.cutmix(x, torch.eye(8), draw(), chance=1.0)
    assert (y > 0).sum(1).max() == 2
    for before, after in zip(x, out, strict=True):
        mask = (after != before)[0]
        rows, columns = mask.any(1).sum(), mask.any(0).sum()
        assert mask.sum() == rows * columns
        assert len(after.unique()) <= 2


def test_mixup_of_numbers_blends_numbers() -> None:
    x = pictures(6, 1, 4, 4)
    augment = build_augment([Part.of({"name": "mixup", "alpha": 1.0})], n_classes=None)
    (out,), y = augment((x,), x.mean((1, 2, 3))[:, None], 0)
    assert torch.allclose(out.mean((1, 2, 3)), y[:, 0], atol=1e-6)


@pytest.mark.parametrize(
    "part",
    [
        {"name": "zoom", "low": 0},
        {"name": "zoom", "low": 2, "high": 1},
        {"name": "crop", "share": 1.5},
        {"name": "shear", "degrees": 90},
        {"name": "erase", "low": 0.5, "high": 0.2},
        {"name": "erase", "aspect": 0},
        {"name": "erase", "fill": "white"},
        {"name": "colour", "brightness": 2},
        {"name": "blur", "strength": -1},
        {"name": "mixup", "alpha": -0.1},
        {"name": "flip", "chance": "often"},
        {"name": "flip", "odds": 0.5},
    ],
)
def test_impossible_options_speak_before_the_first_step(part: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match=part["name"] if part["name"] != "mixup" else "alpha"):
        build_augment([Part.of(part)], n_classes=3)
