"""torch's update rules without torch's compiler: the same bits, the same hooks, and nothing that need not be loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from trainwell.optim.light import light

KINDS = [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adagrad, torch.optim.NAdam]


def trained(kind: type[torch.optim.Optimizer], steps: int = 5) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    network, x = nn.Linear(4, 3), torch.randn(8, 4)
    rule = kind(network.parameters(), lr=0.01)
    for _ in range(steps):
        rule.zero_grad()
        network(x).square().sum().backward()
        rule.step()
    return network, rule


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_are_torchs_to_the_bit(kind):
    ours, theirs = trained(light(kind))[0], trained(kind)[0]
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_one_of_its_kind_and_its_state_goes_both_ways(kind):
    rule = trained(light(kind))[1]
    assert isinstance(rule, kind)
    assert type(rule).__name__ == kind.__name__
    other = trained(kind, steps=1)[1]
    other.load_state_dict(rule.state_dict())
    rule.load_state_dict(other.state_dict())


def test_hooks_of_steps_are_called():
    rule, seen = trained(light(torch.optim.SGD))[1], []
    rule.register_step_pre_hook(lambda *_: seen.append("before"))
    rule.register_step_post_hook(lambda *_: seen.append("after"))
    rule.step()
    assert seen == ["before", "after"]


def test_a_step_makes_no_graph():
    network, rule = trained(light(torch.optim.AdamW))
    network(torch.randn(2, 4)).sum().backward()
    rule.step()
    assert all(p.requires_grad and p.is_leaf for p in network.parameters())


@pytest.mark.slow
def test_training_watching_and_stacks_load_no_compiler():
    program = """
import sys
import trainwell as tw
data = tw.load("iris")
for name in ("adamw", "muon", "lion", "schedule_free", "sgd"):
    tw.fit(tw.Recipe(epochs=1, optimizer=name, threads=1, ema=0.0, schedule="constant"), data)
tw.fit_many(tw.Recipe(model="mlp", epochs=2, threads=1), data, seeds=range(4))
print("torch._dynamo" in sys.modules)
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
