"""Every loss agrees with torch or with its formula, in both reductions, and has the gradient it should."""

import pytest
import torch
import torch.nn.functional as F

from trainwell.core.errors import CompileError, RecipeError, UnknownName
from trainwell.score.registry import losses


@pytest.fixture
def logits():
    return torch.randn(64, 5, generator=torch.Generator().manual_seed(0)) * 3


@pytest.fixture
def codes():
    return torch.randint(5, (64,), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def soft(codes):
    return 0.7 * F.one_hot(codes, 5).float() + 0.3 * F.one_hot(codes.roll(1), 5).float()


@pytest.fixture
def values():
    generator = torch.Generator().manual_seed(2)
    return torch.randn(64, 3, generator=generator), torch.randn(64, 3, generator=generator)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_torchs(logits, codes, soft, smoothing):
    weight = (1.0, 2.0, 3.0, 4.0, 5.0)
    for target in (codes, soft):
        for w in (None, weight):
            for reduction in ("mean", "none"):
                ours = losses["cross_entropy"](logits, target, reduction, label_smoothing=smoothing, class_weight=w)
                tensor = None if w is None else torch.tensor(w)
                theirs = F.cross_entropy(logits, target, tensor, reduction=reduction, label_smoothing=smoothing)
                assert torch.equal(ours, theirs)


def test_focal_without_focus_is_cross_entropy(logits, codes, soft):
    for target in (codes, soft):
        ours = losses["focal"](logits, target, "none", gamma=0.0)
        assert torch.allclose(ours, F.cross_entropy(logits, target, reduction="none"), atol=1e-6)


def test_focal_is_its_formula(logits, codes, soft):
    p = logits.softmax(1)[torch.arange(64), codes]
    weight = torch.arange(1.0, 6.0)
    ours = losses["focal"](logits, codes, "none", gamma=1.5, class_weight=tuple(weight.tolist()))
    assert torch.allclose(ours, -weight[codes] * (1 - p) ** 1.5 * p.log(), atol=1e-5)
    hard = F.one_hot(codes, 5).float()
    assert torch.allclose(losses["focal"](logits, hard, "none"), losses["focal"](logits, codes, "none"), atol=1e-6)


def test_binary_losses_are_their_formulas(logits):
    yes = (logits.roll(1, 0) > 0).float()
    p = logits.sigmoid()
    for reduction in ("mean", "none"):
        theirs = F.binary_cross_entropy_with_logits(logits, yes, reduction=reduction, pos_weight=torch.full((5,), 2.0))
        ours = losses["binary_cross_entropy"](logits, yes, reduction, pos_weight=(2.0,) * 5)
        assert torch.allclose(ours, theirs if reduction == "mean" else theirs.mean(1), atol=1e-6)
    p_true, alpha = torch.where(yes > 0, p, 1 - p), torch.where(yes > 0, 0.25, 0.75)
    expected = (-alpha * (1 - p_true) ** 2 * p_true.log()).mean(1)
    assert torch.allclose(losses["binary_focal"](logits, yes, "none"), expected, atol=1e-5)
    plain = losses["binary_focal"](logits, yes, "none", gamma=0.0, alpha=-1.0)
    assert torch.allclose(plain, losses["binary_cross_entropy"](logits, yes, "none"), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "reference"),
    [
        ("mse", {}, F.mse_loss),
        ("mae", {}, F.l1_loss),
        ("huber", {"delta": 0.7}, lambda o, t, reduction="mean": F.huber_loss(o, t, delta=0.7, reduction=reduction)),
        ("poisson_nll", {}, F.poisson_nll_loss),
    ],
)
def test_losses_of_values_are_torchs(values, name, options, reference):
    output, target = values
    target = target.abs() if name == "poisson_nll" else target
    assert torch.equal(losses[name](output, target, **options), reference(output, target))
    each = losses[name](output, target, "none", **options)
    assert torch.allclose(each, reference(output, target, reduction="none").mean(1), atol=1e-6)


def test_quantile_loss_is_smallest_at_the_quantile():
    y = torch.arange(1000.0)[:, None]
    guesses = torch.arange(0.0, 1000.0, 10.0)
    found = [losses["pinball"](torch.full_like(y, g), y, q=0.8).item() for g in guesses]
    assert guesses[int(torch.tensor(found).argmin())] == 800
    assert torch.allclose(losses["quantile"](y * 0, y, q=0.5), 0.5 * F.l1_loss(y * 0, y))
    with pytest.raises(CompileError, match="between 0 and 1"):
        losses["quantile"](y, y, q=1.0)


@pytest.mark.parametrize("name", [n for n in losses.names() if n not in ("dice", "dice_cross_entropy")])  # see test_pixels
def test_every_loss_reduces_alike_and_is_differentiable(name, logits, codes):
    classes = name in {"cross_entropy", "focal", "ordinal"}
    target = codes if classes else logits.roll(1, 0).clamp(0, 1)
    output = logits.clone().requires_grad_()
    each = losses[name](output, target, "none")
    assert each.shape == (64,)
    assert torch.allclose(each.mean(), losses[name](output, target), atol=1e-6)
    (gradient,) = torch.autograd.grad(losses[name](output, target), output)
    assert torch.isfinite(gradient).all()
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("name", ["mse", "mae", "huber", "quantile", "poisson", "binary_cross_entropy", "binary_focal"])
def test_shapes_that_would_broadcast_are_refused(name):
    with pytest.raises(CompileError, match=r"\(4, 1\) and target \(4,\)"):
        losses[name](torch.zeros(4, 1), torch.zeros(4))


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "ordinal"])
def test_losses_stay_finite_for_certain_mistakes(name):
    output = torch.tensor([[1e4, -1e4]], requires_grad=True)
    value = losses[name](output, torch.tensor([1]))
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(output.grad).all()


def test_names_are_helpful():
    assert losses["categorical_crossentropy"] is losses["cross_entropy"]
    with pytest.raises(UnknownName, match="Did you mean"):
        losses["mse_los"]
    with pytest.raises(RecipeError, match="gamma"):
        losses.bind("focal", {"gamma": "much"})
