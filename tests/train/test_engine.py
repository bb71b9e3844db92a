"""The engine's state goes to disk and back without changing a bit, in every memory order."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainwell.core.recipe import Recipe
from trainwell.train.fit import fit

from .small import pictures, recipe, weights

NETWORK = {"name": "cnn", "width": 4, "stages": 2}


def how(**changes: object) -> Recipe:
    return recipe(model=NETWORK, steps=12, ema=0.9, weight_decay=0.01, **changes)


def stop_half_way(row: dict) -> bool:
    return row["split"] == "train" and row["step"] >= 5


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "rmsprop", "sgd"])
@pytest.mark.parametrize("memory_format", ["contiguous", "channels_last"])
def test_a_run_stopped_and_continued_ends_in_the_same_bits_in_every_memory_order(
    tmp_path: Path, memory_format: str, optimizer: str
) -> None:
    chosen = how(memory_format=memory_format, optimizer=optimizer)
    fit(chosen, pictures(), folder=tmp_path / "whole")
    fit(chosen, pictures(), folder=tmp_path / "torn", observers=[stop_half_way])
    (tmp_path / "torn/weights.safetensors").unlink()
    fit(chosen, pictures(), folder=tmp_path / "torn")
    assert weights(tmp_path / "torn") == weights(tmp_path / "whole")
