"""The network layer by layer: every count agrees with one made by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from trainwell.core.shape import Input, Shape
from trainwell.models.registry import models
from trainwell.train.summary import layers, typical_inputs

PICTURE = (3, 9, 9)
# One layer, the shape of one example, its parameters and its multiply-adds, each as they are counted on paper.
BY_HAND = [
    (nn.Linear(5, 7), (5,), 5 * 7 + 7, 5 * 7),
    (nn.Linear(5, 7, bias=False), (4, 5), 5 * 7, 4 * 5 * 7),  # once for each of 4 positions
    (nn.Conv2d(3, 8, 3), PICTURE, 8 * 3 * 9 + 8, 7 * 7 * 8 * 3 * 9),
    (nn.Conv2d(3, 8, 3, stride=2, padding=1), PICTURE, 8 * 3 * 9 + 8, 5 * 5 * 8 * 3 * 9),
    (nn.Conv2d(3, 6, 3, groups=3), PICTURE, 6 * 1 * 9 + 6, 7 * 7 * 6 * 9),  # each output sees one channel
    (nn.Conv1d(2, 4, 5), (2, 10), 4 * 2 * 5 + 4, 6 * 4 * 2 * 5),
    (nn.ConvTranspose2d(3, 4, 2, stride=2), PICTURE, 3 * 4 * 4 + 4, 9 * 9 * 3 * 4 * 4),  # each input pixel makes 2 x 2
    (nn.LSTM(4, 6, batch_first=True), (10, 4), 4 * 6 * (4 + 6) + 2 * 4 * 6, 10 * 4 * 6 * (4 + 6)),
    (nn.BatchNorm2d(3), PICTURE, 6, 0),
    (nn.ReLU(), (5,), 0, 0),
]


@pytest.mark.parametrize(("module", "shape", "parameters", "work"), BY_HAND, ids=lambda x: type(x).__name__)
def test_parameters_and_multiply_adds_are_those_counted_by_hand(
    module: nn.Module, shape: tuple[int, ...], parameters: int, work: int
) -> None:
    (found,) = layers(module, [torch.randn(3, *shape)])
    assert (found.parameters, found.multiplications) == (parameters, work)


def test_an_embedding_looks_up_and_multiplies_nothing() -> None:
    (found,) = layers(nn.Embedding(10, 4), [torch.randint(0, 10, (3, 5))])
    assert (found.parameters, found.multiplications, found.output) == (40, 0, "(B, 5, 4)")


def test_what_comes_out_is_measured() -> None:
    x = torch.tensor([[-1.0, 3.0], [-2.0, 0.0]])
    (found,) = layers(nn.ReLU(), [x])
    assert found.mean == pytest.approx(0.75)
    assert found.zeros == pytest.approx(0.75)
    assert found.deviation == pytest.approx(torch.tensor([0.0, 3.0, 0.0, 0.0]).std(correction=0).item())


class Twice(nn.Module):
    """One layer used twice, weights tied to another, and attention, which calls its last layer as a function."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.tied, self.attention = nn.Linear(4, 4), nn.Linear(4, 4), nn.MultiheadAttention(4, 2, batch_first=True)
        self.tied.weight = self.layer.weight
        self.never = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.tied(self.layer(self.layer(x)))
        return self.attention(x, x, x, need_weights=True)[0]


def test_the_total_is_the_networks_however_its_weights_are_used() -> None:
    network = Twice()
    found = layers(network, [torch.randn(2, 5, 4)])
    assert sum(layer.parameters for layer in found) == sum(p.numel() for p in network.parameters())
    assert [layer.multiplications for layer in found if layer.name == "layer"] == [
        80,
        80,
    ]  # it works twice: 5 x 4 x 4 each time


def test_frozen_weights_are_not_counted_as_trained() -> None:
    network = nn.Linear(4, 4)
    network.weight.requires_grad_(False)
    assert layers(network, [torch.randn(2, 4)])[0].parameters == 4


@pytest.mark.parametrize("name", ["mlp", "residual_mlp", "tabm", "cnn", "resnet"])
def test_registered_networks_are_described_whole_and_left_as_they_were(name: str) -> None:
    table = (Input("number", "number", (3,)), Input("category", "category", (2,), cardinalities=(4, 5)))
    shape = Shape((Input("picture", "picture", (3, 16, 16)),)) if name in ("cnn", "resnet") else Shape(table)
    network = models[name](shape, 2)
    before = [m.training for m in network.modules()]
    found = layers(network, typical_inputs(shape))
    assert sum(layer.parameters for layer in found) == sum(p.numel() for p in network.parameters())
    assert [m.training for m in network.modules()] == before
    assert not any(m._forward_hooks for m in network.modules())


def test_printed_it_is_a_table_with_totals() -> None:
    lines = repr(layers(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2)), [torch.randn(2, 4)])).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[-1].split() == ["2", "layers", str(4 * 8 + 8 + 8 * 2 + 2), str(4 * 8 + 8 * 2)]


@pytest.mark.parametrize("name", ["dcgan", "wgan_gp", "cyclegan", "autoencoder"])
def test_what_makes_pictures_and_what_looks_at_them_are_both_shown(name: str) -> None:
    shape = Shape((Input("picture", "picture", (1, 16, 16)),))
    network = models.bind(name, {"width": 4})(shape, 2)
    found = layers(network, typical_inputs(shape))
    assert sum(layer.parameters for layer in found) == sum(p.numel() for p in network.parameters() if p.requires_grad)
    first = {layer.name.partition(".")[0] for layer in found}
    assert first >= ({"encoder", "decoder"} if name == "autoencoder" else {"critic", "generator"})
    alone = [layer.parameters for layer in found if layer.name == "not called by themselves"]
    assert alone == ([2 * 16] if name == "autoencoder" else [])  # without a class it takes the mean of their vectors
