"""A short run that trackers follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from train.small import recipe

HOW = recipe(model={"name": "mlp", "width": 8}, steps=24, validate_every=6, batch_size=16)


def history_of(run: Any, tag: str) -> list[tuple[int, Any]]:
    """Steps and values of a curve such as `valid/loss`, as the run has them."""
    split, name = tag.split("/")
    return [(row["step"], pytest.approx(row[name])) for row in run.history.matching(split=split)]


def stop_at(step: int) -> Callable[[dict[str, Any]], bool]:
    """An observer that ends the training at a validation."""

    def stop(row: dict[str, Any]) -> bool:
        return row["split"] == "valid" and row["step"] >= step

    return stop
