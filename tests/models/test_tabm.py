"""TabM: members are independent networks that share weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from trainwell.core.errors import RecipeError
from trainwell.core.shape import Input, Shape
from trainwell.models.build import build
from trainwell.models.many_linear import ManyLinear
from trainwell.models.tabm import Scale, SharedLinear

SHAPE = Shape((Input("number", "number", (6,)),))


def tabm(**options: Any) -> torch.nn.Module:
    torch.default_generator.manual_seed(0)
    return build("tabm", SHAPE, 2, {"width": 16, "k": 5, "dropout": 0.0, **options}).eval()


def test_a_member_is_a_plain_network_of_scaled_inputs() -> None:
    network, x = tabm(numbers="plain", depth=2), torch.randn(7, 6)
    scale, first, _, _, second, _, _ = network.get_submodule("hidden").children()
    head = network.get_submodule("head")
    for k in range(5):
        hidden = first(x * scale.weight[k]).relu()
        hidden = second(hidden).relu()
        alone = hidden @ head.weight[k] + head.bias[k]
        torch.testing.assert_close(network(x)[:, k], alone)


@pytest.mark.parametrize("adapters", ["first", "all"])
def test_members_differ_from_the_start(adapters: str) -> None:
    out = tabm(adapters=adapters)(torch.randn(3, 6))
    assert torch.pdist(out.transpose(0, 1).flatten(1)).min() > 1e-3


@pytest.mark.parametrize("adapters", ["first", "all"])
def test_the_loss_of_one_member_moves_no_other_members_own_numbers(adapters: str) -> None:
    network = tabm(adapters=adapters)
    network(torch.randn(8, 6))[:, 2].square().sum().backward()
    own = [m.weight for m in network.modules() if isinstance(m, Scale)] + [network.get_submodule("head").weight]
    own += [p for m in network.modules() if isinstance(m, SharedLinear) for p in (m.scale_out, m.bias)]
    for parameter in own:
        assert parameter.grad is not None
        moved = parameter.grad.flatten(1).any(1)
        assert moved.tolist() == [k == 2 for k in range(5)]


def test_more_members_cost_few_parameters() -> None:
    sizes = {k: sum(p.numel() for p in tabm(k=k, width=256, numbers="plain").parameters()) for k in (1, 16)}
    assert sizes[16] < 1.2 * sizes[1]


def test_plain_numbers_are_seen_through_random_signs_and_embedded_ones_one_factor_per_column() -> None:
    signs = tabm(numbers="plain").get_submodule("hidden.0").weight
    assert set(signs.unique().tolist()) == {-1.0, 1.0}
    factors = tabm(number_width=4).get_submodule("hidden.0").weight.reshape(5, 6, 4)
    assert torch.equal(factors, factors[:, :, :1].expand(5, 6, 4))


def test_many_linear_is_a_linear_layer_per_member() -> None:
    layer, x = ManyLinear(3, 4, 2), torch.randn(5, 3, 4)
    assert layer.bias is not None
    for k in range(3):
        torch.testing.assert_close(layer(x)[:, k], torch.nn.functional.linear(x[:, k], layer.weight[k].T, layer.bias[k, 0]))


@pytest.mark.parametrize("option", ["width", "depth", "k", "bins", "number_width"])
def test_zero_is_refused(option: str) -> None:
    with pytest.raises(RecipeError, match=f"{option} must be at least 1, however: {option}=0"):
        tabm(**{option: 0})
