"""Pictures made of pictures: an update is that of a plain loop, and old pictures come back in exchange for new ones."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from trainwell.core.errors import RecipeError
from trainwell.core.recipe import Recipe
from trainwell.core.seeds import at_step, purpose_key
from trainwell.core.shape import Facts, Input, Shape
from trainwell.models.build import build
from trainwell.models.cyclegan import Translator
from trainwell.train.adversarial.build import adversarial_engine
from trainwell.train.adversarial.engine import AdversarialEngine
from trainwell.train.adversarial.noise_and_cycle import Past

SHAPE = Shape((Input("picture", "picture", (1, 8, 8)),))


def engine(*, augment=None, options: dict | None = None, **keys) -> AdversarialEngine:
    part = {"name": "cyclegan", "width": 3, "critic_width": 3, "blocks": 1, **(options or {})}
    recipe = Recipe(model=part, **keys).resolved(Facts(64, SHAPE, "generation", 2))[0]
    torch.default_generator.manual_seed(0)
    network = build("cyclegan", SHAPE, 2, recipe.model.options)
    assert isinstance(network, Translator)
    return adversarial_engine(network, recipe, augment=augment, seed=7)


def batch(number: int) -> tuple[tuple[Tensor], Tensor]:
    draw = torch.Generator().manual_seed(number)
    return (torch.rand(6, 1, 8, 8, generator=draw),), torch.tensor([0, 1, 1, 0, 1, 0])


def go(it: AdversarialEngine, steps: range) -> list[float | None]:
    return [it.step(*batch(n), rates=[1e-3], number=n)[0] for n in steps]


def test_an_update_is_that_of_a_plain_loop():
    ours = engine(ema=0.0, options={"history": 0, "cycle": 7.0, "identity": 3.0})
    a_to_b, b_to_a = (copy.deepcopy(ours.network.generator.of[code]) for code in (1, 0))
    of_a, of_b = (copy.deepcopy(ours.network.critic.of[code]) for code in (0, 1))
    critics, makers = ([*m.parameters(), *n.parameters()] for m, n in ((of_a, of_b), (b_to_a, a_to_b)))
    rules = [torch.optim.Adam(p, lr=1e-3, betas=(0.5, 0.999)) for p in (critics, makers)]
    for number in range(3):
        ours.step(*batch(number), rates=[1e-3], number=number)
        (x,), y = batch(number)
        a, b = 2 * x[y == 0] - 1, 2 * x[y == 1] - 1

        def turn(generator, pictures):
            return 2 * generator((pictures + 1) / 2) - 1

        def judge(critic, pictures):
            return critic((pictures + 1) / 2)

        torch.manual_seed(at_step(purpose_key(7, "network"), number))
        with torch.no_grad():
            made_a, made_b = turn(b_to_a, b), turn(a_to_b, a)
        told = sum(
            ((judge(c, r) - 1) ** 2).mean() + (judge(c, m) ** 2).mean() for c, r, m in ((of_a, a, made_a), (of_b, b, made_b))
        )
        rules[0].zero_grad()
        (told / 4).backward()  # Adam does not mind the scale; epsilon is far below these gradients
        rules[0].step()
        made_a, made_b = turn(b_to_a, b), turn(a_to_b, a)
        loss = ((judge(of_a, made_a) - 1) ** 2).mean() + ((judge(of_b, made_b) - 1) ** 2).mean()
        loss = loss + 7 * ((turn(a_to_b, made_a) - b).abs().mean() + (turn(b_to_a, made_b) - a).abs().mean())
        loss = loss + 3 * ((turn(b_to_a, a) - a).abs().mean() + (turn(a_to_b, b) - b).abs().mean())
        rules[1].zero_grad()
        (loss / 2).backward()
        rules[1].step()
    for theirs, own in ((b_to_a, ours.network.generator.of[0]), (a_to_b, ours.network.generator.of[1])):
        for p, q in zip(theirs.parameters(), own.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-3, atol=2e-5)
    for p, q in zip([*of_a.parameters(), *of_b.parameters()], ours.network.critic.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("options", [{"history": 4}, {"generator": "unet", "history": 4}])
def test_a_restored_engine_goes_on_to_the_same_bits_and_has_the_old_pictures(options):
    whole, first, second = (engine(options=options) for _ in range(3))
    losses = go(whole, range(9))
    go(first, range(4))
    kept = {name: tensor.clone() for name, tensor in first.tensors().items()}
    assert kept["past.counts"].tolist() == [4, 4]
    second.restore(kept)
    assert go(second, range(4, 9)) == losses[4:]
    assert second.besides() == whole.besides()
    for name, tensor in whole.tensors().items():
        assert torch.equal(tensor, second.tensors()[name]), name


def test_without_the_old_pictures_it_would_go_on_to_other_bits():
    whole, second = engine(options={"history": 4}), engine(options={"history": 4})
    go(whole, range(4))
    second.restore({name: tensor.clone() for name, tensor in whole.tensors().items()})
    second.tensors()["past.pictures"].zero_()
    assert go(second, range(4, 9)) != go(whole, range(4, 9))


def test_the_history_has_the_error_of_pictures_that_were_turned_back():
    it = engine()
    go(it, range(2))
    assert 0 < it.besides()["cycle_error"] < 1


def test_a_picture_is_changed_before_it_is_turned():
    seen = []

    def augment(inputs, target, number):
        seen.append(number)
        return (torch.zeros_like(inputs[0]),), target

    it = engine(augment=augment)
    go(it, range(1))
    assert seen == [0, 0]
    assert float(it.tensors()["past.pictures"][:, 0].std(dim=(1, 2, 3)).max()) < 0.2  # of black pictures, whatever the batch


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.lists(st.integers(0, 1), min_size=1, max_size=12), st.integers(0, 99))
def test_no_made_picture_is_lost_in_exchange(most, codes, seed):
    torch.manual_seed(seed)
    past, wanted = Past(most, (1, 1, 1), torch.device("cpu")), torch.tensor(codes)
    offered, given_back = {0: set(), 1: set()}, {0: [], 1: []}
    for round_ in range(4):
        made = torch.arange(len(codes)).view(-1, 1, 1, 1) + 100.0 * (round_ + 1)
        shown = past.exchanged(made, wanted)
        for code, new, got in zip(codes, made.flatten().tolist(), shown.flatten().tolist(), strict=True):
            offered[code].add(new)
            given_back[code].append(got)
    for code in (0, 1):
        kept = set(past.pictures[code, : int(past.counts[code])].flatten().tolist())
        assert int(past.counts[code]) == min(most, len(offered[code]))
        assert set(given_back[code]) | kept == offered[code]


def test_about_half_are_exchanged_once_there_are_enough():
    torch.manual_seed(0)
    past = Past(50, (1, 1, 1), torch.device("cpu"))
    codes = torch.zeros(50, dtype=torch.int64)
    first = past.exchanged(torch.ones(50, 1, 1, 1), codes)
    assert (first == 1).all()
    later = torch.cat([past.exchanged(torch.full((50, 1, 1, 1), float(n)), codes).flatten() == n for n in range(2, 42)])
    assert 0.45 < float(later.double().mean()) < 0.6


def test_a_penalty_is_for_pictures_made_of_noise():
    with pytest.raises(RecipeError, match="made of noise"):
        engine(loss="wasserstein")
