"""Language models: no token sees what comes after it, and they start as they should."""

from __future__ import annotations

import math

import pytest
import torch

from trainwell.core.errors import CompileError, RecipeError
from trainwell.core.shape import Input, Shape
from trainwell.models.build import build

TEXT = Shape((Input("text", "tokens", (12,), (30,), ("text",), "int32", tokens="characters"),))
WRITERS = {
    "rotary": ("gpt", {"width": 16, "depth": 2, "heads": 2}),
    "learned": ("gpt", {"width": 16, "depth": 2, "heads": 2, "positions": "learned", "tied": False}),
    "gru": ("rnn", {"width": 16, "depth": 2, "cell": "gru"}),
    "lstm": ("rnn", {"width": 16}),
}


@pytest.mark.parametrize("name", WRITERS)
def test_no_token_sees_what_comes_after_it(name: str) -> None:
    model, options = WRITERS[name]
    network = build(model, TEXT, 30, options).eval()
    codes = torch.randint(2, 30, (3, 12))
    changed = codes.clone()
    changed[:, 7:] = torch.randint(2, 30, (3, 5))
    with torch.no_grad():
        a, b = network(codes), network(changed)
        torch.testing.assert_close(a[:, :7], b[:, :7])
        assert not torch.allclose(a[:, 7:], b[:, 7:])
        torch.testing.assert_close(network(codes[:, :5]), a[:, :5])  # a prompt may be shorter than a window


@pytest.mark.parametrize("name", ["rotary", "learned"])
def test_order_counts(name: str) -> None:
    model, options = WRITERS[name]
    network = build(model, TEXT, 30, options).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.3)
    codes = torch.arange(2, 14)[None]
    swapped = codes[:, [1, 0, *range(2, 12)]]
    with torch.no_grad():
        assert not torch.allclose(network(codes)[:, -1], network(swapped)[:, -1], atol=1e-4)


def test_it_starts_at_the_loss_of_guessing_and_ends_of_branches_are_smaller() -> None:
    torch.default_generator.manual_seed(0)
    network = build("gpt", TEXT, 30, {"width": 64, "depth": 8, "heads": 4})
    codes = torch.randint(2, 30, (16, 12))
    loss = torch.nn.functional.cross_entropy(network(codes).flatten(0, 1), torch.randint(2, 30, (16 * 12,)))
    assert abs(loss.item() - math.log(30)) < 0.1
    block = network.blocks[0]
    assert block.narrow.weight.std().item() == pytest.approx(0.02 / 4, rel=0.1)
    assert block.widen.weight.std().item() == pytest.approx(0.02, rel=0.1)


def test_its_size_is_what_is_said() -> None:
    text = Shape((Input("text", "tokens", (64,), (67,), ("text",), "int32", tokens="characters"),))
    assert sum(p.numel() for p in build("gpt", text, 67, {}).parameters()) == 796_160  # 4 x 12 x 128² + 67 x 128 + 9 x 128


def test_it_refuses_other_data_and_odd_heads() -> None:
    with pytest.raises(CompileError, match=r"tells the next token.*task=language"):
        build("gpt", Shape((Input("number", "number", (3,)),)), 2, {})
    with pytest.raises(RecipeError, match="even multiple of heads"):
        build("gpt", TEXT, 30, {"width": 10, "heads": 4})
