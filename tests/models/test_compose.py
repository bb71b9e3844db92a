"""Composed networks: what they compute, and how mistakes in a recipe are named."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from trainwell.core.errors import CompileError, RecipeError, UnknownName
from trainwell.core.shape import Input, Shape
from trainwell.models.build import build
from trainwell.models.registry import blocks

PICTURES = Shape((Input("picture", "picture", (3, 12, 10)),))
ROWS = Shape((Input("number", "number", (6,)),))


def sequential(shape: Shape, *listed: Any) -> nn.Module:
    torch.default_generator.manual_seed(0)
    return build("sequential", shape, 4, {"blocks": list(listed)}).eval()


def conv(width: int, **options: Any) -> dict[str, Any]:
    return {"name": "conv", "width": width, **options}


def test_a_list_is_torchs_sequential() -> None:
    torch.default_generator.manual_seed(0)
    plain = nn.Sequential(
        nn.Conv2d(3, 8, 5, 2, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(48, 7), nn.Linear(7, 4)
    )
    network = sequential(
        PICTURES, conv(8, kernel=5, stride=2), "batch_norm", "relu", "max_pool", "flatten", {"name": "linear", "width": 7}
    )
    x = torch.rand(2, 3, 12, 10)
    assert torch.equal(network(x), plain.eval()(x))


def test_residual_adds_what_comes_in() -> None:
    body = sequential(PICTURES, {"name": "residual", "blocks": [conv(3)]}).get_submodule("body")
    x = torch.rand(2, 3, 12, 10)
    torch.testing.assert_close(body(x), x + body.get_submodule("0.branches.0")(x))


@pytest.mark.parametrize(("join", "channels"), [("concat", 10), ("sum", 5)])
def test_parallel_joins_its_branches(join: str, channels: int) -> None:
    block = {"name": "parallel", "branches": [[conv(5)], [conv(5, kernel=1), "tanh"]], "join": join}
    body = sequential(PICTURES, block).get_submodule("body")
    x = torch.rand(2, 3, 12, 10)
    parts = [branch(x) for branch in body.get_submodule("0.branches").children()]
    expected = torch.cat(parts, 1) if join == "concat" else parts[0] + parts[1]
    assert expected.shape[1] == channels
    torch.testing.assert_close(body(x), expected)


def test_parallel_is_a_network_too() -> None:
    network = build("parallel", ROWS, 4, {"branches": [[{"name": "linear", "width": 3}], []]})
    assert network.get_submodule("head").in_features == 9


def test_blocks_nest() -> None:
    inner = {"name": "sequential", "blocks": [conv(2), "relu"]}
    outer = {"name": "parallel", "branches": [[inner], [{"name": "residual", "blocks": [conv(3)]}]]}
    assert sequential(PICTURES, outer, "global_average")(torch.rand(1, 3, 12, 10)).shape == (1, 4)


def test_your_own_block_by_path() -> None:
    network = sequential(ROWS, {"name": "torch.nn:Linear", "in_features": 6, "out_features": 3})
    assert network.get_submodule("head").in_features == 3


def test_the_same_activation_twice_is_two_modules() -> None:
    first, second = sequential(ROWS, "prelu", "prelu").get_submodule("body").children()
    assert first is not second


def test_building_leaves_running_averages_untouched() -> None:
    state = sequential(PICTURES, "batch_norm").state_dict()
    assert state["body.0.num_batches_tracked"] == 0


NESTED = {"name": "parallel", "branches": [["relu"], ["relu", "rellu"]]}
MISTAKES = [
    (["rellu"], UnknownName, r"block 1 \(rellu\): there is no block 'rellu'. Did you mean relu"),
    (["relu", conv(3, kernell=2)], UnknownName, r"block 2 \(conv\): .* no option 'kernell'. Did you mean kernel"),
    ([NESTED], UnknownName, r"block 1 \(parallel\), branch 2, block 2 \(rellu\)"),
    (["flatten", conv(3)], CompileError, r"block 2 \(conv\): conv needs pictures .* what comes in is \(360,\)"),
    ([conv(0)], RecipeError, r"width must be at least 1, however: width=0"),
    ([{"name": "conv"}], RecipeError, r"needs the option 'width'"),
    ([conv(3, groups=2)], RecipeError, r"groups must divide"),
    (["max_pool"] * 4, CompileError, r"block 4 \(max_pool\): max_pool over 2 pixels does not fit into 1 x 1 pixels"),
    (
        [{"name": "residual", "blocks": [conv(4)]}],
        CompileError,
        r"the blocks give \(4, 12, 10\).*shortcut brings \(3, 12, 10\)",
    ),
    ([{"name": "residual", "block": []}], UnknownName, r"residual has no option 'block'. Did you mean blocks"),
    ([{"name": "residual"}], RecipeError, r"blocks must be a list of blocks, however: None"),
    ([{"name": "parallel", "branches": [["relu"], ["max_pool"]]}], CompileError, r"which concat cannot join"),
    ([{"name": "parallel", "branches": []}], RecipeError, r"parallel needs at least one branch"),
    ([{"name": "parallel", "branches": [[]], "join": "add"}], RecipeError, r"join must be concat or sum, however: 'add'"),
    ([{"name": "torch.nn:Linear", "in_features": 5, "out_features": 3}], CompileError, r"does not take an input of size"),
    ([{"name": "torch.nn:Linaer"}], UnknownName, r"Did you mean Linear"),
    ([3], RecipeError, r"should be a valid string"),
    ([{"width": 3}], RecipeError, r"must be a name or a mapping"),
]


@pytest.mark.parametrize(("listed", "kind", "sentence"), MISTAKES)
def test_mistakes_are_named_with_their_place(listed: list[Any], kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        sequential(PICTURES, *listed)


def test_every_block_is_documented() -> None:
    for name in blocks.names():
        assert (blocks[name].__doc__ or "").strip()
        assert [o.name for o in blocks.options(name).values() if not o.help] == []
