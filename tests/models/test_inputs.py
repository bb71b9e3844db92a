"""Inputs as one row of features, and layers that adapt to the training rows."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainwell.core.errors import CompileError
from trainwell.core.shape import Input, Shape
from trainwell.models.adaptive import adapt
from trainwell.models.build import build
from trainwell.models.inputs import Inputs
from trainwell.models.picture import Normalize

NUMBERS = Input("number", "number", (3,))
CATEGORIES = Input("category", "category", (2,), (4, 3))
PICTURE = Input("picture", "picture", (3, 9, 7))


def inputs(*given: Input, numbers: str = "plain", one_hot: int = 8) -> Inputs:
    return Inputs(Shape(given), numbers=numbers, number_width=4, bins=5, one_hot=one_hot, category_width=6)  # type: ignore[arg-type]


def test_plain_numbers_and_one_hot_categories_pass_as_they_are() -> None:
    x, codes = torch.randn(2, 3), torch.tensor([[3, 0], [1, 2]], dtype=torch.int32)
    expected = torch.tensor([[0.0, 0, 1, 0, 0], [1, 0, 0, 0, 1]])
    assert torch.equal(inputs(NUMBERS, CATEGORIES)(x, codes), torch.cat([x, expected], 1))


@pytest.mark.parametrize("numbers", ["plain", "piecewise", "periodic"])
@pytest.mark.parametrize("one_hot", [0, 8])
@pytest.mark.parametrize("given", [(NUMBERS,), (CATEGORIES,), (PICTURE,), (NUMBERS, CATEGORIES, PICTURE), (PICTURE, NUMBERS)])
def test_width_and_chunks_are_those_of_what_comes_out(given: tuple[Input, ...], numbers: str, one_hot: int) -> None:
    encoder = inputs(*given, numbers=numbers, one_hot=one_hot).eval()
    rows = [torch.zeros(2, *i.shape, dtype=torch.int32 if i.kind == "category" else torch.float32) for i in given]
    assert encoder(*rows).shape == (2, encoder.width)
    assert sum(encoder.chunks) == encoder.width
    assert all(n > 0 for n in encoder.chunks)


def test_a_picture_alone_is_flattened_and_beside_numbers_encoded() -> None:
    assert inputs(PICTURE).width == 3 * 9 * 7
    assert inputs(PICTURE, NUMBERS).width == 64 + 3


@pytest.mark.parametrize("columns", [1, 100, 5000, 100_000])
def test_thousands_of_columns_do_not_become_millions_of_features(columns: int) -> None:
    numbers, codes = Input("number", "number", (columns,)), Input("category", "category", (columns,), (50,) * columns)
    with torch.device("meta"):
        encoder = Inputs(Shape((numbers, codes)), numbers="piecewise", number_width=16, bins=128, one_hot=64, category_width=16)
    assert encoder.width <= max(2 * 8192, 2 * columns)
    if columns <= 100:
        assert encoder.width == columns * (16 + 49)


def test_no_columns_are_refused() -> None:
    with pytest.raises(CompileError, match="no input columns"):
        inputs(Input("number", "number", (0,)))


def test_each_layer_adapts_to_its_own_input() -> None:
    network = build("tabm", Shape((CATEGORIES, NUMBERS, PICTURE)), 2, {"width": 8, "k": 2, "bins": 4})
    numbers, picture = 100 + torch.randn(50, 3), 0.2 + 0.1 * torch.rand(50, 3, 9, 7)
    adapt(network, (torch.zeros(50, 2, dtype=torch.int32), numbers, picture))
    encoders = network.get_submodule("inputs.encoders")
    encoding = encoders.get_submodule("1.encoding")
    assert torch.equal(encoding(numbers.min(0).values[None]), torch.zeros(1, 3, 4))
    torch.testing.assert_close(encoding(numbers.max(0).values[None]), torch.ones(1, 3, 4))
    torch.testing.assert_close(encoders.get_submodule("2.normalize").mean.flatten(), picture.mean((0, 2, 3)))


def test_normalized_training_pictures_have_mean_zero_and_deviation_one() -> None:
    layer, x = Normalize(3), torch.rand(20, 3, 6, 5) * torch.tensor([1.0, 0.1, 0.01])[:, None, None] + 0.4
    layer.fit(x)
    deviation, mean = torch.std_mean(layer(x), (0, 2, 3), correction=0)
    torch.testing.assert_close(mean, torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(deviation, torch.ones(3), atol=1e-4, rtol=0)


def test_a_black_channel_is_not_divided_by_zero() -> None:
    layer = Normalize(1)
    layer.fit(torch.zeros(4, 1, 2, 2))
    assert torch.equal(layer(torch.ones(1, 1, 2, 2)), torch.ones(1, 1, 2, 2))


def test_adapting_draws_nothing_and_trains_nothing() -> None:
    network = build("mlp", Shape((NUMBERS,)), 2, {"numbers": "piecewise"})
    before = [p.clone() for p in network.parameters()]
    rows = (torch.randn(30, 3),)
    state = torch.get_rng_state()
    adapt(network, rows)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


@pytest.mark.parametrize("name", ["mlp", "residual_mlp", "tabm", "resnet", "cnn"])
def test_a_stack_of_networks_runs_as_one(name: str) -> None:
    shape = Shape((PICTURE,)) if name in ("resnet", "cnn") else Shape((NUMBERS,))
    members = [build(name, shape, 2, {"width": 8}).eval() for _ in range(3)]
    parameters, buffers = torch.func.stack_module_state(members)  # type: ignore[arg-type]
    x = torch.rand(5, *shape.inputs[0].shape)

    def one(weights: dict[str, torch.Tensor], state: dict[str, torch.Tensor]) -> torch.Tensor:
        out: torch.Tensor = torch.func.functional_call(members[0], (weights, state), (x,))
        return out

    stacked = torch.func.vmap(one)(parameters, buffers)
    for got, member in zip(stacked, members, strict=True):
        torch.testing.assert_close(got, member(x), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ["mlp", "tabm", "resnet"])
def test_a_network_is_exported_with_a_free_batch_axis(name: str) -> None:
    shape = Shape((PICTURE,)) if name == "resnet" else Shape((NUMBERS, CATEGORIES))
    network: nn.Module = build(name, shape, 2, {"width": 8}).eval()

    def rows(n: int) -> tuple[torch.Tensor, ...]:
        codes = torch.ones(n, 2, dtype=torch.int32)
        return (torch.rand(n, 3, 9, 7),) if name == "resnet" else (torch.randn(n, 3), codes)

    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(
        network, rows(4), dynamic_shapes=({0: batch},) if name == "resnet" else (({0: batch}, {0: batch}),)
    )
    x = rows(9)
    torch.testing.assert_close(program.module()(*x), network(*x), rtol=1e-4, atol=1e-5)
