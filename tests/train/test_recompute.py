"""Blocks that are computed again: the same gradients, statistics and draws, and less kept for the backward pass."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from trainwell.core.errors import CompileError, RecipeError
from trainwell.core.shape import Input, Shape
from trainwell.models.registry import models
from trainwell.train.fit import fit
from trainwell.train.recompute import recompute

from .small import pictures, recipe, weights
from .test_engine import stop_half_way

PICTURE = Shape((Input("picture", "picture", (3, 32, 32), "float32"),))
NETWORKS = {"resnet": {"width": 8}, "convnext": {"width": 8}, "vit": {"width": 16, "heads": 2}, "vgg": {"width": 4}}


def built(name: str) -> nn.Module:
    torch.manual_seed(0)
    return models[name](PICTURE, 5, **NETWORKS[name]).train()


def trained_once(network: nn.Module, x: Tensor) -> tuple[int, list[Tensor]]:
    """Bytes that one backward pass keeps, gradients and buffers after it."""
    kept: dict[int, int] = {}

    def pack(t: Tensor) -> Tensor:
        kept[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    torch.manual_seed(1)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        loss = network(x).square().sum()
    most = sum(kept.values())
    loss.backward()
    return most, [p.grad for p in network.parameters() if p.grad is not None] + list(network.buffers())


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_bits_from_less_memory(name: str) -> None:
    plain, x = built(name), torch.rand(8, 3, 32, 32)
    saving = deepcopy(plain)
    recompute(saving)
    recompute(saving)  # once is enough
    assert list(saving.state_dict()) == list(plain.state_dict())
    most, expected = trained_once(plain, x)
    less, found = trained_once(deepcopy(saving), x)  # a copy computes with its own weights
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    assert less < 0.7 * most


def test_evaluation_is_left_alone() -> None:
    saving = built("resnet").eval()
    x = torch.rand(2, 3, 32, 32)
    before = saving(x)
    recompute(saving)
    assert torch.equal(saving(x), before)


def test_a_network_without_blocks_is_refused_in_a_sentence() -> None:
    with pytest.raises(CompileError, match="no repeated blocks"):
        recompute(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))


def test_a_run_is_the_one_without_it_and_continues_to_the_same_bits(tmp_path: Path) -> None:
    chosen = recipe(model={"name": "resnet", "width": 4}, steps=10)
    fit(chosen, pictures(), folder=tmp_path / "plain")
    saving = chosen.but(gradient_checkpointing=True)
    fit(saving, pictures(), folder=tmp_path / "saving", observers=[stop_half_way])
    (tmp_path / "saving/weights.safetensors").unlink()
    fit(saving, pictures(), folder=tmp_path / "saving")
    assert weights(tmp_path / "saving") == weights(tmp_path / "plain")


def test_games_refuse_it() -> None:
    with pytest.raises(RecipeError, match="gradient_checkpointing"):
        fit(recipe(model="dcgan", task="generation", gradient_checkpointing=True, metrics="auto"), pictures())
