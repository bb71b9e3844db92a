"""Two update rules in one engine: they do what a plain loop would, and continue to the same bits."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from trainwell.core.recipe import Recipe
from trainwell.core.seeds import at_step, purpose_key
from trainwell.core.shape import Facts, Input, Shape
from trainwell.models.adversarial import Adversarial
from trainwell.models.build import build
from trainwell.train.adversarial.build import adversarial_engine
from trainwell.train.adversarial.engine import AdversarialEngine
from trainwell.train.adversarial.registry import games

SHAPE = Shape((Input("picture", "picture", (1, 8, 8)),))


def engine(name: str = "dcgan", *, augment=None, **keys) -> AdversarialEngine:
    part = {"name": name, "noise": 4, "width": 4, "critic_width": 4}
    recipe = Recipe(model=part, **keys).resolved(Facts(64, SHAPE, "generation", 3))[0]
    torch.default_generator.manual_seed(0)
    network = build(name, SHAPE, 3, recipe.model.options)
    assert isinstance(network, Adversarial)
    return adversarial_engine(network, recipe, augment=augment, seed=7)


def batch(number: int):
    draw = torch.Generator().manual_seed(number)
    return (torch.rand(8, 1, 8, 8, generator=draw),), torch.randint(3, (8,), generator=draw)


def go(it: AdversarialEngine, steps: range) -> list[float]:
    return [it.step(*batch(n), rates=[1e-3], number=n)[0] for n in steps]


def weights(it: AdversarialEngine, part: str) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in getattr(it.network, part).parameters()])


def test_a_step_is_that_of_a_plain_loop():
    ours = engine(ema=0.0)
    theirs = copy.deepcopy(ours.network)
    rules = [torch.optim.Adam(m.parameters(), lr=1e-3, betas=(0.0, 0.9)) for m in (theirs.critic, theirs.generator)]
    for number in range(3):
        ours.step(*batch(number), rates=[1e-3], number=number)
        (x,), y = batch(number)
        torch.manual_seed(at_step(purpose_key(7, "network"), number))
        with torch.no_grad():
            made = theirs.generator(torch.randn(8, 4), y)
        real, fake = theirs.critic(x)[range(8), y], theirs.critic(made)[range(8), y]
        loss = torch.relu(1 - real).mean() + torch.relu(1 + fake).mean()
        rules[0].zero_grad()
        loss.backward()
        rules[0].step()
        rules[1].zero_grad()
        (-theirs.critic(theirs.generator(torch.randn(8, 4), y))[range(8), y].mean()).backward()
        rules[1].step()
    for (name, a), b in zip(ours.network.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6, msg=name)


def test_the_generator_has_its_turn_after_so_many_updates_of_the_critic():
    it, moved = engine("wgan_gp", loss={"name": "wasserstein", "critic_steps": 3}), []
    for number in range(6):
        before = weights(it, "generator"), weights(it, "critic")
        go(it, range(number, number + 1))
        moved.append(not torch.equal(before[0], weights(it, "generator")))
        assert not torch.equal(before[1], weights(it, "critic"))
    assert moved == [False, False, True, False, False, True]


def test_the_penalty_of_a_linear_critic_is_what_its_weights_say():
    it = engine("wgan_gp")
    it.network.critic, it.network.classes = nn.Sequential(nn.Flatten(), nn.Linear(64, 1)), 1
    (x,), y = batch(0)
    length = it.network.critic[1].weight.norm()
    found = it._slope(x, torch.zeros_like(x), y)
    torch.testing.assert_close(found, (length - 1) ** 2)


@pytest.mark.parametrize(("name", "game"), [("dcgan", "hinge"), ("dcgan", "nonsaturating"), ("wgan_gp", "wasserstein")])
def test_a_restored_engine_goes_on_to_the_same_bits(name, game):
    whole, first = engine(name, loss=game), engine(name, loss=game)
    losses = go(whole, range(9))
    go(first, range(4))
    first.keep_best()
    kept = {k: t.clone() for k, t in first.tensors().items()}
    second = engine(name, loss=game)
    second.restore(kept)
    assert go(second, range(4, 9)) == losses[4:]
    assert second.besides() == whole.besides()
    for key, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, second.network.state_dict()[key]), key
    assert set(second._best) == set(first._best)


def test_pictures_are_made_by_the_average_of_the_generator_and_the_game_goes_on_with_the_live_one():
    it = engine(ema=0.9)
    go(it, range(5))
    live, critic = weights(it, "generator"), weights(it, "critic")
    with it.evaluating() as network:
        assert not network.training
        assert not torch.equal(weights(it, "generator"), live)
        assert torch.equal(weights(it, "critic"), critic)
    assert torch.equal(weights(it, "generator"), live)
    assert it.network.generator.training


def test_what_is_not_finite_is_told_and_updates_nothing():
    it = engine()
    before = weights(it, "generator"), weights(it, "critic")
    (x,), y = batch(0)
    assert it.step((x * float("nan"),), y, rates=[1e-3], number=0) == [None]
    assert torch.equal(before[0], weights(it, "generator"))
    assert torch.equal(before[1], weights(it, "critic"))


def test_real_and_made_pictures_are_changed_alike():
    seen = []

    def augment(inputs, target, number):
        seen.append((tuple(inputs[0].shape), number))
        return inputs, target

    go(engine(augment=augment), range(2))
    assert seen == [((8, 1, 8, 8), 0)] * 3 + [((8, 1, 8, 8), 1)] * 3


@pytest.mark.parametrize("name", [name for name in games.names() if name != "elbo"])  # which has nobody to play with
def test_each_game_wants_real_pictures_up_and_made_ones_down(name):
    game = games.bind(name, {})()
    real, made = torch.full((4,), 0.5, requires_grad=True), torch.full((4,), 0.5, requires_grad=True)
    up, down = torch.autograd.grad(game.critic(real, made), (real, made))
    assert (up < 0).all()
    assert (down > 0).all()
    (push,) = torch.autograd.grad(game.generator(made), made)
    assert (push < 0).all()
