"""Weights that have two names are one tensor: saved, averaged and restored once."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from train.small import numbers, recipe, weights
from trainwell.optim.limits import MovingAverage, recent
from trainwell.train.checkpoint import apart
from trainwell.train.fit import fit
from trainwell.train.run import Run


class Tied(nn.Module):
    """Two layers that share a matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.head = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 2)
        self.two.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.two(torch.relu(self.one(x)))))


def test_a_tied_network_resumes_to_the_same_bits_and_opens_again(tmp_path: Path) -> None:
    asked = recipe(model=Tied, ema=0.9)
    whole = fit(asked, numbers(), folder=tmp_path / "whole", observers=[lambda _row: None])
    fit(asked, numbers(), folder=tmp_path / "stopped", observers=[lambda row: row["step"] >= 20])
    fit(asked, numbers(), folder=tmp_path / "stopped", observers=[lambda _row: None])
    assert weights(tmp_path / "whole") == weights(tmp_path / "stopped")
    opened = Run.open(tmp_path / "whole").network
    assert opened.one.weight is opened.two.weight
    assert torch.equal(opened.one.weight, whole.network.one.weight)


def test_an_average_of_tied_weights_is_taken_once_and_given_back() -> None:
    network = Tied()
    average = MovingAverage(dict(network.state_dict(keep_vars=True)), lambda n: recent(n, decay=0.5))
    assert len(average.names) == len({id(p) for p in network.parameters()})
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)
    average.update(5)
    before = {name: t.clone() for name, t in network.state_dict().items()}
    average.swap()
    assert not torch.equal(network.one.weight, before["one.weight"])
    average.swap()
    assert all(torch.equal(t, before[name]) for name, t in network.state_dict().items())


def test_tensors_apart_share_no_memory() -> None:
    network = Tied()
    found = apart(network.state_dict())
    assert len({t.untyped_storage().data_ptr() for t in found.values()}) == len(found) == len(network.state_dict())
    assert torch.equal(found["one.weight"], found["two.weight"])
