"""Losses of masks: what torch computes over the judged pixels, and Dice as its formula says."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from trainwell.core.errors import CompileError
from trainwell.score.registry import losses


@pytest.fixture
def logits():
    return torch.randn(6, 4, 9, 7, generator=torch.Generator().manual_seed(0)) * 2


@pytest.fixture
def codes():
    found = torch.randint(4, (6, 9, 7), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    found[:, 0] = 255
    return found


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_of_pixels_is_torchs_picture_by_picture(logits, codes, smoothing):
    each = [
        F.cross_entropy(logits[i : i + 1], codes[i : i + 1].long(), ignore_index=255, label_smoothing=smoothing)
        for i in range(6)
    ]
    ours = losses["cross_entropy"](logits, codes, "none", label_smoothing=smoothing)
    assert torch.allclose(ours, torch.stack(each), rtol=1e-6)
    assert torch.allclose(losses["cross_entropy"](logits, codes, label_smoothing=smoothing), ours.mean(), rtol=1e-6)


def test_where_every_pixel_is_judged_it_is_torchs(logits, codes):
    whole = codes.clamp(max=3)
    assert torch.allclose(losses["cross_entropy"](logits, whole), F.cross_entropy(logits, whole.long()), rtol=1e-6)


def test_class_weights_scale_pixels(logits, codes):
    weight = (1.0, 2.0, 0.5, 4.0)
    known = codes != 255
    each = F.cross_entropy(logits, codes.long(), torch.tensor(weight), ignore_index=255, reduction="none")
    on_paper = (each.sum((1, 2)) / known.sum((1, 2))).mean()
    assert torch.allclose(losses["cross_entropy"](logits, codes, class_weight=weight), on_paper, rtol=1e-6)


@pytest.mark.parametrize("name", ["cross_entropy", "dice", "dice_cross_entropy"])
def test_a_batch_in_parts_has_the_loss_of_the_whole(name, logits, codes):
    uneven = codes.clone()
    uneven[0, 2:], uneven[1] = 255, 255
    parts = [losses[name](logits[i : i + 2], uneven[i : i + 2]) for i in (0, 2, 4)]
    assert torch.allclose(torch.stack(parts).mean(), losses[name](logits, uneven), rtol=1e-6)


def test_pixels_that_are_not_judged_count_for_nothing(logits, codes):
    for name in ("cross_entropy", "dice", "dice_cross_entropy"):
        other = logits.clone()
        other[:, :, 0] += 7
        assert torch.equal(losses[name](logits, codes), losses[name](other, codes))


@pytest.mark.parametrize("name", ["cross_entropy", "dice", "dice_cross_entropy"])
def test_a_batch_without_a_judged_pixel_has_no_loss_and_no_gradient(name, logits):
    logits.requires_grad_()
    loss = losses[name](logits, torch.full((6, 9, 7), 255, dtype=torch.uint8))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def dice_on_paper(logits, codes, classes):
    """Of one picture, the mean over these classes."""
    p, known = logits.softmax(0), codes != 255
    found = []
    for k in classes:
        true = (codes == k) & known
        found.append(1 - (2 * (p[k] * true).sum() + 1) / ((p[k] * known).sum() + true.sum() + 1))
    return torch.stack(found).mean()


def test_dice_is_its_formula_picture_by_picture(logits, codes):
    each = torch.stack([dice_on_paper(logits[i], codes[i], range(4)) for i in range(6)])
    assert torch.allclose(losses["dice"](logits, codes, "none"), each, atol=1e-6)
    assert torch.allclose(losses["dice"](logits, codes), each.mean(), atol=1e-6)


def test_dice_leaves_out_classes_that_do_not_occur(logits, codes):
    few = codes.clone()
    few[few == 3] = 0
    each = torch.stack([dice_on_paper(logits[i], few[i], range(3)) for i in range(6)])
    assert torch.allclose(losses["dice"](logits, few, "none"), each, atol=1e-6)


def test_of_both_the_sum(logits, codes):
    both = losses["dice_cross_entropy"](logits, codes)
    assert torch.allclose(both, losses["dice"](logits, codes) + losses["cross_entropy"](logits, codes))


@pytest.mark.parametrize("name", ["dice", "dice_cross_entropy"])
def test_anything_but_masks_is_refused(name):
    with pytest.raises(CompileError, match="is for masks"):
        losses[name](torch.zeros(3, 4), torch.zeros(3, dtype=torch.int64))
